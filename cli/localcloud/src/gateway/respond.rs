//! One request of an HTTP API, from its first byte to its answer: host, stage, route, permission, function.
//! Each step that fails has API Gateway's own answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::time::timeout;

use super::Served;
use super::event::{Asked, answer, event};
use super::routes::{RouteKey, pick};
use crate::Cloud;
use crate::services::apigateway::FunctionArn;
use crate::services::lambda::Invoking;
use crate::wire::HttpAnswer;

/// The largest body of a request.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// How much of a body that is too large is still read, so that the caller can read the answer.
const LARGEST_DISCARDED: usize = 4 * LARGEST_BODY;
/// The largest request line and headers together.
const LARGEST_HEAD: usize = 10_240;
/// How long a caller may take to send its body.
const READING: Duration = Duration::from_secs(30);

/// An answer of API Gateway itself.
struct Own(u16, &'static str);

const BAD_REQUEST: Own = Own(400, "Bad Request");
const FORBIDDEN: Own = Own(403, "Forbidden");
const NOT_FOUND: Own = Own(404, "Not Found");
const TIMED_OUT: Own = Own(408, "Request Timeout");
const TOO_LARGE: Own = Own(413, "Request Entity Too Large");
const HEAD_TOO_LARGE: Own = Own(431, "Request Header Fields Too Large");
const FAILED: Own = Own(500, "Internal Server Error");
const UNAVAILABLE: Own = Own(503, "Service Unavailable");

/// Who asks: the API's port and the caller's address.
pub(super) struct Caller<'a> {
    pub(super) api: &'a str,
    pub(super) port: u16,
    pub(super) address: &'a str,
}

/// Answers one request of an API.
pub(super) async fn respond(
    cloud: Option<&Arc<Cloud>>,
    caller: &Caller<'_>,
    request: http::Request<Incoming>,
) -> HttpAnswer {
    let id = STANDARD.encode(crate::random::bytes::<11>());
    let carried = match cloud {
        Some(cloud) => carry(cloud, caller, request, &id).await,
        None => Err(UNAVAILABLE), // it is just ending
    };
    let mut answer = match carried {
        Ok(answer) => answer,
        Err(Own(status, message)) => {
            let body = json!({ "message": message }).to_string();
            crate::wire::answer(status, &[("content-type", "application/json")], body)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert("apigw-requestid", id);
    }
    answer
}

async fn carry(
    cloud: &Arc<Cloud>,
    caller: &Caller<'_>,
    request: http::Request<Incoming>,
    id: &str,
) -> Result<HttpAnswer, Own> {
    let (head, body) = request.into_parts();
    if !own_host(&head.headers, caller.port) {
        return Err(FORBIDDEN);
    }
    if size(&head) > LARGEST_HEAD {
        return Err(HEAD_TOO_LARGE);
    }
    let body = timeout(READING, read(body)).await.map_err(|_| TIMED_OUT)??;
    let served = cloud.apigateway.served(caller.api).ok_or(NOT_FOUND)?;
    if !served.record.stages.get("$default").is_some_and(|stage| stage.auto_deploy) {
        return Err(NOT_FOUND);
    }
    let path = segments(head.uri.path()).ok_or(BAD_REQUEST)?;
    let (key, route, parameters) = pick(&served.routes, head.method.as_str(), &path).ok_or(NOT_FOUND)?;
    let target = target(&served, route).ok_or(FAILED)?;
    let source = source(cloud, caller.api, key, head.method.as_str());
    let qualifier = target.function.qualifier.as_deref();
    if !cloud.lambda.may_invoke("apigateway.amazonaws.com", &source, &target.function.name, qualifier) {
        return Err(FAILED);
    }
    let event = event(&Asked {
        api: caller.api,
        account: cloud.place.account,
        port: caller.port,
        method: head.method.as_str(),
        path: &format!("/{}", path.join("/")),
        query: head.uri.query(),
        headers: &head.headers,
        body: &body,
        source: caller.address,
        route: target.key,
        parameters,
        request_id: id,
        now: cloud.now_ms(),
    });
    let trace = event["headers"]["x-amzn-trace-id"].as_str().map(str::to_owned);
    invoke(cloud, &target, event.to_string().into(), trace).await
}

/// Where a route leads.
struct Target<'a> {
    key: &'a str,
    function: FunctionArn,
    timeout: Duration,
}

