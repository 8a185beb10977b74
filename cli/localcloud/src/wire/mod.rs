//! Which service and call a request is, and the shape of answers and errors: one file a protocol.
//! Knows protocols, not what the calls do.

pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod tree;

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Map, Value};

pub(crate) use rest::{Rest, RestAnswer};

/// An answer as hyper sends it.
pub(crate) type HttpAnswer = http::Response<Full<Bytes>>;

/// A call that was not done: becomes the protocol's error shape.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Further members of the error, for the codes that have some.
    pub(crate) details: Map<String, Value>,
}

impl Refusal {
    /// A refusal by status, AWS's error code and a message.
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Map::new() }
    }

    /// A call that the local cloud does not have, refused by its name.
    pub(crate) fn unknown_call(service: &str, call: &str) -> Self {
        let message = format!("the local cloud does not implement {service} {call}");
        Self::new(400, "UnsupportedOperation", message)
    }

    /// A part of a call that the local cloud does not have, refused by its name.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(400, "UnsupportedOperation", format!("the local cloud does not implement {what}"))
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        let other = || Self::new(500, "InternalFailure", format!("the state of the local cloud: {error}"));
        crate::disk::refused(&error).unwrap_or_else(other)
    }
}

/// The service that a request is signed for: `…/20260102/us-east-1/sqs/aws4_request` in its Authorization.
pub(crate) fn signed_for(headers: &http::HeaderMap) -> Option<&str> {
    let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let credential = authorization.split_once("Credential=")?.1;
    credential.split(',').next()?.trim().split('/').nth(3)
}

/// Puts an answer together; a header that cannot be sent is left out.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> HttpAnswer {
    let mut answer = http::Response::new(Full::new(body.into()));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse::<http::HeaderValue>()) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
