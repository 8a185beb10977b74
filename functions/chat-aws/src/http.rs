//! From payload 2.0 to what the chat understands, and back: the one place of the functions that parses a
//! request. Every failure leaves it as problem+json. It must not know what a request is for.

use std::collections::BTreeMap;
use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chat::message::{IdempotencyKey, MemberSecret};
use chat::problem::{Code, Problem};

use lambda_runtime::{LambdaEvent, service_fn};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use crate::answer::Answer;
use crate::answer::Payload;
use crate::log::Line;
use crate::moment::Moment;
use crate::start::StartFailed;

/// The event of API Gateway's payload format 2.0, as far as the chat reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Described,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    method: String,
    #[serde(default)]
    source_ip: String,
}

/// One request.
#[derive(Debug, Clone, Default)]
pub struct Call {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    address: String,
}

impl From<Event> for Call {
    fn from(event: Event) -> Self {
        let body = event.body.unwrap_or_default();
        // A body that is said to be base64 and is not reads as no JSON, and is refused as such.
        let body = if event.is_base64_encoded { STANDARD.decode(&body).unwrap_or_default() } else { body.into_bytes() };
        Self {
            method: event.request_context.http.method,
            path: event.raw_path,
            query: query(&event.raw_query_string),
            headers: event.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body,
            address: event.request_context.http.source_ip,
        }
    }
}

fn query(raw: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

impl Call {
    /// A request of a test.
    pub fn new(method: &str, path: &str) -> Self {
        let (path, raw_query) = path.split_once('?').unwrap_or((path, ""));
        Self { method: method.into(), path: path.into(), query: query(raw_query), ..Self::default() }
    }

    /// A GET of a test.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// The same with a header (name in lower case).
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a body of JSON.
    pub fn with_json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with("content-type", "application/json")
    }

    /// The method, in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address that the request came from.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A value of the query; an empty one counts as not given.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the browser's side of the connection is encrypted.
    pub fn came_by_https(&self) -> bool {
        self.header("x-forwarded-proto") == Some("https")
    }

    /// The origin that the page was reached at, from the headers of whoever stands in front of the function.
    pub fn origin(&self) -> Option<String> {
        let plain =
            |host: &&str| host.len() <= 255 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b));
        let host = self.header("host").filter(plain)?;
        Some(format!("{}://{host}", if self.came_by_https() { "https" } else { "http" }))
    }

    /// What names the room: for `chat::room::enter`.
    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// Who asks.
    pub fn member(&self) -> Result<MemberSecret, Problem> {
        let text = self.header("chat-member").unwrap_or_default();
        MemberSecret::parse(text).map_err(|bad| Problem::new(Code::BadMember, bad.to_string()))
    }

    /// Under which key a post may be repeated.
    pub fn idempotency_key(&self) -> Result<IdempotencyKey, Problem> {
        let Some(text) = self.header("idempotency-key") else {
            let detail = "a post needs the header Idempotency-Key, so that it can be repeated safely";
            return Err(Problem::new(Code::MissingIdempotencyKey, detail));
        };
        IdempotencyKey::parse(text).map_err(|bad| Problem::new(Code::BadIdempotencyKey, bad.to_string()))
    }

    /// The body, of at most this many bytes (asked before it is parsed), as JSON of this form.
    pub fn json<T: DeserializeOwned>(&self, most: usize) -> Result<T, Problem> {
        if self.body.len() > most {
            return Err(Problem::new(Code::BodyTooLarge, format!("the body may have at most {most} bytes")));
        }
        let kind = self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(Code::UnsupportedMediaType, "the header Content-Type must be application/json"));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (code, what) = if error.is_data() { (Code::BadBody, "field") } else { (Code::BadJson, "JSON") };
            // The parser's own words may quote the text: only the place is told.
            let place = format!("the {what} can't be read at line {}, column {}", error.line(), error.column());
            Problem::new(code, place)
        })
    }
}

