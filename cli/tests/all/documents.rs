//! Documents that are made from the code, and must say what it says. `CHATCTL_BLESS=1` writes them anew.

use std::fmt::Write as _;
use std::fs;

use crate::root;

const INTRODUCTION: &str = "# The local cloud

AWS on loopback, inside the `chatctl` binary: one port for AWS's protocols and for push, one for each HTTP API. State is on disk, in the
platform's state folder or `CHATCTL_STATE_DIR`; `kill -9` of any process loses nothing that was acknowledged. It takes requests from this
machine only: `Host` must be its own, and a foreign `Origin` is refused. `chatctl status` shows the endpoint and the fixed credentials with
which the SDKs, boto3 and the AWS command line work against it; `chatctl logs --cloud` shows its own log.

The push service speaks RFC 8030 with VAPID (RFC 8292) to senders and Mozilla's push protocol over WebSocket to clients: point a test
Firefox's `dom.push.serverURL` at the address that `status` shows. Signatures are not checked and roles are kept, not enforced.

A call that is not listed here is refused by its name, never answered with a made-up success.
";

#[test]
fn local_cloud_md_lists_every_call_that_the_code_implements() {
    let mut text = INTRODUCTION.to_owned();
    for (service, calls) in localcloud::implemented() {
        let mut calls = calls.to_vec();
        calls.sort_unstable();
        let calls: Vec<String> = calls.iter().map(|call| format!("`{call}`")).collect();
        write!(text, "\n## {service}\n{}\n", calls.join(", ")).unwrap();
    }
    let path = root().join("docs/local-cloud.md");
    if std::env::var_os("CHATCTL_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        text,
        "write it anew: CHATCTL_BLESS=1 cargo xtask test local_cloud_md"
    );
}
