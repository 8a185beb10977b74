//! The target `aws`, with a local cloud in the place of AWS: the SDK's own chain finds endpoint and credentials,
//! nothing is guessed, and what goes wrong on the way says what to type.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::between::{Answers, Between, refusal, whole};
use crate::world::{World, events, one};

const REGION: &str = "us-east-1";

/// A local cloud that stands for AWS, and a person's own AWS settings.
struct Abroad {
    world: World,
    identity: Value,
    profiles: PathBuf,
}

impl Abroad {
    /// `minutes` is how long the credentials last that the profile's process gives.
    fn new(minutes: i64) -> Abroad {
        let world = World::empty();
        world.succeeds(["plan"]);
        let identity = std::fs::read(world.state().join("cloud.json")).unwrap();
        let identity: Value = serde_json::from_slice(&identity).unwrap();
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
        let credentials = json!({
            "Version": 1,
            "AccessKeyId": identity["access_key"],
            "SecretAccessKey": identity["secret_key"],
            "Expiration": end.to_string(),
        });
        let (given, profiles) = (world.state().join("credentials.json"), world.state().join("aws-config"));
        std::fs::write(&given, credentials.to_string()).unwrap();
        let profile = format!("[profile chat]\ncredential_process = cat {}\n", given.display());
        std::fs::write(&profiles, profile).unwrap();
        Abroad { world, identity, profiles }
    }

    fn between(&self, answers: Answers) -> Between {
        Between::new(self.identity["endpoint"].as_str().unwrap(), answers)
    }

    /// Runs the tool for a stage on AWS that answers at this origin.
    fn run(&self, origin: &str, arguments: &[&str]) -> Output {
        let mut command = self.world.chatctl();
        command.args(["--json", "--stage", "prod", "--target", "aws"]).args(arguments);
        command.env("AWS_CONFIG_FILE", &self.profiles).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_PROFILE", "chat").env("AWS_ENDPOINT_URL", origin).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("CHATCTL_BUILD_PROFILE", "dev").env("CHATCTL_PUSH_SERVICE", "ws://127.0.0.1:9/");
        command.output().unwrap()
    }

    fn endpoint(&self) -> &str {
        self.identity["endpoint"].as_str().unwrap()
    }
}

fn ended(out: &Output, code: i32) -> Vec<Value> {
    let told = events(out);
    assert_eq!(out.status.code(), Some(code), "{told:#?}\n{}", String::from_utf8_lossy(&out.stderr));
    told
}

fn failure(out: &Output, code: i32) -> Value {
    ended(out, code).into_iter().rfind(|event| event["event"] == "failed").expect("a failure is told")
}

#[test]
fn a15_a_stage_goes_up_and_down_by_a_profile_whose_process_gives_credentials_that_end_soon() {
    let abroad = Abroad::new(10);
    let account = abroad.identity["account"].as_str().unwrap();
    let region = ["--region", REGION];
    let told = ended(&abroad.run(abroad.endpoint(), &["up", "--yes", region[0], region[1]]), 6);
    let acting = one(&told, "acting");
    assert_eq!((acting["account"].as_str(), acting["region"].as_str()), (Some(account), Some(REGION)), "{acting}");
    assert_eq!(acting["endpoint"], abroad.endpoint(), "where the calls go is no secret");
    assert!(acting["who"].as_str().unwrap().contains(account), "{acting}");
    let soon = |event: &Value| event["event"] == "warning" && event["what"] == "these credentials end in 9 min";
    assert!(told.iter().any(soon), "{told:#?}");
    let bare = told.iter().find(|event| event["what"].as_str().is_some_and(|what| what.contains("boundary")));
    let bare = bare.expect("that roles have no boundary is said before they are made (A35)");
    assert!(bare["next"].as_str().unwrap().starts_with("chatctl bootstrap --stage prod"), "{bare}");
    let deployed = one(&told, "deployed");
    assert_eq!((deployed["target"].as_str(), deployed["proved"].as_bool()), (Some("aws"), Some(false)), "{deployed}");

    let told = ended(&abroad.run(abroad.endpoint(), &["plan", "--detailed-exitcode", region[0], region[1]]), 0);
    assert!(one(&told, "forecast")["steps"].as_array().unwrap().iter().all(|step| step["change"] == "keep"));
    ended(&abroad.run(abroad.endpoint(), &["down", "--yes", "--delete-data=prod", region[0], region[1]]), 0);
    let told = ended(&abroad.run(abroad.endpoint(), &["plan", region[0], region[1]]), 0);
    assert!(one(&told, "forecast")["steps"].as_array().unwrap().iter().all(|step| step["change"] == "create"));
}

