//! CreateIntegration and its kin: which function an API hands its requests to.

use super::record::{Integration, value};
use super::{ApiGateway, Input, bad_request, conflict, found, new_id, no_content, not_found, page, parts};
use crate::{Refusal, Rest, RestAnswer};

/// The longest that a function may take to answer, and the value without a setting.
const LONGEST_MS: u64 = 30_000;
const SHORTEST_MS: u64 = 50;

/// A function with its qualifier, as an integration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionArn {
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
}

impl FunctionArn {
    /// Reads `arn:aws:lambda:…:function:NAME[:QUALIFIER]`, also inside `arn:aws:apigateway:…/invocations`.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        if uri.starts_with("arn:aws:apigateway:") {
            let inner = uri.split_once(":lambda:path/2015-03-31/functions/")?.1;
            return Self::parse(inner.strip_suffix("/invocations")?);
        }
        let parts: Vec<&str> = uri.split(':').collect();
        let (head, rest) = parts.split_at_checked(6)?;
        let lambda = head[..3] == ["arn", "aws", "lambda"] && head[5] == "function";
        match *rest {
            [name] if lambda && !name.is_empty() => Some(Self { name: name.to_owned(), qualifier: None }),
            [name, qualifier] if lambda && !name.is_empty() && !qualifier.is_empty() => {
                Some(Self { name: name.to_owned(), qualifier: Some(qualifier.to_owned()) })
            }
            _ => None,
        }
    }
}

/// `/v2/apis/{api}/integrations[/{integration}]`.
pub(super) fn call(
    here: &ApiGateway,
    call: &str,
    api: &str,
    id: Option<&&str>,
    request: &Rest,
) -> Result<RestAnswer, Refusal> {
    let id = id.copied().unwrap_or_default();
    let absent = || not_found("Invalid Integration identifier specified");
    match call {
        "CreateIntegration" => create(here, api, Input::read(call, request)?),
        "GetIntegrations" => page(parts(&here.record(api)?.record.integrations), request),
        "GetIntegration" => found(here.record(api)?.record.integrations.get(id).ok_or_else(absent)?),
        "UpdateIntegration" => {
            let settings = Settings::read(Input::read(call, request)?)?;
            let shown = here.change(api, |record| {
                let integration = record.integrations.get_mut(id).ok_or_else(absent)?;
                settings.apply(integration);
                Ok(value(integration))
            })?;
            Ok(RestAnswer::json(200, &shown))
        }
        _ => {
            here.change(api, |record| {
                let target = format!("integrations/{id}");
                let user = record.routes.values().find(|route| route.target.as_deref() == Some(&target));
                if let Some(route) = user {
                    return Err(conflict(format!(
                        "Cannot delete Integration '{id}' due to Route '{}' having it as its target",
                        route.route_id
                    )));
                }
                record.integrations.remove(id).map(drop).ok_or_else(absent)
            })?;
            Ok(no_content())
        }
    }
}

/// What the calls may set.
struct Settings {
    uri: Option<String>,
    kind: Option<String>,
    payload: Option<String>,
    timeout: Option<u64>,
    description: Option<String>,
}

impl Settings {
    fn read(mut input: Input) -> Result<Self, Refusal> {
        let settings = Self {
            uri: input.text("integrationUri")?,
            kind: input.one_of("integrationType", &["AWS_PROXY"])?,
            payload: input.one_of("payloadFormatVersion", &["2.0"])?,
            timeout: input.number("timeoutInMillis")?,
            description: input.text("description")?,
        };
        input.one_of("integrationMethod", &["POST"])?;
        input.one_of("connectionType", &["INTERNET"])?;
        input.done()?;
        if let Some(uri) = &settings.uri {
            FunctionArn::parse(uri)
                .ok_or_else(|| bad_request(format!("Invalid integration URI {uri}: not a function")))?;
        }
        match settings.timeout {
            Some(ms) if !(SHORTEST_MS..=LONGEST_MS).contains(&ms) => {
                Err(bad_request(format!("Invalid timeoutInMillis: from {SHORTEST_MS} to {LONGEST_MS}")))
            }
            _ => Ok(settings),
        }
    }

    fn apply(self, to: &mut Integration) {
        if let Some(uri) = self.uri {
            to.integration_uri = uri;
        }
        if let Some(timeout) = self.timeout {
            to.timeout_in_millis = timeout;
        }
        to.description = self.description.or(to.description.take());
    }
}

fn create(here: &ApiGateway, api: &str, input: Input) -> Result<RestAnswer, Refusal> {
    let mut settings = Settings::read(input)?;
    let missing = |name: &str| bad_request(format!("{name} is a required parameter for CreateIntegration"));
    let integration = Integration {
        integration_id: new_id(7),
        integration_type: settings.kind.take().ok_or_else(|| missing("integrationType"))?,
        integration_method: "POST".to_owned(),
        integration_uri: settings.uri.take().ok_or_else(|| missing("integrationUri"))?,
        connection_type: "INTERNET".to_owned(),
        payload_format_version: settings.payload.take().ok_or_else(|| missing("payloadFormatVersion"))?,
        timeout_in_millis: settings.timeout.unwrap_or(LONGEST_MS),
        description: settings.description,
    };
    let shown = value(&integration);
    here.change(api, |record| {
        record.integrations.insert(integration.integration_id.clone(), integration);
        Ok(())
    })?;
    Ok(RestAnswer::json(201, &shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_read_from_both_kinds_of_uri() {
        let plain = "arn:aws:lambda:us-east-1:000000000000:function:chat-dev-store-message:live";
        let named = FunctionArn { name: "chat-dev-store-message".into(), qualifier: Some("live".into()) };
        assert_eq!(FunctionArn::parse(plain), Some(named.clone()));
        let wrapped = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{plain}/invocations");
        assert_eq!(FunctionArn::parse(&wrapped), Some(named));
        let bare = FunctionArn::parse("arn:aws:lambda:us-east-1:000000000000:function:f").unwrap();
        assert_eq!(bare.qualifier, None);
        for bad in ["", "f", "http://x", "arn:aws:sqs:us-east-1:0:q", "arn:aws:lambda:r:0:function:f:"] {
            assert_eq!(FunctionArn::parse(bad), None, "{bad}");
        }
    }
}
