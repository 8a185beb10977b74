//! How many calls a deploy makes, by service: in a cloud in process, in a time that is paused, so that every run makes the
//! same. `speed.rs` holds them to their limits, and `cargo xtask bench` prints them.

use chatctl::aws::faults::{Call, Faults};
use chatctl::stage::Target;

use crate::sky::{Sky, in_paused_time};

/// What is counted.
pub(crate) const FIRST_UP: &str = "first up";
pub(crate) const UNCHANGED: &str = "nothing changed";
pub(crate) const ONE_FUNCTION: &str = "one function's code";
pub(crate) const DOWN: &str = "down with its data";

/// A scenario, and its calls.
pub(crate) struct Counted {
    pub(crate) what: &'static str,
    pub(crate) calls: Vec<Call>,
}

impl Counted {
    /// Its calls, without those that wait for a service and do nothing.
    pub(crate) fn count(&self) -> usize {
        self.calls.len() - self.looks()
    }

    /// How many of a first `up`'s calls look whether what it has made is there yet.
    pub(crate) fn looks(&self) -> usize {
        let count = |name: &str| self.calls.iter().filter(|call| call.to_string() == name).count();
        if count("dynamodb CreateTable") == 0 {
            return 0;
        }
        // One for each new table and queue, and one at the stack that was begun.
        count("dynamodb DescribeTable") + count("sqs GetQueueUrl") + count("cloudformation DescribeStacks") - 1
    }
}

/// A sky of a stage for this target: on AWS with backups, as is the default there.
pub(crate) fn sky(target: Target) -> Sky {
    let mut sky = Sky::empty();
    sky.stage.target = target;
    sky.stage.backups = target == Target::Aws;
    sky
}

/// Each scenario, in a stage's life.
pub(crate) fn counted(target: Target) -> Vec<Counted> {
    in_paused_time(async {
        let mut sky = sky(target);
        let mut scenarios = Vec::new();
        for what in [FIRST_UP, UNCHANGED, ONE_FUNCTION, DOWN] {
            let faults = Faults::none();
            if what == DOWN {
                sky.down(&faults).await.unwrap().unwrap();
            } else {
                sky.only = (what == ONE_FUNCTION).then_some("store-message");
                sky.up(&faults).await.unwrap().unwrap();
            }
            scenarios.push(Counted { what, calls: faults.calls() });
        }
        scenarios
    })
}
