//! CreateRoute and its kin: which requests of an API go to which integration.

use super::record::{Route, value};
use super::{ApiGateway, Input, Record, bad_request, conflict, found, new_id, no_content, not_found, page, parts};
use crate::gateway::RouteKey;
use crate::{Refusal, Rest, RestAnswer};

/// `/v2/apis/{api}/routes[/{route}]`.
pub(super) fn call(
    here: &ApiGateway,
    call: &str,
    api: &str,
    id: Option<&&str>,
    request: &Rest,
) -> Result<RestAnswer, Refusal> {
    let id = id.copied().unwrap_or_default();
    let absent = || not_found("Invalid Route identifier specified");
    match call {
        "CreateRoute" => create(here, api, Settings::read(Input::read(call, request)?)?),
        "GetRoutes" => page(parts(&here.record(api)?.record.routes), request),
        "GetRoute" => found(here.record(api)?.record.routes.get(id).ok_or_else(absent)?),
        "UpdateRoute" => {
            let settings = Settings::read(Input::read(call, request)?)?;
            let shown = here.change(api, |record| {
                settings.check(record, id)?;
                let route = record.routes.get_mut(id).ok_or_else(absent)?;
                if let Some(key) = settings.key {
                    route.route_key = key;
                }
                route.target = settings.target.or(route.target.take());
                route.operation_name = settings.operation.or(route.operation_name.take());
                Ok(value(route))
            })?;
            Ok(RestAnswer::json(200, &shown))
        }
        _ => {
            here.change(api, |record| record.routes.remove(id).map(drop).ok_or_else(absent))?;
            Ok(no_content())
        }
    }
}

/// What the calls may set.
struct Settings {
    key: Option<String>,
    target: Option<String>,
    operation: Option<String>,
}

impl Settings {
    fn read(mut input: Input) -> Result<Self, Refusal> {
        let settings = Self {
            key: input.text("routeKey")?,
            target: input.text("target")?,
            operation: input.text("operationName")?,
        };
        input.one_of("authorizationType", &["NONE"])?;
        input.off("apiKeyRequired")?;
        input.done()?;
        if let Some(key) = &settings.key {
            RouteKey::parse(key).map_err(|error| bad_request(format!("Invalid route key {key}: {error}")))?;
        }
        Ok(settings)
    }

    /// Whether the route, apart from itself, fits into its API.
    fn check(&self, record: &Record, own: &str) -> Result<(), Refusal> {
        if let Some(key) = &self.key {
            let twin = record.routes.values().any(|route| route.route_key == *key && route.route_id != own);
            if twin {
                return Err(conflict(format!("Route with key {key} already exists for this API")));
            }
        }
        if let Some(target) = &self.target {
            let integration = target.strip_prefix("integrations/");
            if !integration.is_some_and(|id| record.integrations.contains_key(id)) {
                return Err(bad_request(format!("Invalid target {target}: no such integration")));
            }
        }
        Ok(())
    }
}

fn create(here: &ApiGateway, api: &str, settings: Settings) -> Result<RestAnswer, Refusal> {
    let shown = here.change(api, |record| {
        settings.check(record, "")?;
        let missing = || bad_request("routeKey is a required parameter for CreateRoute");
        let route = Route {
            route_id: new_id(7),
            route_key: settings.key.ok_or_else(missing)?,
            api_key_required: false,
            authorization_type: "NONE".to_owned(),
            operation_name: settings.operation,
            target: settings.target,
        };
        let shown = value(&route);
        record.routes.insert(route.route_id.clone(), route);
        Ok(shown)
    })?;
    Ok(RestAnswer::json(201, &shown))
}
