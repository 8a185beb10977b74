//! An API as it is kept: one document with its integrations, routes and stages. The members are named as
//! API Gateway names them, so a part of a record is also the answer to a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::REGION;

/// One HTTP API with everything in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) api: Api,
    /// Its loopback port, for its whole life.
    pub(crate) port: u16,
    pub(crate) integrations: BTreeMap<String, Integration>,
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) stages: BTreeMap<String, Stage>,
}

/// What CreateApi describes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    pub(crate) api_id: String,
    pub(crate) name: String,
    pub(crate) protocol_type: String,
    pub(crate) route_selection_expression: String,
    pub(crate) api_key_selection_expression: String,
    pub(crate) disable_execute_api_endpoint: bool,
    pub(crate) ip_address_type: String,
    pub(crate) created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What CreateIntegration describes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Integration {
    pub(crate) integration_id: String,
    pub(crate) integration_type: String,
    pub(crate) integration_method: String,
    pub(crate) integration_uri: String,
    pub(crate) connection_type: String,
    pub(crate) payload_format_version: String,
    pub(crate) timeout_in_millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// What CreateRoute describes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    pub(crate) route_id: String,
    pub(crate) route_key: String,
    pub(crate) api_key_required: bool,
    pub(crate) authorization_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
}

/// What CreateStage describes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stage {
    pub(crate) stage_name: String,
    pub(crate) auto_deploy: bool,
    pub(crate) created_date: String,
    pub(crate) last_updated_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) default_route_settings: RouteSettings,
    pub(crate) route_settings: BTreeMap<String, RouteSettings>,
    pub(crate) stage_variables: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// How fast routes may be called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RouteSettings {
    pub(crate) detailed_metrics_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throttling_burst_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throttling_rate_limit: Option<f64>,
}

impl Record {
    /// The API as GetApi answers it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = value(&self.api);
        shown["apiEndpoint"] = format!("http://127.0.0.1:{}", self.port).into();
        shown
    }

    /// The name that tags go by.
    pub(super) fn arn(id: &str) -> String {
        format!("arn:aws:apigateway:{REGION}::/apis/{id}")
    }
}

/// A part of a record as an answer.
pub(super) fn value(part: &impl Serialize) -> Value {
    match serde_json::to_value(part) {
        Ok(value) => value,
        Err(_) => unreachable!("a record is plain JSON"),
    }
}
