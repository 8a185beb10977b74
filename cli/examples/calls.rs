//! How many calls a deploy makes, by service, and how much longer it takes than its longest chain of calls that depend
//! on each other: in a cloud in process, in a time that is paused. `cargo xtask bench` runs it and sets the limits.
#![recursion_limit = "256"]
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/all/chain.rs"]
mod chain;
#[path = "../tests/all/counts.rs"]
mod counts;
#[path = "../tests/all/forecast.rs"]
#[allow(dead_code)]
mod forecast;
#[path = "../tests/all/sky.rs"]
#[allow(dead_code)]
mod sky;

use std::collections::BTreeMap;

use chatctl::aws::faults::Call;
use chatctl::stage::Target;
use counts::Counted;

fn main() {
    let detailed = std::env::args().any(|word| word == "--calls");
    for (target, name) in [(Target::Local, "a laptop's stage"), (Target::Aws, "a stage on AWS, with backups")] {
        println!("calls of {name}");
        for counted in counts::counted(target) {
            let (what, count, looks) = (counted.what, counted.count(), counted.looks());
            println!("calls\t{target}\t{what}\t{count}\t{looks}\t{}", by_service(&counted));
            if detailed {
                each(&counted.calls);
            }
        }
        chain_of(target);
    }
}

fn by_service(counted: &Counted) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    counted.calls.iter().for_each(|call| *counts.entry(&call.service).or_default() += 1);
    counts.iter().map(|(service, count)| format!("{service} {count}")).collect::<Vec<_>>().join(", ")
}

fn each(calls: &[Call]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    calls.iter().for_each(|call| *counts.entry(call.to_string()).or_default() += 1);
    counts.iter().for_each(|(call, count)| println!("    {count:>3} {call}"));
}

/// A first `up` where every call takes the same: its time, and that of its longest chain, link by link.
fn chain_of(target: Target) {
    let chain = sky::in_paused_time(chain::of_first_up(target));
    println!("chain\t{target}\t{}\t{}\t{:.3}", chain.took.as_millis(), chain.needed.as_millis(), chain.ratio());
    chain.links.iter().for_each(|(link, own)| println!("    {:>4} ms {link}", own.as_millis()));
}
