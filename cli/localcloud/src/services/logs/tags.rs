//! The tags of a log group.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Logs, done, group_name, missing, tables};
use crate::Refusal;
use crate::state::encode;

/// `ListTagsForResource`.
pub(super) fn list(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let name = group_name(input)?;
    let group = logs.state.with(|c| tables::group(c, name))?.ok_or_else(|| missing("log group"))?;
    Ok(json!({ "tags": group.tags }))
}

/// `TagResource`.
pub(super) fn tag(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let given = input["tags"].as_object().into_iter().flatten();
    let given: Vec<(String, String)> =
        given.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    change(logs, input, |tags| tags.extend(given))
}

/// `UntagResource`.
pub(super) fn untag(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let keys: Vec<&str> = input["tagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    change(logs, input, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))
}

fn change(logs: &Logs, input: &Value, edit: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<Value, Refusal> {
    let name = group_name(input)?;
    logs.state.with(|c| {
        let Some(mut group) = tables::group(c, name)? else { return Ok(Err(missing("log group"))) };
        edit(&mut group.tags);
        c.execute("UPDATE log_groups SET tags = ?2 WHERE id = ?1", (group.id, encode(&group.tags)?))?;
        Ok(Ok(done()))
    })?
}
