//! `DescribeParameters`: what there is, without values, by filters.

use serde_json::{Value, json};

use super::parameters::under;
use super::{Parameter, Ssm, arn, page, text, texts};
use crate::{Cloud, Refusal};

/// `DescribeParameters`.
pub(super) fn describe(ssm: &Ssm, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    if input["Filters"].as_array().is_some_and(|filters| !filters.is_empty()) {
        return Err(Refusal::unsupported("Filters of SSM DescribeParameters (ParameterFilters are there)"));
    }
    let filters = input["ParameterFilters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    'parameters: for parameter in ssm.all()? {
        for filter in filters {
            if !passes(&parameter, filter)? {
                continue 'parameters;
            }
        }
        found.push(parameter);
    }
    let (found, next) = page(found, input, 50)?;
    let shown: Vec<Value> = found.iter().map(|parameter| shown(cloud, parameter)).collect();
    let mut output = json!({ "Parameters": shown });
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Ok(output)
}

fn shown(cloud: &Cloud, parameter: &Parameter) -> Value {
    let mut shown = json!({
        "Name": parameter.name, "ARN": arn(cloud, &parameter.name), "Type": parameter.kind,
        "LastModifiedDate": crate::clock::seconds(parameter.changed_at), "Version": parameter.version,
        "LastModifiedUser": format!("arn:aws:iam::{}:user/local", cloud.place.account),
        "Tier": "Standard", "Policies": [], "DataType": "text",
    });
    if let Some(description) = &parameter.description {
        shown["Description"] = description.as_str().into();
    }
    if let Some(key) = &parameter.key {
        shown["KeyId"] = key.as_str().into();
    }
    shown
}

fn passes(parameter: &Parameter, filter: &Value) -> Result<bool, Refusal> {
    let key = text(filter, "Key")?;
    let option = filter["Option"].as_str();
    let values = texts(filter, "Values");
    let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
    Ok(match (key, option) {
        ("Name", None | Some("Equals")) => any(&|value| parameter.name == value),
        ("Name", Some("BeginsWith")) => {
            let bare = parameter.name.trim_start_matches('/');
            any(&|value| parameter.name.starts_with(value) || bare.starts_with(value))
        }
        ("Name", Some("Contains")) => any(&|value| parameter.name.contains(value)),
        ("Path", None | Some("OneLevel")) => any(&|value| under(&parameter.name, value, false)),
        ("Path", Some("Recursive")) => any(&|value| under(&parameter.name, value, true)),
        ("Type", None | Some("Equals")) => any(&|value| parameter.kind == value),
        (key, None | Some("Equals")) if key.starts_with("tag:") => {
            let tag = parameter.tags.get(&key["tag:".len()..]);
            tag.is_some_and(|tag| values.is_empty() || any(&|value| tag == value))
        }
        (key, option) => {
            let option = option.unwrap_or("Equals");
            return Err(Refusal::unsupported(format!("the filter {key} ({option}) of SSM DescribeParameters")));
        }
    })
}