/// Answers requests until Lambda ends the process. Each gets the moment it came at; each leaves one line in the log.
pub async fn serve<H, F>(version: &str, handle: H) -> Result<(), StartFailed>
where
    H: Fn(Call, Moment) -> F,
    F: Future<Output = Result<Answer, Problem>> + Send,
{
    let respond = |event: LambdaEvent<Event>| {
        let call = Call::from(event.payload);
        let line = Line::about(&format!("{} {}", call.method, shown(&call.path)));
        let request = event.context.request_id;
        let work = handle(call, Moment::present());
        async move {
            let outcome = work.await;
            let code = outcome.as_ref().err().map(Problem::code);
            let answer = outcome.unwrap_or_else(|problem| Answer::from(&problem)).with("x-chat-version", version);
            let room = answer.room.as_ref().map(ToString::to_string);
            line.with("request", request).with("status", answer.status).maybe("code", code).maybe("room", room).write();
            Ok::<_, lambda_runtime::Error>(Payload::from(answer))
        }
    };
    Ok(lambda_runtime::run(service_fn(respond)).await?)
}

/// A path for the log: cut, so that nobody can fill it.
fn shown(path: &str) -> String {
    path.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(changes: serde_json::Value) -> Call {
        let mut event = json!({
            "version": "2.0", "routeKey": "POST /api/messages", "rawPath": "/api/messages", "rawQueryString": "after=a%2Bb&limit=5&empty=",
            "headers": { "Content-Type": "application/json; charset=utf-8", "host": "x.example", "x-forwarded-proto": "https" },
            "requestContext": { "http": { "method": "POST", "path": "/api/messages", "sourceIp": "192.0.2.1" } },
            "body": "{\"a\":1}", "isBase64Encoded": false
        });
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        Call::from(serde_json::from_value::<Event>(event).unwrap())
    }

    /// A29
    #[test]
    fn a29_a_request_is_read_from_payload_2_0() {
        let call = event(json!({}));
        assert_eq!((call.method(), call.path(), call.address()), ("POST", "/api/messages", "192.0.2.1"));
        assert_eq!((call.query("after"), call.query("limit"), call.query("empty")), (Some("a+b"), Some("5"), None));
        assert_eq!(call.origin().as_deref(), Some("https://x.example"));
        assert_eq!(call.json::<serde_json::Value>(100).unwrap(), json!({ "a": 1 }));
    }

    #[test]
    fn a_body_in_base64_is_decoded() {
        let call = event(json!({ "body": "eyJhIjoxfQ==", "isBase64Encoded": true }));
        assert_eq!(call.json::<serde_json::Value>(100).unwrap(), json!({ "a": 1 }));
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_it_is_read() {
        let call = event(json!({ "body": "x".repeat(101) }));
        assert_eq!(call.json::<serde_json::Value>(100).unwrap_err().kind(), Code::BodyTooLarge);
    }

    #[test]
    fn what_is_no_json_differs_from_json_of_the_wrong_form() {
        #[derive(Debug, Deserialize)]
        struct Wanted {
            #[serde(rename = "a")]
            _a: String,
        }
        let refused = |body: &str| event(json!({ "body": body })).json::<Wanted>(100).unwrap_err().kind();
        assert_eq!(refused("{"), Code::BadJson);
        assert_eq!(refused("hello"), Code::BadJson);
        assert_eq!(refused(""), Code::BadJson);
        assert_eq!(refused("{\"a\":1}"), Code::BadBody);
        assert_eq!(refused("[]"), Code::BadBody);
        assert_eq!(refused("{}"), Code::BadBody);
    }

    #[test]
    fn a_problem_with_a_body_never_quotes_it() {
        let problem = event(json!({ "body": "{\"a\": \"secret text" })).json::<serde_json::Value>(100).unwrap_err();
        assert!(!problem.detail().contains("secret"), "{}", problem.detail());
    }

    #[test]
    fn another_content_type_is_refused() {
        let call = event(json!({ "headers": { "content-type": "text/plain" } }));
        assert_eq!(call.json::<serde_json::Value>(100).unwrap_err().kind(), Code::UnsupportedMediaType);
    }

    #[test]
    fn member_and_key_are_checked() {
        let call = event(json!({}));
        assert_eq!(call.member().unwrap_err().kind(), Code::BadMember);
        assert_eq!(call.idempotency_key().unwrap_err().kind(), Code::MissingIdempotencyKey);
        let bad = call.with("idempotency-key", "ü");
        assert_eq!(bad.idempotency_key().unwrap_err().kind(), Code::BadIdempotencyKey);
    }
}
