//! HTTP APIs: one writer at a time, and a few writes a second for all.

use super::drawn::Drawn;
use super::{Asked, Met, Outcome, Weather, throttled};
use crate::wire::Refusal;

fn writes(asked: &Asked) -> bool {
    !asked.call.starts_with("Get")
}

pub(super) fn before(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked) -> Met {
    if !writes(asked) {
        return Met::Passed;
    }
    while drawn.written.front().is_some_and(|at| now - at >= 1000) {
        drawn.written.pop_front();
    }
    if weather.api_writes_a_second > 0 && drawn.written.len() >= weather.api_writes_a_second {
        return Met::Refused(throttled(asked.service));
    }
    drawn.written.push_back(now);
    if drawn.apis.get(&asked.of).is_some_and(|until| now < *until) {
        let message = "Unable to complete operation due to concurrent modification. Please try again later.";
        return Met::Refused(Refusal::new(409, "ConflictException", message));
    }
    Met::Passed
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    let Ok(answer) = outcome else { return };
    if !writes(asked) {
        return;
    }
    let api = match asked.call.as_str() {
        "CreateApi" => answer["apiId"].as_str().unwrap_or_default().to_owned(),
        _ => asked.of.clone(),
    };
    let until = drawn.lasts(now, &weather.api_writes, "API written", &api);
    drawn.apis.insert(api, until);
}
