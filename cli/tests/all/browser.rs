//! The page in real browsers, and its pure modules in Node.

use std::process::Command;

use crate::world::World;
use crate::{root, tool};

fn node(files: &[&str], world: Option<&World>) {
    let Some(node) = tool("CHATCTL_TEST_NODE", "the page's tests") else { return };
    let mut command = Command::new(node);
    command.arg("--test").args(files).current_dir(root().join("web/tests"));
    if let Some(world) = world {
        let status = world.status();
        command
            .env("CHAT_PAGE", status["page"].as_str().unwrap())
            .env("CHAT_PUSH", status["push_service"].as_str().unwrap())
            .env("CHATCTL", env!("CARGO_BIN_EXE_chatctl"))
            .env("CHATCTL_STATE_DIR", world.state());
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[test]
fn the_page_s_pure_modules_hold_their_promises() {
    node(&["unit/api.test.js", "unit/history.test.js", "unit/outbox.test.js", "unit/service-worker.test.js"], None);
}

#[test]
fn a_real_chromium_reads_and_writes() {
    if tool("CHROMIUM", "the page in Chromium").is_some() {
        node(&["browser/chromium.test.js"], Some(&World::up()));
    }
}

#[test]
fn a_real_firefox_gets_an_encrypted_push_and_shows_a_notification() {
    if tool("FIREFOX", "the page in Firefox").is_some() {
        node(&["browser/firefox.test.js"], Some(&World::up()));
    }
}
