//! Functions: found late, pending when they are made, in progress when they are changed, and meanwhile closed to others.

use serde_json::Value;

use super::drawn::{Drawn, Function};
use super::{Asked, Met, Outcome, Weather, roles};
use crate::wire::Refusal;

/// The calls that one function takes one after the other (A6).
const CHANGES: &[&str] = &["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "DeleteFunction"];
/// The calls that do not find a new function at once (A21).
const FINDS: &[&str] = &["GetFunction", "GetFunctionConfiguration", "PutFunctionRecursionConfig", "AddPermission"];

pub(super) fn before(drawn: &Drawn, now: i64, asked: &Asked) -> Met {
    if matches!(asked.call.as_str(), "CreateFunction" | "UpdateFunctionConfiguration")
        && let Err(refusal) = roles::assumed(drawn, now, asked.text("Role"))
    {
        return Met::Refused(refusal);
    }
    let Some(function) = drawn.functions.get(&asked.of) else { return Met::Passed };
    match asked.call.as_str() {
        call if FINDS.contains(&call) && now < function.found => {
            let message = format!("Function not found: {}", asked.of);
            Met::Refused(Refusal::new(404, "ResourceNotFoundException", message))
        }
        call if CHANGES.contains(&call) && now < function.busy.max(function.pending) => {
            let message = format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                asked.of
            );
            Met::Refused(Refusal::new(409, "ResourceConflictException", message))
        }
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    let Ok(answer) = outcome else { return };
    match asked.call.as_str() {
        "CreateFunction" => {
            let found = drawn.lasts(now, &weather.reads, "function found", &asked.of);
            let pending = drawn.lasts(now, &weather.functions, "function made", &asked.of);
            let role = asked.text("Role").to_owned();
            let identity = roles::identity(drawn, &role);
            let function = Function { found, pending, busy: 0, role, identity };
            show(&function, now, answer);
            drawn.functions.insert(asked.of.clone(), function);
        }
        "UpdateFunctionCode" | "UpdateFunctionConfiguration" => {
            let (busy, role) = (drawn.until(now, &weather.functions), asked.text("Role").to_owned());
            let identity = roles::identity(drawn, &role);
            let function = drawn.functions.entry(asked.of.clone()).or_default();
            function.busy = busy;
            if !role.is_empty() {
                (function.role, function.identity) = (role, identity);
            }
            show(function, now, answer);
        }
        "GetFunction" | "GetFunctionConfiguration" => {
            if let Some(function) = drawn.functions.get(&asked.of) {
                let whole = answer.get("Configuration").is_some();
                show(function, now, if whole { &mut answer["Configuration"] } else { answer });
            }
        }
        "DeleteFunction" if asked.text("Qualifier").is_empty() => drop(drawn.functions.remove(&asked.of)),
        _ => {}
    }
}

fn show(function: &Function, now: i64, configuration: &mut Value) {
    if now < function.pending {
        configuration["State"] = "Pending".into();
        configuration["StateReason"] = "The function is being created.".into();
    }
    if now < function.busy.max(function.pending) {
        configuration["LastUpdateStatus"] = "InProgress".into();
    }
}
