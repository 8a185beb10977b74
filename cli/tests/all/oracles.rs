//! What others wrote, against ours: boto3 on the local cloud, OpenSSL's Web Push encryption both ways.

use std::io::Write;
use std::process::{Command, Stdio};

use chat::base64url::{decode, encode};
use chat::webpush::vapid::VapidKey;
use chat::webpush::{Ephemeral, ReceiverKey, seal};
use serde_json::{Value, json};

use crate::world::World;
use crate::{root, tool};

/// Runs a script with a JSON document on its standard input and gives what it printed.
pub(crate) fn python(script: &str, input: &Value) -> Option<String> {
    let python = tool("CHATCTL_TEST_PYTHON", script)?;
    let mut child = Command::new(python)
        .arg(root().join("cli/tests/python").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    Some(said)
}

#[test]
fn boto3_works_with_what_status_shows() {
    let world = World::up();
    if let Some(said) = python("local_cloud.py", &world.status()) {
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 6, "{said}");
    }
}

#[test]
fn an_independent_implementation_opens_what_we_seal_and_seals_what_we_open() {
    let receiver = ReceiverKey::generate();
    let text = "übers Netz, versiegelt 🔏";
    let sealed = seal(text.as_bytes(), &receiver.keys(), &Ephemeral::generate()).unwrap();
    let vapid = VapidKey::generate();
    let header = vapid.header("https://push.example:8443", "mailto:ops@example.org", 1_770_000_000);
    let token = header.split("t=").nth(1).unwrap().split(',').next().unwrap();
    let private = &receiver.to_bytes()[..32];
    let asked = json!({
        "open": {"private": encode(private), "auth": encode(receiver.auth()), "body": encode(&sealed)},
        "seal": {"public": encode(receiver.p256dh()), "auth": encode(receiver.auth()), "text": text},
        "vapid": {"token": token, "public": encode(vapid.public())},
    });
    let Some(said) = python("sealing.py", &asked) else { return };
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["opened"], text);
    assert_eq!(receiver.open(&decode(answer["body"].as_str().unwrap()).unwrap()).unwrap(), text.as_bytes());
    assert_eq!(answer["claims"]["aud"], "https://push.example:8443");
    assert_eq!(answer["claims"]["sub"], "mailto:ops@example.org");
}
