//! Log groups: found late by who sets or reads what belongs to them.

use super::drawn::Drawn;
use super::{Asked, Met, Outcome, Weather};
use crate::wire::Refusal;

pub(super) fn before(drawn: &Drawn, now: i64, asked: &Asked) -> Met {
    let named = match asked.text("logGroupName") {
        "" => asked.text("resourceArn").rsplit(':').next().unwrap_or_default(),
        name => name,
    };
    let late = drawn.log_groups.get(named).is_some_and(|found| now < *found);
    match asked.call.as_str() {
        "PutRetentionPolicy" | "ListTagsForResource" if late => {
            let message = "The specified log group does not exist.";
            Met::Refused(Refusal::new(400, "ResourceNotFoundException", message))
        }
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    if outcome.is_err() {
        return;
    }
    let name = asked.text("logGroupName").to_owned();
    match asked.call.as_str() {
        "CreateLogGroup" => {
            let found = drawn.lasts(now, &weather.reads, "log group found", &name);
            drawn.log_groups.insert(name, found);
        }
        "DeleteLogGroup" => drop(drawn.log_groups.remove(&name)),
        _ => {}
    }
}
