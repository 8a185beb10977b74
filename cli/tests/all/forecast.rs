//! A forecast comes true: what a plan said is what was done, step by step. Held wherever something is deployed in a test.

use std::collections::BTreeSet;

use serde_json::Value;

/// A step, and what is done to it.
type Deed = (String, String);

fn deed(event: &Value) -> Deed {
    (event["id"].as_str().unwrap().to_owned(), event["change"].as_str().unwrap().to_owned())
}

/// The steps of the plans among these events, told under this name, that change something.
fn changes<'a>(events: &'a [Value], name: &str) -> impl Iterator<Item = &'a Value> {
    let plans = events.iter().filter(move |event| event["event"] == name);
    plans.flat_map(|plan| plan["steps"].as_array().unwrap()).filter(|step| step["change"] != "keep")
}

/// What these plans were going to change.
pub(crate) fn ahead(events: &[Value], name: &str) -> BTreeSet<Deed> {
    changes(events, name).map(deed).collect()
}

/// Whether the plan said that nobody knows yet what it comes to: that can be what is there already.
fn is_open(step: &Value) -> bool {
    let fields = step["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    step["change"] == "update" && !fields.is_empty() && fields.iter().all(|field| field["after"] == "(known later)")
}

fn done(events: &[Value]) -> BTreeSet<Deed> {
    events.iter().filter(|event| event["event"] == "step.done").map(deed).collect()
}

/// Of a run that ended well where reads lagged behind what was done before it: nothing that was not planned was done.
pub(crate) fn does_no_more(events: &[Value]) {
    let (done, planned) = (done(events), ahead(events, "planned"));
    assert!(done.is_subset(&planned), "what was done: {done:?}, and what the plan said: {planned:?}");
}

/// Of a run that ended well: exactly the steps that were planned were done, and nothing else was done to any of them.
pub(crate) fn comes_true(events: &[Value]) {
    let done = done(events);
    let came_to_nothing = |step: &&Value| is_open(step) && !done.contains(&deed(step));
    let planned = changes(events, "planned").filter(|step| !came_to_nothing(step)).map(deed).collect();
    assert_eq!(done, planned, "what was done, and what the plan said");
}
