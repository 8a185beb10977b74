//! Dashboards: kept and given back, after a look whether a body is one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CloudWatch, invalid, text, texts};
use crate::{Cloud, Refusal};

const DASHBOARDS: &str = "cloudwatch-dashboard";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Dashboard {
    name: String,
    arn: String,
    body: String,
    updated_at: i64,
}

pub(super) fn is_there(own: &CloudWatch, name: &str) -> Result<bool, Refusal> {
    Ok(own.state.get::<Dashboard>(DASHBOARDS, name)?.is_some())
}

/// `PutDashboard`.
pub(super) fn put(own: &CloudWatch, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let (name, body) = (text(input, "DashboardName")?, text(input, "DashboardBody")?);
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if name.is_empty() || name.len() > 255 || !letters {
        return Err(wrong(
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).",
        ));
    }
    let parsed: Value = serde_json::from_str(body)
        .map_err(|error| wrong(format!("The field DashboardBody must be a valid JSON object: {error}")))?;
    let widgets = parsed["widgets"].as_array().ok_or_else(|| wrong("The dashboard body has no list of widgets."))?;
    if let Some(at) = widgets.iter().position(|widget| !widget["type"].is_string() || !widget["properties"].is_object())
    {
        return Err(wrong(format!(
            "The dashboard body is invalid: /widgets/{at} should have the properties 'type' and 'properties'"
        )));
    }
    let dashboard = Dashboard {
        name: name.to_owned(),
        arn: format!("arn:aws:cloudwatch::{}:dashboard/{name}", cloud.place.account),
        body: body.to_owned(),
        updated_at: cloud.now_ms(),
    };
    own.state.put(DASHBOARDS, name, &dashboard)?;
    Ok(json!({ "DashboardValidationMessages": [] }))
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterInput", message)
}

/// `GetDashboard`.
pub(super) fn get(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "DashboardName")?;
    let found: Dashboard = own.state.get(DASHBOARDS, name)?.ok_or_else(|| missing(name))?;
    Ok(json!({ "DashboardName": found.name, "DashboardArn": found.arn, "DashboardBody": found.body }))
}

fn missing(name: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFound", format!("Dashboard {name} does not exist"))
}

/// `ListDashboards`.
pub(super) fn list(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let prefix = input["DashboardNamePrefix"].as_str().unwrap_or_default();
    let all = own.state.list::<Dashboard>(DASHBOARDS)?.into_iter().filter(|(name, _)| name.starts_with(prefix));
    let shown = all.map(|(name, one)| {
        json!({ "DashboardName": name, "DashboardArn": one.arn, "LastModified": one.updated_at / 1000, "Size": one.body.len() })
    });
    Ok(json!({ "DashboardEntries": shown.collect::<Value>() }))
}

/// `DeleteDashboards`: all of them, or none where one is not there.
pub(super) fn delete(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let names = texts(&input["DashboardNames"]);
    if names.is_empty() {
        return Err(invalid("The parameter DashboardNames is required."));
    }
    for name in &names {
        if !is_there(own, name)? {
            return Err(missing(name));
        }
    }
    for name in names {
        own.state.remove(DASHBOARDS, name)?;
    }
    Ok(json!({}))
}
