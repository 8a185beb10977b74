//! HTTP to payload 2.0 and back. Pure: no function is called here, and no socket read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::routes::Parameters;
use crate::clock::iso;
use crate::wire::HttpAnswer;

/// Headers that belong to one connection: a function's word on them is not passed on.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A request that found its route.
pub(super) struct Asked<'a> {
    pub(super) api: &'a str,
    pub(super) account: &'a str,
    pub(super) port: u16,
    pub(super) method: &'a str,
    /// Decoded, as API Gateway hands it on.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) source: &'a str,
    pub(super) route: &'a str,
    pub(super) parameters: Parameters,
    pub(super) request_id: &'a str,
    pub(super) now: i64,
}

/// A function's answer that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function's answer is not an HTTP answer")]
pub(super) struct Malformed;

/// The event that the function gets.
pub(super) fn event(asked: &Asked<'_>) -> Value {
    let domain = text(asked.headers.get(header::HOST));
    let mut event = json!({
        "version": "2.0",
        "routeKey": asked.route,
        "rawPath": asked.path,
        "rawQueryString": asked.query.unwrap_or_default(),
        "headers": headers(asked),
        "requestContext": {
            "accountId": asked.account,
            "apiId": asked.api,
            "domainName": domain,
            "domainPrefix": asked.api,
            "http": {
                "method": asked.method,
                "path": asked.path,
                "protocol": "HTTP/1.1",
                "sourceIp": asked.source,
                "userAgent": text(asked.headers.get(header::USER_AGENT)),
            },
            "requestId": asked.request_id,
            "routeKey": asked.route,
            "stage": "$default",
            "time": log_time(asked.now),
            "timeEpoch": asked.now,
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(asked.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    let query = joined(crate::wire::rest::pairs(asked.query.unwrap_or_default()));
    if !query.is_empty() {
        event["queryStringParameters"] = query.into();
    }
    if !asked.parameters.is_empty() {
        event["pathParameters"] = joined(asked.parameters.clone()).into();
    }
    if !asked.body.is_empty() {
        let plain = is_text(asked.headers).then(|| std::str::from_utf8(asked.body).ok()).flatten();
        event["isBase64Encoded"] = plain.is_none().into();
        event["body"] = plain.map_or_else(|| STANDARD.encode(asked.body), str::to_owned).into();
    }
    event
}

/// Names in lower case, repeated ones joined by commas (A29); cookies stand apart.
fn headers(asked: &Asked<'_>) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in asked.headers.keys().filter(|name| *name != header::COOKIE) {
        let values: Vec<_> = asked.headers.get_all(name).iter().map(|value| text(Some(value))).collect();
        headers.insert(name.as_str().to_owned(), values.join(",").into());
    }
    let forwarded = match headers.get("x-forwarded-for").and_then(Value::as_str) {
        Some(before) => format!("{before}, {}", asked.source),
        None => asked.source.to_owned(),
    };
    headers.insert("x-forwarded-for".to_owned(), forwarded.into());
    headers.insert("x-forwarded-port".to_owned(), asked.port.to_string().into());
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    if !headers.contains_key("x-amzn-trace-id") {
        let random = crate::random::hex(&crate::random::bytes::<12>());
        headers.insert("x-amzn-trace-id".to_owned(), format!("Root=1-{:08x}-{random}", asked.now / 1000).into());
    }
    headers
}

fn text(value: Option<&HeaderValue>) -> String {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::COOKIE).iter().map(|value| text(Some(value)));
    all.flat_map(|line| line.split(';').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
        .filter(|one| !one.is_empty())
        .collect()
}

fn joined(pairs: Vec<(String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = match map.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        map.insert(name, value.into());
    }
    map
}

/// Whether a body goes to the function as it is; everything else goes in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = text(headers.get(header::CONTENT_TYPE)).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    let known = matches!(&*kind, "application/json" | "application/javascript" | "application/xml");
    let plain = known || kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml");
    plain && !headers.contains_key(header::CONTENT_ENCODING)
}

/// As an access log has it: `12/Mar/2020:19:03:58 +0000`
fn log_time(now: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let iso = iso(now);
    let month = iso.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let part = |from, to| iso.get(from..to).unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(8, 10), MONTHS[(month - 1) % 12], part(0, 4), part(11, 19))
}

/// The HTTP answer that a function's payload means: with a `statusCode` it is described, else it is the body.
pub(super) fn answer(payload: &[u8]) -> Result<HttpAnswer, Malformed> {
    let value: Value = serde_json::from_slice(payload).map_err(|_| Malformed)?;
    match value {
        Value::Object(answer) if answer.contains_key("statusCode") => described(&answer),
        Value::String(body) => Ok(bare(body.into())),
        other => Ok(bare(other.to_string().into())),
    }
}

fn bare(body: Bytes) -> HttpAnswer {
    let mut answer = http::Response::new(Full::new(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn described(described: &Map<String, Value>) -> Result<HttpAnswer, Malformed> {
    let status = match &described["statusCode"] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let status = status.filter(|status| (200..600).contains(status)).and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok()).ok_or(Malformed)?;
    let body = match described.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(body)) if described.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            STANDARD.decode(body).map_err(|_| Malformed)?.into()
        }
        Some(Value::String(body)) => body.clone().into(),
        Some(_) => return Err(Malformed),
    };
    let mut answer = http::Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in described.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name: HeaderName = name.parse().map_err(|_| Malformed)?;
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(Malformed),
        };
        if !HOP_BY_HOP.contains(&name) {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Malformed)?);
        }
    }
    for cookie in described.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        let cookie = cookie.as_str().ok_or(Malformed)?;
        headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie).map_err(|_| Malformed)?);
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(headers: &'a HeaderMap, body: &'a [u8], query: Option<&'a str>) -> Asked<'a> {
        Asked {
            api: "abcdefghij",
            account: "000000000000",
            port: 20_000,
            method: "POST",
            path: "/a b",
            query,
            headers,
            body,
            source: "127.0.0.1",
            route: "POST /{proxy+}",
            parameters: vec![("proxy".into(), "a b".into())],
            request_id: "r=",
            now: 1_583_348_638_390,
        }
    }

    #[test]
    fn a_request_becomes_a_payload_of_version_2() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("Host", "127.0.0.1:20000"), ("X-A", "1"), ("x-a", "2"), ("cookie", "a=b; c=d"), ("user-agent", "u")]
        {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
        let event = event(&asked(&headers, b"{}", Some("q=1&q=2&e=%20")));
        assert_eq!((&event["version"], &event["headers"]["x-a"]), (&json!("2.0"), &json!("1,2")));
        assert_eq!((event["headers"].get("cookie"), &event["cookies"]), (None, &json!(["a=b", "c=d"])));
        assert_eq!(event["rawQueryString"], "q=1&q=2&e=%20");
        assert_eq!(event["queryStringParameters"], json!({ "q": "1,2", "e": " " }));
        assert_eq!(event["pathParameters"], json!({ "proxy": "a b" }));
        assert_eq!(event["requestContext"]["time"], "04/Mar/2020:19:03:58 +0000");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }

    #[test]
    fn a_body_that_is_no_text_goes_in_base64_and_none_is_left_out() {
        let mut headers = HeaderMap::new();
        let bare = event(&asked(&headers, b"", None));
        for absent in ["body", "queryStringParameters", "cookies"] {
            assert_eq!(bare.get(absent), None);
        }
        assert_eq!(event(&asked(&headers, b"hi", None))["body"], "aGk=");
        headers.insert("content-type", "text/plain".parse().unwrap());
        assert_eq!(event(&asked(&headers, b"hi", None))["body"], "hi");
        let broken = event(&asked(&headers, &[0xff], None));
        assert_eq!((&broken["body"], &broken["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    }

    #[test]
    fn a_described_answer_is_sent_as_it_is_described() {
        let payload = json!({
            "statusCode": 201, "headers": { "X-A": "b", "content-length": "9", "x-n": 5 },
            "cookies": ["a=b", "c=d"], "body": "aGk=", "isBase64Encoded": true,
        });
        let answer = answer(payload.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(["x-a", "x-n"].map(|name| &answer.headers()[name]), ["b", "5"]);
        assert_eq!(answer.headers().get("content-length"), None);
        assert_eq!(answer.headers()["content-type"], "text/plain;charset=UTF-8");
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn any_other_json_is_the_body_of_a_200_and_rubbish_is_refused() {
        assert_eq!(answer(b"{\"a\":1}").unwrap().headers()["content-type"], "application/json");
        assert_eq!(answer(b"\"hello\"").unwrap().status(), 200);
        for bad in [
            &b"not json"[..],
            br#"{"statusCode":"x"}"#,
            br#"{"statusCode":99}"#,
            br#"{"statusCode":200,"body":{}}"#,
            br#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            br#"{"statusCode":200,"headers":{"a":"b\nc"}}"#,
            br#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#,
        ] {
            assert!(answer(bad).is_err());
        }
    }
}
