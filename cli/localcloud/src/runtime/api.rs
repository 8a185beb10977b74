//! The Lambda Runtime API, as a function's process speaks it: the next event, its answer or error, an error at the start.
//! A process is known by the token in its address; what it sends can spoil its own event, nobody else's.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::json;

use super::process::{Event, Process, Reply, error_payload};
use crate::Cloud;
use crate::clock::Clock;
use crate::wire::{HttpAnswer, answer as respond};

/// What an answer may have (AWS: 6 MB and a little).
const ANSWER_BYTES: usize = 6_291_556;

/// Answers a request of the process that a token belongs to.
pub(crate) async fn answer(
    cloud: &Arc<Cloud>,
    token: &str,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> HttpAnswer {
    let Some(process) = cloud.lambda.pool().process(token) else {
        return refused(403, "Runtime.UnknownProcess", "this process belongs to no function that runs");
    };
    let _ = headers;
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => {
            let event = process.next().await;
            event_answer(&process, event)
        }
        ("POST", ["2018-06-01", "runtime", "invocation", id, "response"]) => respond_to(&process, id, body),
        ("POST", ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            accepted(process.reply(id, Reply::Error(error_of(body))), id)
        }
        ("POST", ["2018-06-01", "runtime", "init", "error"]) => {
            process.init_failed(error_of(body));
            status_ok()
        }
        _ => refused(404, "Runtime.UnknownPath", "the Runtime API has no such path"),
    }
}

fn event_answer(process: &Process, event: Event) -> HttpAnswer {
    let timeout = i64::try_from(process.launch.timeout.as_millis()).unwrap_or(i64::MAX);
    let deadline = Clock::System.now_ms().saturating_add(timeout).to_string();
    let mut headers = vec![
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &event.request_id),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", &event.arn),
        ("lambda-runtime-trace-id", &event.trace),
    ];
    if let Some(context) = &event.client_context {
        headers.push(("lambda-runtime-client-context", context));
    }
    respond(200, &headers, event.payload.clone())
}

fn respond_to(process: &Process, id: &str, body: Bytes) -> HttpAnswer {
    if body.len() <= ANSWER_BYTES {
        return accepted(process.reply(id, Reply::Answer(body)), id);
    }
    let message = format!("Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES} bytes).");
    process.reply(id, Reply::Error(error_payload("Function.ResponseSizeTooLarge", &message)));
    refused(413, "RequestEntityTooLarge", &message)
}

/// The error that a process tells; what is no JSON object becomes one.
fn error_of(body: Bytes) -> Bytes {
    match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body) {
        Ok(_) if body.len() <= ANSWER_BYTES => body,
        _ => error_payload("Runtime.BadError", "the function told an error that is not a JSON object of up to 6 MB"),
    }
}

fn accepted(known: bool, id: &str) -> HttpAnswer {
    if known {
        return status_ok();
    }
    refused(400, "InvalidRequestID", &format!("{id} is not the event that this process works on"))
}

fn status_ok() -> HttpAnswer {
    respond(202, &[("content-type", "application/json")], r#"{"status":"OK"}"#)
}

fn refused(status: u16, kind: &str, message: &str) -> HttpAnswer {
    let body = json!({ "errorType": kind, "errorMessage": message });
    respond(status, &[("content-type", "application/json")], body.to_string())
}
