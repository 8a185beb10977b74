//! Event source mappings: being made, changed, switched and deleted for up to a minute and a half, and meanwhile closed.

use serde_json::Value;

use super::drawn::{Drawn, Mapping};
use super::{Asked, Met, Outcome, Weather, roles};
use crate::wire::Refusal;

/// The function in what a call or a mapping names.
fn function_of(named: &str) -> &str {
    match named.split_once(":function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => named.split(':').next().unwrap_or(named),
    }
}

pub(super) fn before(drawn: &Drawn, now: i64, asked: &Asked) -> Met {
    let named = asked.text("FunctionName");
    if let Err(refusal) = roles::permitted(drawn, now, function_of(named)) {
        return Met::Refused(refusal);
    }
    if asked.call == "CreateEventSourceMapping" {
        let same = |(until, shown): &&(i64, Value)| {
            now < *until
                && shown["EventSourceArn"] == asked.input["EventSourceArn"]
                && shown["FunctionArn"].as_str().map(function_of) == Some(function_of(named))
        };
        return match drawn.leaving.values().find(same) {
            Some(_) => refused(409, "ResourceConflictException", "An event source mapping of them is being deleted."),
            None => Met::Passed,
        };
    }
    if let Some(shown) = drawn.leaves(now, &format!("mapping {}", asked.of)) {
        return match asked.call.as_str() {
            "GetEventSourceMapping" => Met::Answered(shown.clone()),
            _ => refused(400, "ResourceInUseException", "The event source mapping is being deleted."),
        };
    }
    let changes = asked.call != "GetEventSourceMapping";
    match drawn.mappings.get(&asked.of) {
        Some(mapping) if changes && now < mapping.until => {
            refused(400, "ResourceInUseException", &format!("The event source mapping is {}.", mapping.state))
        }
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    let Ok(answer) = outcome else { return };
    let uuid = answer["UUID"].as_str().unwrap_or_default().to_owned();
    match asked.call.as_str() {
        "CreateEventSourceMapping" => begin(drawn, weather, now, uuid, "Creating", answer),
        "UpdateEventSourceMapping" => {
            let state = match asked.input["Enabled"].as_bool() {
                Some(false) => "Disabling",
                _ => "Updating",
            };
            begin(drawn, weather, now, uuid, state, answer);
        }
        "DeleteEventSourceMapping" => {
            let until = drawn.until(now, &weather.mappings);
            answer["State"] = "Deleting".into();
            drawn.mappings.remove(&uuid);
            drawn.leaving.insert(format!("mapping {uuid}"), (until, answer.clone()));
        }
        "ListEventSourceMappings" => {
            let Some(list) = answer["EventSourceMappings"].as_array_mut() else { return };
            list.iter_mut().for_each(|shown| show(drawn, now, shown));
            let leaving =
                drawn.leaving.iter().filter(|(what, (until, _))| what.starts_with("mapping ") && now < *until);
            list.extend(leaving.map(|(_, (_, shown))| shown.clone()));
        }
        _ => show(drawn, now, answer),
    }
}

fn begin(drawn: &mut Drawn, weather: &Weather, now: i64, uuid: String, state: &str, answer: &mut Value) {
    let until = drawn.until(now, &weather.mappings);
    answer["State"] = state.into();
    drawn.mappings.insert(uuid, Mapping { until, state: state.to_owned() });
}

fn show(drawn: &Drawn, now: i64, shown: &mut Value) {
    let mapping = shown["UUID"].as_str().and_then(|uuid| drawn.mappings.get(uuid));
    if let Some(mapping) = mapping.filter(|mapping| now < mapping.until) {
        shown["State"] = mapping.state.as_str().into();
    }
}

fn refused(status: u16, code: &str, message: &str) -> Met {
    Met::Refused(Refusal::new(status, code, message))
}
