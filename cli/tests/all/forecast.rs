//! A forecast comes true: what a plan said is what was done, step by step. Held wherever something is deployed in a test.

use std::collections::BTreeSet;

use serde_json::Value;

/// A step, and what is done to it.
type Deed = (String, String);

fn deed(event: &Value) -> Deed {
    (event["id"].as_str().unwrap().to_owned(), event["change"].as_str().unwrap().to_owned())
}

/// What the plans among these events, told under this name, were going to change.
pub(crate) fn ahead(events: &[Value], name: &str) -> BTreeSet<Deed> {
    let plans = events.iter().filter(|event| event["event"] == name);
    let steps = plans.flat_map(|plan| plan["steps"].as_array().unwrap());
    steps.filter(|step| step["change"] != "keep").map(deed).collect()
}

/// Of a run that ended well: exactly the steps that were planned were done, and nothing else was done to any of them.
pub(crate) fn comes_true(events: &[Value]) {
    let done: BTreeSet<Deed> = events.iter().filter(|event| event["event"] == "step.done").map(deed).collect();
    assert_eq!(done, ahead(events, "planned"), "what was done, and what the plan said");
}
