//! `up` cut short: by Ctrl-C, by `kill -9`, by another `up`. The next one goes on from there.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::relay::Relay;
use crate::world::{World, events, kill, one};

/// An `up` on its way, and its events.
fn starts(world: &World, push_service: Option<&Relay>) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = world.chatctl();
    command.args(["--json", "up"]).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(service) = push_service {
        command.env("CHATCTL_PUSH_SERVICE", service.push_service());
    }
    let mut up = command.spawn().unwrap();
    let lines = BufReader::new(up.stdout.take().unwrap()).lines();
    (up, lines)
}

/// Reads on until this event.
fn until(lines: &mut Lines<BufReader<ChildStdout>>, event: &str) {
    let word = format!("\"event\":\"{event}\"");
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains(&word)), "{event} never came");
}

/// Ctrl-C: it must end with 130; what it still said.
fn interrupted(mut up: Child, lines: Lines<BufReader<ChildStdout>>) -> Vec<Value> {
    kill(up.id(), "INT");
    let rest: Vec<Value> = lines.map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap()).collect();
    assert_eq!(up.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert_eq!(one(&rest, "failed")["exit"], 130);
    rest
}

#[test]
fn ctrl_c_at_three_points_of_a_first_up_ends_with_130_and_the_next_up_goes_on() {
    let world = World::empty();
    for point in ["cloud.started", "step.done"] {
        let (up, mut lines) = starts(&world, None);
        until(&mut lines, point);
        let rest = interrupted(up, lines);
        one(&rest, "stopped");
        assert!(rest.iter().all(|event| event["event"] != "deployed"), "after {point}: {rest:#?}");
    }
    // The proof: it waits for a push service that says nothing.
    let mute = Relay::silent();
    let (up, lines) = starts(&world, Some(&mute));
    mute.wait_until_met();
    let rest = interrupted(up, lines);
    assert_eq!(one(&rest, "deployed")["proved"], false, "{rest:#?}");

    let last = world.succeeds(["up"]);
    assert_eq!(one(&last, "deployed")["proved"], true, "the proof was still owed");
    assert_eq!(one(&last, "deployed")["changed"], 0);
}

#[test]
fn an_up_that_is_killed_is_taken_over_at_once_and_converges() {
    let world = World::empty();
    let mut finished = false;
    for round in 0..6_u32 {
        let (mut up, lines) = starts(&world, None);
        let mut steps = 0;
        for line in lines.map_while(Result::ok) {
            steps += u32::from(line.contains("step.done"));
            if steps > round * 3 {
                break;
            }
        }
        kill(up.id(), "KILL");
        finished |= up.wait().unwrap().success();
    }
    let events = world.succeeds(["up"]);
    assert!(finished || one(&events, "deployed")["proved"] == true, "nobody proved it: {events:#?}");
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["changed"], 0);
}

#[test]
fn of_two_ups_at_once_one_is_told_who_the_other_is_and_the_other_ends_well() {
    let world = World::empty();
    let (mut first, mut lines) = starts(&world, None);
    // The Stage table, and then, under the lease, anything else.
    until(&mut lines, "step.done");
    until(&mut lines, "step.done");
    kill(first.id(), "STOP");
    let refused = world.fails(4, ["up"]);
    let words = refused["error"].as_str().unwrap();
    assert!(words.contains("another deploy") && words.ends_with(&format!("process {}", first.id())), "{refused}");
    kill(first.id(), "CONT");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(first.wait().unwrap().success(), "{rest:#?}");
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["changed"], 0);
}

#[test]
fn two_ups_that_start_together_do_not_step_on_each_other() {
    let world = World::empty();
    let spawn =
        || world.chatctl().args(["--json", "up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [spawn(), spawn()].map(|child| child.wait_with_output().unwrap());
    let codes: Vec<_> = both.iter().map(|out| out.status.code().unwrap()).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| matches!(code, 0 | 4)), "{codes:?}\n{both:?}");
    let started = both.iter().flat_map(events).filter(|event| event["event"] == "cloud.started").count();
    assert_eq!(started, 1, "one of them starts the cloud: {both:?}");
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["changed"], 0);
}