#[test]
fn a15_credentials_that_run_out_in_the_middle_stop_an_up_cleanly_and_the_same_command_goes_on() {
    let abroad = Abroad::new(600);
    let up = ["up", "--yes", "--no-proof", "--region", REGION];
    let late = abroad.between(Box::new(|number, service| {
        let words = "The security token included in the request is expired";
        (number > 45).then(|| refusal(service, "ExpiredTokenException", words))
    }));
    let failed = failure(&abroad.run(&late.origin, &up), 5);
    assert!(failed["why"].as_str().unwrap().contains("ExpiredTokenException"), "{failed}");
    let next: Vec<&str> = failed["next"].as_array().unwrap().iter().map(|next| next.as_str().unwrap()).collect();
    assert!(next[0].starts_with("aws sso login"), "{next:?}");
    assert_eq!(next.last(), Some(&"chatctl up --stage prod --target aws --region us-east-1"), "{next:?}");
    assert!(late.calls().len() < 120, "it stops, and does not try all the rest: {}", late.calls().len());

    let told = ended(&abroad.run(abroad.endpoint(), &up), 0);
    let kept =
        one(&told, "planned")["steps"].as_array().unwrap().iter().filter(|step| step["change"] == "keep").count();
    assert!(kept > 0, "what was done stayed");
    let told = ended(&abroad.run(abroad.endpoint(), &up), 0);
    assert_eq!(one(&told, "deployed")["changed"], 0);
    ended(&abroad.run(abroad.endpoint(), &["down", "--yes", "--delete-data=prod", "--region", REGION]), 0);
}

