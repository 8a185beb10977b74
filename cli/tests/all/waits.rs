//! What a first `up` waits for, and what it need not wait for.

use std::time::Duration;

use chatctl::aws::faults::{Call, Fault, Faults};
use localcloud::Weather;
use tokio::time::Instant;

use crate::sky::{Sky, in_paused_time};

/// How long a first `up` takes in this weather with this fault, and its calls.
fn a_first_up(weather: &Weather, faults: Faults) -> (Duration, Vec<Call>) {
    in_paused_time(async {
        let sky = Sky::empty();
        sky.cloud.turn(weather.clone());
        let began = Instant::now();
        sky.up(&faults).await.unwrap().unwrap();
        (began.elapsed(), faults.calls())
    })
}

#[test]
fn a12_a_mapping_whose_creation_was_not_answered_is_not_waited_for_until_it_polls() {
    let slowly = Duration::from_secs(90)..=Duration::from_secs(90);
    let weather = Weather { mappings: slowly, ..Weather::fair() };
    let (undisturbed, calls) = a_first_up(&weather, Faults::none());
    let creates = |call: &Call| call.to_string() == "lambda POST /2015-03-31/event-source-mappings";
    for (n, _) in calls.iter().enumerate().filter(|(_, call)| creates(call)) {
        let (took, _) = a_first_up(&weather, Faults::at(n + 1, Fault::AnswerLost));
        assert!(took < undisturbed + Duration::from_secs(10), "{took:?}, undisturbed {undisturbed:?}");
    }
}

#[test]
fn a19_a_call_that_is_throttled_holds_back_itself_and_no_other_for_long() {
    let (undisturbed, calls) = a_first_up(&Weather::fair(), Faults::none());
    let services: std::collections::BTreeSet<&str> = calls.iter().map(|call| &*call.service).collect();
    for service in services {
        // In the middle of it, when the service has been called for a while.
        let of_it: Vec<usize> = (0..calls.len()).filter(|n| calls[*n].service == service).collect();
        let (took, _) = a_first_up(&Weather::fair(), Faults::at(of_it[of_it.len() / 2] + 1, Fault::Throttled(1)));
        assert!(took < undisturbed + Duration::from_secs(3), "{service}: {took:?}, undisturbed {undisturbed:?}");
    }
}

#[test]
fn a12_the_deletion_of_a_stack_that_was_not_answered_is_waited_for_as_one_that_was() {
    let slowly = Duration::from_secs(20)..=Duration::from_secs(20);
    let down = |faults: Faults| {
        in_paused_time(async {
            let sky = Sky::empty();
            sky.up(&Faults::none()).await.unwrap().unwrap();
            sky.cloud.turn(Weather { stacks: slowly.clone(), ..Weather::fair() });
            sky.down(&faults).await.unwrap().unwrap();
            faults.calls()
        })
    };
    let calls = down(Faults::none());
    let deletes = calls.iter().position(|call| call.to_string() == "cloudformation DeleteStack").unwrap();
    down(Faults::at(deletes + 1, Fault::AnswerLost));
}
