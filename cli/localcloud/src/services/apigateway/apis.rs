//! CreateApi, GetApi, GetApis, UpdateApi, DeleteApi: an API, its port and its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::Api;
use super::{ApiGateway, Input, KIND, Record, bad_request, new_id, no_content, page};
use crate::clock::iso;
use crate::gateway::{Ports, Served};
use crate::{Cloud, Refusal, Rest, RestAnswer};

const ROUTE_SELECTION: &str = "$request.method $request.path";
const KEY_SELECTION: &str = "$request.header.x-api-key";

/// `/v2/apis`.
pub(super) fn call_all(
    here: &ApiGateway,
    cloud: &Arc<Cloud>,
    call: &str,
    request: &Rest,
) -> Result<RestAnswer, Refusal> {
    if call == "CreateApi" {
        return create(here, cloud, Input::read(call, request)?);
    }
    page(here.apis().iter().map(|(id, served)| (id.clone(), served.record.shown())).collect(), request)
}

/// `/v2/apis/{api}`.
pub(super) fn call_one(here: &ApiGateway, call: &str, api: &str, request: &Rest) -> Result<RestAnswer, Refusal> {
    match call {
        "GetApi" => Ok(RestAnswer::json(200, &here.record(api)?.record.shown())),
        "UpdateApi" => update(here, api, Input::read(call, request)?),
        "DeleteApi" => delete(here, api),
        _ => Err(Refusal::unknown_call("API Gateway", call)),
    }
}

fn create(here: &ApiGateway, cloud: &Arc<Cloud>, mut input: Input) -> Result<RestAnswer, Refusal> {
    let name = input.required("name")?;
    if name.chars().count() > 128 {
        return Err(bad_request("Invalid name: at most 128 characters"));
    }
    if input.one_of("protocolType", &["HTTP"])?.is_none() {
        return Err(bad_request("protocolType is a required parameter for CreateApi"));
    }
    let api = Api {
        api_id: new_id(10),
        name,
        protocol_type: "HTTP".to_owned(),
        route_selection_expression: ROUTE_SELECTION.to_owned(),
        api_key_selection_expression: KEY_SELECTION.to_owned(),
        disable_execute_api_endpoint: false,
        ip_address_type: "ipv4".to_owned(),
        created_date: iso(here.state.now_ms()),
        description: input.text("description")?,
        version: input.text("version")?,
        tags: input.texts("tags")?.unwrap_or_default(),
    };
    fixed(&mut input)?;
    input.done()?;

    let unbound = |error: std::io::Error| Refusal::new(500, "InternalFailure", format!("no port for the API: {error}"));
    let (port, listener) = if cloud.runs {
        let (port, listener) = Ports::choose(&here.taken_ports()).map_err(unbound)?;
        (port, Some(listener))
    } else {
        (Ports::unopened(&here.taken_ports()), None)
    };
    let id = api.api_id.clone();
    let record = Record { api, port, integrations: BTreeMap::new(), routes: BTreeMap::new(), stages: BTreeMap::new() };
    let shown = record.shown();
    here.state.put(KIND, &id, &record)?;
    here.apis().insert(id.clone(), Arc::new(Served::new(record)));
    if let Some(listener) = listener {
        here.ports.serve(cloud, &id, port, listener);
    }
    Ok(RestAnswer::json(201, &shown))
}

fn update(here: &ApiGateway, api: &str, mut input: Input) -> Result<RestAnswer, Refusal> {
    let name = input.text("name")?;
    let description = input.text("description")?;
    let version = input.text("version")?;
    fixed(&mut input)?;
    input.done()?;
    let shown = here.change(api, |record| {
        if let Some(name) = name {
            record.api.name = name;
        }
        record.api.description = description.or(record.api.description.take());
        record.api.version = version.or(record.api.version.take());
        Ok(record.shown())
    })?;
    Ok(RestAnswer::json(200, &shown))
}

/// What an HTTP API of the local cloud has only one value of.
fn fixed(input: &mut Input) -> Result<(), Refusal> {
    input.one_of("routeSelectionExpression", &[ROUTE_SELECTION, "${request.method} ${request.path}"])?;
    input.one_of("apiKeySelectionExpression", &[KEY_SELECTION])?;
    input.one_of("ipAddressType", &["ipv4"])?;
    input.off("disableSchemaValidation")?;
    input.off("disableExecuteApiEndpoint")
}

fn delete(here: &ApiGateway, api: &str) -> Result<RestAnswer, Refusal> {
    here.record(api)?;
    let mut apis = here.apis();
    here.state.remove(KIND, api)?;
    apis.remove(api);
    drop(apis);
    here.ports.close(api);
    Ok(no_content())
}