/// A cargo-zigbuild that hands out a program of this computer, whatever it was asked for.
fn wrong_compiler(world: &World) -> PathBuf {
    let bin = world.state().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let made: String = chat_aws::routes::Function::ALL
        .into_iter()
        .map(|function| {
            let target = json!({ "name": function.name() });
            let made = json!({ "reason": "compiler-artifact", "target": target, "executable": "/bin/true" });
            format!("echo '{made}'\n")
        })
        .collect();
    let zigbuild = bin.join("cargo-zigbuild");
    std::fs::write(&zigbuild, format!("#!/bin/sh\n{made}")).unwrap();
    std::fs::set_permissions(&zigbuild, std::fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn a18_an_executable_of_another_processor_is_refused_before_anything_but_sts_is_called() {
    let world = World::empty();
    let cloud = Between::new(
        "http://127.0.0.1:9",
        Box::new(|_, service| {
            let me = "<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:user/ann</Arn>";
            let me = format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult>{me}</GetCallerIdentityResult></GetCallerIdentityResponse>"
            );
            Some(match service {
                "sts" => whole(200, "text/xml", "", &me),
                _ => refusal(service, "AccessDeniedException", "nothing is to be called"),
            })
        }),
    );
    let (here, other) = if cfg!(target_arch = "aarch64") { ("arm64", "x86_64") } else { ("x86_64", "arm64") };
    let path = format!("{}:/usr/bin:/bin", wrong_compiler(&world).display());
    let mut up = world.chatctl();
    up.args([
        "--json",
        "--stage",
        "prod",
        "--target",
        "aws",
        "up",
        "--yes",
        "--region",
        REGION,
        "--architecture",
        other,
    ]);
    up.env("AWS_ENDPOINT_URL", &cloud.origin).env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    up.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    up.env("PATH", path).env("CARGO_TARGET_DIR", world.state().join("target"));
    let failed = failure(&up.output().unwrap(), 1);
    let why = failed["why"].as_str().unwrap_or_default();
    assert!(failed["error"].as_str().unwrap().ends_with("cannot run in the cloud"), "{failed}");
    assert_eq!(why, format!("it is for {here}, the functions run on {other}"), "{failed}");
    assert_eq!(cloud.calls(), ["sts"]);
}

#[test]
fn another_account_is_refused_before_anything_but_sts_is_called() {
    let abroad = Abroad::new(600);
    let between = abroad.between(Box::new(|_, _| None));
    let settings = abroad.world.state().join("chatctl.toml");
    std::fs::write(&settings, "[stage.prod]\ntarget = \"aws\"\nregion = \"us-east-1\"\naccount = \"123456789012\"\n")
        .unwrap();
    for command in ["up", "plan", "down", "status"] {
        let config = settings.to_str().unwrap();
        let failed = failure(&abroad.run(&between.origin, &[command, "--yes", "--config", config]), 5);
        assert!(failed["error"].as_str().unwrap().contains("belongs to account 123456789012"), "{failed}");
        assert_eq!(failed["next"][0], "set AWS_PROFILE to a profile of account 123456789012", "{failed}");
    }
    assert_eq!(between.calls(), ["sts", "sts", "sts", "sts"]);
}

#[test]
fn without_a_region_nothing_is_called_and_the_flag_is_named() {
    let abroad = Abroad::new(600);
    let between = abroad.between(Box::new(|_, _| None));
    let failed = failure(&abroad.run(&between.origin, &["plan"]), 2);
    assert_eq!(failed["error"], "stage \"prod\" has no region, and none is guessed");
    assert!(failed["next"][0].as_str().unwrap().starts_with("add --region "), "{failed}");
    assert_eq!(between.calls(), Vec::<String>::new());
}

#[test]
fn what_answers_on_the_way_and_a_clock_that_is_off_are_told_for_what_they_are() {
    let abroad = Abroad::new(600);
    let plan = ["plan", "--region", REGION];
    let page = "<html><head><title>Sign in to the Wi-Fi</title></head></html>";
    let gate = abroad.between(Box::new(move |_, _| Some(whole(200, "text/html", "", page))));
    let failed = failure(&abroad.run(&gate.origin, &plan), 1);
    assert!(failed["why"].as_str().unwrap().contains("titled \"Sign in to the Wi-Fi\", which is not AWS"), "{failed}");
    assert!(failed["next"][0].as_str().unwrap().contains("HTTPS_PROXY"), "{failed}");
    assert!(gate.calls().len() <= 3, "{:?}", gate.calls());

    let off = abroad.between(Box::new(|_, service| {
        let words =
            "Signature expired: 20261124T120000Z is now earlier than 20261124T120500Z (20261124T122000Z - 15 min.)";
        Some(refusal(service, "SignatureDoesNotMatch", words))
    }));
    let failed = failure(&abroad.run(&off.origin, &plan), 5);
    assert!(failed["next"][0].as_str().unwrap().contains("clock"), "{failed}");
}

#[test]
fn a_folder_that_is_no_checkout_and_a_state_folder_that_cannot_be_written_are_named() {
    let world = World::empty();
    let failed = world.fails(1, ["up", "--source", "/proc"]);
    assert!(failed["error"].as_str().unwrap().starts_with("/proc is no checkout of chatctl"), "{failed}");

    let file = world.state().join("file");
    std::fs::write(&file, "").unwrap();
    for (arguments, code) in [(vec!["up"], 1), (vec!["send", "x"], 1)] {
        let state: &Path = &file.join("state");
        let out = world.chatctl().arg("--json").args(&arguments).env("CHATCTL_STATE_DIR", state).output().unwrap();
        let failed = failure(&out, code);
        if arguments == ["up"] {
            assert!(failed["error"].as_str().unwrap().starts_with("cannot use the state folder"), "{failed}");
            assert!(failed["why"].as_str().unwrap().contains("Not a directory"), "{failed}");
            assert!(failed["next"][0].as_str().unwrap().starts_with("export CHATCTL_STATE_DIR="), "{failed}");
        }
        assert!(!failed["next"].as_array().unwrap().is_empty(), "{failed}");
    }
}
