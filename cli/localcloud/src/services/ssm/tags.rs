//! The tags of a parameter.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Parameter, Ssm, text, texts};
use crate::Refusal;

/// `Tags: [{Key, Value}]` of a call.
pub(super) fn read(input: &Value) -> BTreeMap<String, String> {
    let given = input["Tags"].as_array().into_iter().flatten();
    given
        .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str().unwrap_or_default().to_owned())))
        .collect()
}

fn tagged(ssm: &Ssm, input: &Value) -> Result<Parameter, Refusal> {
    let kind = text(input, "ResourceType")?;
    if kind != "Parameter" {
        return Err(Refusal::unsupported(format!("SSM tags of a {kind}")));
    }
    let id = text(input, "ResourceId")?;
    let unknown = || Refusal::new(400, "InvalidResourceId", format!("The resource ID is not valid: {id}"));
    ssm.find(id)?.ok_or_else(unknown)
}

/// `AddTagsToResource`.
pub(super) fn add(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let mut parameter = tagged(ssm, input)?;
    parameter.tags.extend(read(input));
    ssm.keep(&parameter)?;
    Ok(json!({}))
}

/// `RemoveTagsFromResource`.
pub(super) fn remove(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let mut parameter = tagged(ssm, input)?;
    for key in texts(input, "TagKeys") {
        parameter.tags.remove(key);
    }
    ssm.keep(&parameter)?;
    Ok(json!({}))
}

/// `ListTagsForResource`.
pub(super) fn list(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let parameter = tagged(ssm, input)?;
    let tags: Vec<Value> = parameter.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "TagList": tags }))
}
