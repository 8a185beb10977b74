//! The local cloud's bad days: killed, of an older build, its port taken. Each is said, and what it kept is there.

use std::process::Command;

use crate::relay::Relay;
use crate::world::{World, kill, one};

#[test]
fn a_killed_local_cloud_is_started_again_and_has_everything() {
    let world = World::up();
    world.succeeds(["send", "before"]);
    kill(world.cloud_pid(), "KILL");
    let sent = world.succeeds(["send", "after"]);
    one(&sent, "sent");
    assert_eq!(one(&sent, "cloud.started")["restarted_because"], "it had been killed");
    assert_eq!(world.history(), ["before", "after"]);
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["changed"], 0);
}

#[test]
fn a_local_cloud_of_an_older_build_is_restarted_which_is_said_in_one_line_and_has_everything() {
    let world = World::empty();
    let older = world.state().join("chatctl-of-yesterday");
    // By another process: a file that this one holds open for writing could not be run while it forks for another test.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_chatctl")).arg(&older).status().unwrap().success());
    let by_older = |words: &[&str]| world.program(&older).args(words).output().unwrap();
    let up = by_older(&["up"]);
    assert!(up.status.success(), "{up:?}");
    assert!(by_older(&["send", "before"]).status.success());
    let (pid, port) = (world.cloud_pid(), world.port());

    let status = world.chatctl().arg("status").output().unwrap();
    assert!(status.status.success(), "{status:?}");
    let said = String::from_utf8(status.stderr).unwrap();
    assert_eq!(
        said,
        format!("✓ local cloud restarted: it was of another build (http://127.0.0.1:{port})\n"),
        "one line, and the same port"
    );
    assert_ne!(world.cloud_pid(), pid);
    world.succeeds(["send", "after"]);
    assert_eq!(world.history(), ["before", "after"]);
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["changed"], 0);
}

#[test]
fn a_port_that_another_program_took_is_named_with_what_to_type_and_the_next_up_converges() {
    let world = World::up();
    world.succeeds(["send", "before"]);
    let port = world.port();
    world.succeeds(["down"]);
    let other = Relay::taking(port);
    let failed = world.fails(1, ["up"]);
    assert_eq!(failed["error"], format!("the local cloud's port {port} is taken by another program"));
    assert!(failed["next"][0].as_str().is_some_and(|next| next.contains(&format!("sport = :{port}"))), "{failed}");
    drop(other);
    let up = world.succeeds(["up"]);
    assert_eq!(one(&up, "deployed")["proved"], true);
    assert!(one(&up, "cloud.started").get("restarted_because").is_none(), "it had been told to stop");
    assert_eq!(world.port(), port);
    assert_eq!(world.history(), ["before"]);
}
