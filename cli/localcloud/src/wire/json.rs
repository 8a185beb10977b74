//! AWS JSON 1.0 and 1.1: the call stands in `X-Amz-Target`, input and output are one JSON object.

use serde_json::{Value, json};

use super::{HttpAnswer, Refusal, answer};

/// A JSON service's way of naming its errors, and its version of the protocol.
pub(crate) struct Dialect {
    /// The `application/x-amz-json-…` that it speaks.
    pub(crate) version: &'static str,
    /// What stands before an error's code in `__type`.
    pub(crate) prefix: &'static str,
    /// An older code a client may know an error by (`x-amzn-query-error`).
    pub(crate) query_error: fn(&str) -> Option<&'static str>,
}

/// The call that a request names, without the service's prefix, and its input; an empty body is an empty object.
pub(crate) fn call<'a>(headers: &'a http::HeaderMap, body: &[u8]) -> Result<(&'a str, Value), Refusal> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let (_, action) = target
        .and_then(|target| target.rsplit_once('.'))
        .ok_or_else(|| Refusal::new(400, "UnknownOperationException", "the request has no X-Amz-Target"))?;
    if body.is_empty() {
        return Ok((action, json!({})));
    }
    match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok((action, input)),
        Ok(_) => Err(Refusal::new(400, "SerializationException", "the input is not a JSON object")),
        Err(error) => Err(Refusal::new(400, "SerializationException", format!("the input is not JSON: {error}"))),
    }
}

/// The answer to a call, in the service's dialect.
pub(crate) fn reply(dialect: &Dialect, outcome: Result<Value, Refusal>) -> HttpAnswer {
    let kind = format!("application/x-amz-json-{}", dialect.version);
    let id = crate::random::uuid();
    match outcome {
        Ok(output) => {
            let body = output.to_string();
            answer(200, &[("content-type", &kind), ("x-amzn-requestid", &id)], body)
        }
        Err(refusal) => {
            let short = refusal.code.rsplit('#').next().unwrap_or_default().to_owned();
            let kind_of = match refusal.code.contains('#') {
                true => refusal.code.clone(),
                false => format!("{}{}", dialect.prefix, refusal.code),
            };
            let mut body = refusal.details;
            body.insert("__type".into(), kind_of.into());
            body.insert("message".into(), refusal.message.as_str().into());
            body.entry("Message").or_insert_with(|| refusal.message.as_str().into());
            let mut headers =
                vec![("content-type", kind.as_str()), ("x-amzn-requestid", &id), ("x-amzn-errortype", &short)];
            let older = (dialect.query_error)(&short).map(|code| format!("{code};Sender"));
            if let Some(older) = &older {
                headers.push(("x-amzn-query-error", older));
            }
            answer(refusal.status, &headers, Value::Object(body).to_string())
        }
    }
}
