//! REST JSON: the call is a method and a path; Lambda and API Gateway speak it, and so do push senders.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{HttpAnswer, Refusal, answer};

/// A REST request, its path and query decoded.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    pub(crate) method: http::Method,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// A REST answer.
#[derive(Debug, Clone)]
pub(crate) struct RestAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Rest {
    /// Takes the head and body of a request apart.
    pub(crate) fn new(head: &http::request::Parts, body: Bytes) -> Self {
        Self {
            method: head.method.clone(),
            path: segments(head.uri.path()),
            query: pairs(head.uri.query().unwrap_or_default()),
            headers: head.headers.clone(),
            body,
        }
    }
}

impl RestAnswer {
    /// A JSON answer.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: value.to_string().into() }
    }
}

/// The decoded segments of a path; an empty last one is left out.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Vec::new();
    }
    path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

/// The decoded pairs of a query or of a form (`+` is a space).
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The answer to a REST call.
pub(crate) fn reply(outcome: Result<RestAnswer, Refusal>) -> HttpAnswer {
    let id = crate::random::uuid();
    match outcome {
        Ok(done) => {
            let mut headers: Vec<(&str, &str)> = done.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            headers.push(("x-amzn-requestid", &id));
            answer(done.status, &headers, done.body)
        }
        Err(refusal) => {
            let code = refusal.code.rsplit('#').next().unwrap_or_default().to_owned();
            let kind = if refusal.status < 500 { "User" } else { "Server" };
            let mut body = json!({ "Type": kind, "message": refusal.message, "Message": refusal.message });
            if let Some(body) = body.as_object_mut() {
                body.extend(refusal.details);
            }
            let headers =
                [("content-type", "application/json"), ("x-amzn-requestid", &*id), ("x-amzn-errortype", &*code)];
            answer(refusal.status, &headers, body.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_slash_stays_inside_its_segment() {
        assert_eq!(segments("/v2/tags/arn%3Aaws%2Fapis/"), vec!["v2", "tags", "arn:aws/apis"]);
        assert!(segments("/").is_empty());
    }

    #[test]
    fn a_form_is_decoded_with_its_plus_signs() {
        assert_eq!(pairs("a=b+c&d=%2B"), vec![("a".into(), "b c".into()), ("d".into(), "+".into())]);
    }
}
