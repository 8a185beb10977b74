//! API Gateway v2, the side that deploy tools speak to: HTTP APIs with their integrations, routes and stages.
//! What an API does with a request is `gateway/`; here it is only described and kept.

mod apis;
mod calls;
mod input;
mod integrations;
mod record;
mod routes;
mod stages;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::gateway::{Ports, Served};
use crate::weather::Asked;
use crate::{Cloud, Refusal, Rest, RestAnswer, State};
use input::Input;
pub(crate) use integrations::FunctionArn;
pub(crate) use record::Record;

/// The kind of the documents that hold an API each.
const KIND: &str = "apigateway.api";

/// The HTTP APIs of a local cloud.
pub(crate) struct ApiGateway {
    state: State,
    apis: Mutex<BTreeMap<String, Arc<Served>>>,
    ports: Ports,
}

/// The calls that are implemented.
pub(crate) fn calls() -> &'static [&'static str] {
    calls::CALLS
}

/// What a request asks for, as the weather sees it.
pub(crate) fn asked(request: &Rest) -> Asked {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    Asked::of("apigateway", &calls::name(&request.method, &path), path.get(2).copied().unwrap_or_default())
}

impl ApiGateway {
    /// Reads the APIs that the state holds; no port is open yet.
    pub(crate) fn open(state: &State) -> Result<Self, rusqlite::Error> {
        let kept = state.list::<Record>(KIND)?;
        let apis = kept.into_iter().map(|(id, record)| (id, Arc::new(Served::new(record)))).collect();
        Ok(Self { state: state.clone(), apis: Mutex::new(apis), ports: Ports::default() })
    }

    /// Opens the port of each API.
    pub(crate) fn start(cloud: &Arc<Cloud>) {
        let here = &cloud.apigateway;
        for (id, served) in here.apis().iter() {
            here.ports.reopen(cloud, id, served.record.port);
        }
    }

    /// Answers one call of the control plane.
    pub(crate) async fn call(&self, cloud: &Arc<Cloud>, request: Rest) -> Result<RestAnswer, Refusal> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let name = calls::name(&request.method, &path);
        let Some(call) = calls::CALLS.iter().find(|call| **call == name) else {
            return Err(Refusal::unknown_call("API Gateway", &name));
        };
        let ids: Vec<&str> = path.get(2..).unwrap_or_default().iter().step_by(2).copied().collect();
        match *ids.as_slice() {
            _ if path.get(1) == Some(&"tags") => tags::call(self, call, &path[2..].join("/"), &request),
            _ if path.get(1) != Some(&"apis") => Err(Refusal::unknown_call("API Gateway", &name)),
            [] => apis::call_all(self, cloud, call, &request),
            [api] if path.len() == 3 => apis::call_one(self, call, api, &request),
            [api] | [api, _] if path[3] == "integrations" => integrations::call(self, call, api, ids.get(1), &request),
            [api] | [api, _] if path[3] == "routes" => routes::call(self, call, api, ids.get(1), &request),
            [api] | [api, _] if path[3] == "stages" => stages::call(self, call, api, ids.get(1), &request),
            _ => Err(Refusal::unknown_call("API Gateway", &name)),
        }
    }

    /// An API as it is served.
    pub(crate) fn served(&self, api: &str) -> Option<Arc<Served>> {
        self.apis().get(api).cloned()
    }

    /// An API's record, or the refusal that names it.
    fn record(&self, api: &str) -> Result<Arc<Served>, Refusal> {
        self.served(api).ok_or_else(|| not_found(format!("Invalid API identifier specified {}:{api}", crate::ACCOUNT)))
    }

    /// Changes an API as one step: on disk first, then for the requests that come after.
    fn change<T>(&self, api: &str, work: impl FnOnce(&mut Record) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut apis = self.apis();
        let Some(served) = apis.get(api) else {
            drop(apis);
            return Err(not_found(format!("Invalid API identifier specified {}:{api}", crate::ACCOUNT)));
        };
        let mut record = served.record.clone();
        let outcome = work(&mut record)?;
        self.state.put(KIND, api, &record)?;
        apis.insert(api.to_owned(), Arc::new(Served::new(record)));
        Ok(outcome)
    }

    fn apis(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Served>>> {
        self.apis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken_ports(&self) -> BTreeSet<u16> {
        self.apis().values().map(|served| served.record.port).collect()
    }
}

/// An id as API Gateway makes them.
fn new_id(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    crate::random::bytes::<16>().iter().take(length).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(404, "NotFoundException", message)
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "ConflictException", message)
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "BadRequestException", message)
}

fn no_content() -> RestAnswer {
    RestAnswer { status: 204, headers: Vec::new(), body: bytes::Bytes::new() }
}

/// The parts of one kind that an API has, by id, for their list.
fn parts<T: Serialize>(all: &BTreeMap<String, T>) -> Vec<(String, Value)> {
    all.iter().map(|(id, part)| (id.clone(), record::value(part))).collect()
}

/// One part as its call answers it.
fn found(part: &impl Serialize) -> Result<RestAnswer, Refusal> {
    Ok(RestAnswer::json(200, &record::value(part)))
}

/// A list as its call answers it: a page, and where the next one starts.
fn page(items: Vec<(String, Value)>, request: &Rest) -> Result<RestAnswer, Refusal> {
    let asked = |name: &str| request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let most = match asked("maxResults").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(most)) if most > 0 => most,
        Some(_) => return Err(bad_request("Invalid value for maxResults")),
    };
    let from = asked("nextToken").unwrap_or_default();
    let mut rest = items.into_iter().filter(|(id, _)| id.as_str() > from);
    let shown: Vec<(String, Value)> = rest.by_ref().take(most).collect();
    let next = rest.next().and(shown.last()).map(|(id, _)| id.clone());
    let mut body = serde_json::json!({ "items": shown.into_iter().map(|(_, item)| item).collect::<Vec<_>>() });
    if let Some(next) = next {
        body["nextToken"] = next.into();
    }
    Ok(RestAnswer::json(200, &body))
}
