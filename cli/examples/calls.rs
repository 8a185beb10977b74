//! How many calls a deploy makes, by service, and how much longer it takes than its longest chain of calls that depend
//! on each other: in a cloud in process, in a time that is paused. `cargo xtask bench` runs it and sets the limits.
#![recursion_limit = "256"]
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/all/sky.rs"]
#[allow(dead_code)]
mod sky;

use std::collections::BTreeMap;
use std::time::Duration;

use chatctl::aws::faults::{Call, Faults};
use chatctl::stage::Target;
use sky::{Sky, in_paused_time};
use tokio::time::Instant;

/// How long a call takes where the chain is measured: half of it each way.
const CALL: Duration = Duration::from_millis(50);
/// Two moments that are this close are the same one: what runs between them takes no time here.
const SAME: Duration = Duration::from_micros(1500);

fn main() {
    let detailed = std::env::args().any(|word| word == "--calls");
    for (target, name) in [(Target::Local, "a laptop's stage"), (Target::Aws, "a stage on AWS, with backups")] {
        println!("calls of {name}");
        for (what, calls) in counted(target) {
            let looks = looks(&calls);
            println!("calls\t{target}\t{what}\t{}\t{looks}\t{}", calls.len() - looks, by_service(&calls));
            if detailed {
                each(&calls);
            }
        }
    }
    chain();
}

/// A sky of a stage for this target.
fn sky(target: Target) -> Sky {
    let mut sky = Sky::empty();
    sky.stage.target = target;
    sky.stage.backups = target == Target::Aws;
    sky
}

/// Each scenario and its calls.
fn counted(target: Target) -> Vec<(&'static str, Vec<Call>)> {
    in_paused_time(async {
        let mut sky = sky(target);
        let mut scenarios = Vec::new();
        for what in ["first up", "nothing changed", "one function's code", "down with its data"] {
            let faults = Faults::none();
            match what {
                "down with its data" => drop(sky.down(&faults).await.unwrap().unwrap()),
                _ => {
                    sky.only = (what == "one function's code").then_some("store-message");
                    drop(sky.up(&faults).await.unwrap().unwrap());
                }
            }
            scenarios.push((what, faults.calls()));
        }
        scenarios
    })
}

/// How many of a first `up`'s calls look whether what it has made is there yet: they wait for a service and do nothing.
fn looks(calls: &[Call]) -> usize {
    let count = |name: &str| calls.iter().filter(|call| call.to_string() == name).count();
    let creates = count("dynamodb CreateTable");
    if creates == 0 {
        return 0;
    }
    // One for each new table and queue, and one at the stack that was begun.
    count("dynamodb DescribeTable") + count("sqs GetQueueUrl") + count("cloudformation DescribeStacks") - 1
}

fn by_service(calls: &[Call]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    calls.iter().for_each(|call| *counts.entry(&call.service).or_default() += 1);
    counts.iter().map(|(service, count)| format!("{service} {count}")).collect::<Vec<_>>().join(", ")
}

fn each(calls: &[Call]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    calls.iter().for_each(|call| *counts.entry(call.to_string()).or_default() += 1);
    counts.iter().for_each(|(call, count)| println!("    {count:>3} {call}"));
}

/// A first `up` where every call takes the same: its time, and the chain of calls that it waited for from its end back.
fn chain() {
    let (took, links) = in_paused_time(async {
        let mut sky = sky(Target::Local);
        (sky.way, sky.as_on_aws) = (CALL / 2, false);
        let (faults, began) = (Faults::none(), Instant::now());
        drop(sky.up(&faults).await.unwrap().unwrap());
        let ended = Instant::now();
        (ended - began, back_from(&faults.spans(), ended))
    });
    let calls = links.iter().filter(|link| link.0.is_some()).count();
    let span = CALL * u32::try_from(calls).unwrap();
    println!("chain\t{}\t{}\t{calls}", took.as_millis(), span.as_millis());
    for (call, waited) in links {
        match call {
            Some(call) => println!("    {call}"),
            None => println!("    waited {} ms", waited.as_millis()),
        }
    }
}

/// From the end back: the call that was answered when the next one was sent, or the time in which nothing was.
fn back_from(spans: &[(Call, Instant, Instant)], ended: Instant) -> Vec<(Option<Call>, Duration)> {
    let (mut links, mut at) = (Vec::new(), ended);
    loop {
        let before = spans.iter().filter(|(_, _, answered)| *answered <= at + SAME && *answered > at - CALL * 1000);
        let Some((call, sent, answered)) = before.max_by_key(|(_, _, answered)| *answered) else { break };
        if at.saturating_duration_since(*answered) > SAME {
            links.push((None, at - *answered));
        }
        links.push((Some(call.clone()), CALL));
        at = *sent;
        if spans.iter().all(|(_, _, answered)| *answered > at + SAME) {
            break;
        }
    }
    links.reverse();
    links
}
