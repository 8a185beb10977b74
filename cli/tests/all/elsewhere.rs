//! A cloud that nobody here wrote: the tool, as it is, against moto's server. It runs no functions, so nothing can be
//! proved there, but every call of the deployment is answered by somebody else's reading of AWS.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::oracles::python;
use crate::world::{World, events, one};
use crate::{root, tool};

/// What moto answers otherwise than AWS, by call: the resource whose plan it touches, and the field that then never
/// stands as wanted.
const OTHERWISE: &[(&str, &str, &str)] = &[
    // An alias is answered as the version that it stood on when the mapping was made.
    ("ListEventSourceMappings", "mapping/stream", "function"),
    ("ListEventSourceMappings", "mapping/queue", "function"),
];

/// Where the stage is put.
const REGION: &str = "eu-west-1";
/// Settings of a stage in moto's account. Nothing listens at the push service: there is nothing to hear.
const SETTINGS: &str = "project = \"elsewhere\"\n[stage.prod]\ntarget = \"aws\"\nregion = \"eu-west-1\"\n\
    account = \"123456789012\"\npush_service = \"ws://127.0.0.1:9/\"\n";

/// moto's server on a port of its own; it ends with this.
struct Moto {
    process: Child,
    origin: String,
}

impl Moto {
    fn start(python: &str) -> Moto {
        let mut process = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let origin = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Running on ")?.1.split_whitespace().next()?.to_owned()))
            .expect("moto says where it is");
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Moto { process, origin }
    }

    /// Everything that stands there, as boto3 lists it: a line a thing.
    fn everything(&self) -> Vec<String> {
        let asked = json!({"endpoint_url": self.origin, "region": REGION});
        let listed = python("standing.py", &asked).expect("moto runs, so Python is there");
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The steps of a plan that change something: id, verb and the fields.
fn changes(planned: &Value) -> Vec<(String, String, Vec<String>)> {
    let steps = planned["steps"].as_array().unwrap().iter().filter(|step| step["change"] != "keep");
    let names = |step: &Value| {
        step["fields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| (text(&step["id"]), text(&step["change"]), names(step))).collect()
}

/// Those that are not moto's doing.
fn ours(planned: &Value) -> Vec<(String, String, Vec<String>)> {
    let excused = |id: &str, fields: &[String]| {
        fields.iter().all(|field| OTHERWISE.iter().any(|(_, of, name)| *of == id && name == field))
    };
    changes(planned).into_iter().filter(|(id, verb, fields)| verb != "update" || !excused(id, fields)).collect()
}

#[test]
fn moto_is_deployed_to_read_updated_and_left_empty_by_the_same_code() {
    let Some(program) = tool("CHATCTL_TEST_PYTHON", "moto") else { return };
    let (moto, world) = (Moto::start(&program), World::empty());
    let settings = world.state().join("chatctl.toml");
    let run = |arguments: &[&str]| {
        let mut command = world.chatctl();
        command.args(["--json", "--stage", "prod", "--config"]).arg(&settings).args(arguments);
        let command = command.env("AWS_ENDPOINT_URL", &moto.origin).env("CHATCTL_BUILD_PROFILE", "dev");
        let command = command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
        let out = command.current_dir(root()).output().unwrap();
        (out.status.code(), events(&out), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    std::fs::write(&settings, SETTINGS).unwrap();
    let (code, told, said) = run(&["up", "--yes"]);
    assert_eq!(code, Some(6), "deployed, unproven: {told:#?} {said}");
    assert!(one(&told, "deployed")["proved"] == false);
    // A25: what only hardens and is not offered breaks nothing, and is named.
    let without = one(&told, "deployed")["warnings"].to_string();
    assert!(without.contains("Lambda PutFunctionRecursionConfig is not offered here"), "{without}");
    let kinds = ["table", "queue", "function", "mapping", "role", "api", "parameter", "log group"];
    let counts = kinds.map(|kind| moto.everything().iter().filter(|line| line.starts_with(kind)).count());
    assert_eq!(counts, [3, 2, 6, 2, 6, 1, 2, 6], "{kinds:?}");

    let (code, told, said) = run(&["plan"]);
    assert_eq!(code, Some(0), "{told:#?} {said}");
    assert_eq!(ours(one(&told, "forecast")), [], "nothing to change");

    std::fs::write(&settings, SETTINGS.replace("push_service", "contact = \"mailto:me@example.org\"\npush_service"))
        .unwrap();
    let (code, told, said) = run(&["up", "--yes", "--no-proof"]);
    assert_eq!(code, Some(0), "{told:#?} {said}");
    let changed = ours(one(&told, "planned"));
    assert_eq!(
        changed.iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>(),
        ["function/notify-clients"],
        "{changed:?}"
    );

    let (code, told, said) = run(&["down", "--yes", "--delete-data=prod"]);
    assert_eq!(code, Some(0), "{told:#?} {said}");
    assert_eq!(moto.everything(), Vec::<String>::new());
}