fn target<'a>(served: &'a Served, route: &str) -> Option<Target<'a>> {
    let route = served.record.routes.get(route)?;
    let integration = route.target.as_deref()?.strip_prefix("integrations/")?;
    let integration = served.record.integrations.get(integration)?;
    Some(Target {
        key: &route.route_key,
        function: FunctionArn::parse(&integration.integration_uri)?,
        timeout: Duration::from_millis(integration.timeout_in_millis),
    })
}

/// Calls the function. It goes on when its caller left or its time is up, as on AWS.
async fn invoke(
    cloud: &Arc<Cloud>,
    target: &Target<'_>,
    payload: Bytes,
    trace: Option<String>,
) -> Result<HttpAnswer, Own> {
    let (cloud, function) = (Arc::clone(cloud), target.function.clone());
    let running = tokio::spawn(async move {
        let how = Invoking { trace, ..Invoking::default() };
        cloud.lambda.invoke_as(&cloud, &function.name, function.qualifier.as_deref(), payload, how).await
    });
    match timeout(target.timeout, running).await {
        Err(_) => Err(UNAVAILABLE),
        Ok(Err(_)) => Err(FAILED),
        Ok(Ok(Err(refusal))) => Err(match refusal.status {
            413 => TOO_LARGE,
            429 => UNAVAILABLE,
            _ => FAILED,
        }),
        Ok(Ok(Ok(invoked))) if invoked.error.is_some() => Err(FAILED),
        Ok(Ok(Ok(invoked))) => answer(&invoked.payload).map_err(|_| FAILED),
    }
}

/// The source that the function's policy must allow: `…:api/$default/GET/path`.
fn source(cloud: &Cloud, api: &str, key: &RouteKey, method: &str) -> String {
    let place = format!("arn:aws:execute-api:{}:{}:{api}/$default", cloud.place.region, cloud.place.account);
    match key {
        RouteKey::Default => format!("{place}/$default"),
        RouteKey::Path { .. } => format!("{place}/{method}{}", key.resource()),
    }
}

/// Whether a request was sent to this API's own address: another name for loopback is someone else's trick.
fn own_host(headers: &HeaderMap, port: u16) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = host.strip_suffix(&port.to_string()).and_then(|name| name.strip_suffix(':'));
    named.is_some_and(|name| name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost"))
}

fn size(head: &http::request::Parts) -> usize {
    let line = head.method.as_str().len() + head.uri.to_string().len();
    head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() + line
}

/// The decoded segments of a path.
fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(Vec::new());
    }
    let decoded = path.split('/').map(|part| percent_decode_str(part).decode_utf8().map(|part| part.into_owned()));
    decoded.collect::<Result<_, _>>().ok()
}

/// Reads a body up to its limit.
async fn read(mut body: Incoming) -> Result<Bytes, Own> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > LARGEST_DISCARDED {
        return Err(TOO_LARGE);
    }
    let (mut kept, mut seen) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BAD_REQUEST)?.into_data() else { continue };
        seen += data.len();
        if seen <= LARGEST_BODY {
            kept.extend_from_slice(&data);
        } else if seen <= LARGEST_DISCARDED {
            kept = BytesMut::new();
        } else {
            return Err(TOO_LARGE);
        }
    }
    if seen > LARGEST_BODY { Err(TOO_LARGE) } else { Ok(kept.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_apis_own_address_is_answered() {
        let host = |host: &str| HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        assert!(own_host(&host("127.0.0.1:20000"), 20_000));
        assert!(own_host(&host("localhost:20000"), 20_000));
        for foreign in
            ["evil.test:20000", "127.0.0.1", "127.0.0.1:20001", "127.0.0.1.evil.test:20000", "x127.0.0.1:20000"]
        {
            assert!(!own_host(&host(foreign), 20_000), "{foreign}");
        }
        assert!(!own_host(&HeaderMap::new(), 20_000));
    }

    #[test]
    fn a_path_is_decoded_by_segment() {
        assert_eq!(segments("/"), Some(vec![]));
        assert_eq!(segments("/a%20b/c%2Fd/"), Some(vec!["a b".into(), "c/d".into(), String::new()]));
        assert_eq!(segments("/%ff"), None);
    }
}
