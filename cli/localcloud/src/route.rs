//! Which service a request is for, by its path or its signature: the same over a port and in process. Knows nothing of
//! what the service does.

use std::sync::Arc;

use bytes::Bytes;

use crate::services::{apigateway, cloudformation, cloudwatch, dynamodb, iam, lambda, logs, sqs, ssm, sts};
use crate::weather::{self, Asked};
use crate::wire::{HttpAnswer, Refusal, Rest, RestAnswer, answer as reply, json, query, rest, signed_for};
use crate::{Cloud, Identity};

/// Sends a request to what its path or its signature names.
pub(crate) async fn answer(cloud: &Arc<Cloud>, head: http::request::Parts, body: Bytes) -> HttpAnswer {
    let path = head.uri.path();
    if let Some(local) = path.strip_prefix("/_local/") {
        return own(cloud, &head.method, local);
    }
    if path.starts_with("/wpush/") {
        return rest::reply(Ok(cloud.push.sender(cloud, Rest::new(&head, body)).await));
    }
    if let Some(rest) = path.strip_prefix("/_runtime/") {
        let (token, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return crate::runtime::api::answer(cloud, token, &head.method, path, &head.headers, body).await;
    }
    let trace = head.headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok());
    macro_rules! json_call {
        ($service:ident) => {
            json_call!($service, |action, input| cloud.$service.call(cloud, action, input))
        };
        ($service:ident, $call:expr) => {
            match json::call(&head.headers, &body) {
                Ok((action, input)) => {
                    let asked = cloud.weather.sees(|| Asked::json(stringify!($service), action, &input));
                    weather::around(cloud, asked, $call(action, input)).await
                }
                Err(refusal) => Err(refusal),
            }
        };
    }
    match signed_for(&head.headers) {
        Some("dynamodb") => json::reply(&dynamodb::DIALECT, json_call!(dynamodb)),
        Some("sqs") => {
            let call = |action, input| cloud.sqs.call_within(cloud, action, input, trace);
            json::reply(&sqs::DIALECT, json_call!(sqs, call))
        }
        Some("ssm") => json::reply(&ssm::DIALECT, json_call!(ssm)),
        Some("logs") => json::reply(&logs::DIALECT, json_call!(logs)),
        Some("iam") => {
            let form = query::Form::parse(&body);
            let action = form.get("Action").unwrap_or_default();
            let asked = cloud.weather.sees(|| Asked::of("iam", action, form.get("RoleName").unwrap_or_default()));
            let mut answer = query::Xml::default();
            let work = async {
                answer = cloud.iam.call(cloud, action, &form)?;
                Ok(serde_json::Value::Null)
            };
            let outcome = weather::around(cloud, asked, work).await;
            query::reply(iam::NAMESPACE, action, outcome.map(|_| answer))
        }
        Some("sts") => {
            let form = query::Form::parse(&body);
            let action = form.get("Action").unwrap_or_default();
            query::reply(sts::NAMESPACE, action, cloud.sts.call(cloud, action))
        }
        Some("cloudformation") => {
            let form = query::Form::parse(&body);
            let action = form.get("Action").unwrap_or_default();
            let asked = cloud.weather.sees(|| Asked::of("cloudformation", action, ""));
            let mut answer = query::Xml::default();
            let work = async {
                answer = cloud.cloudformation.call(cloud, action, &form)?;
                Ok(serde_json::Value::Null)
            };
            let outcome = weather::around(cloud, asked, work).await;
            query::reply(cloudformation::NAMESPACE, action, outcome.map(|_| answer))
        }
        Some("monitoring") => cloudwatch::wire::answer(cloud, path, &head.headers, &body),
        Some("lambda") => {
            let request = Rest::new(&head, body);
            let asked = cloud.weather.sees(|| lambda::asked(&request));
            rest::reply(weather::around_rest(cloud, asked, cloud.lambda.call(cloud, request)).await)
        }
        Some("apigateway") => {
            let request = Rest::new(&head, body);
            let asked = cloud.weather.sees(|| apigateway::asked(&request));
            rest::reply(weather::around_rest(cloud, asked, cloud.apigateway.call(cloud, request)).await)
        }
        Some(service) => rest::reply(Err(Refusal::unsupported(format!("the service {service}")))),
        None => rest::reply(Err(Refusal::new(403, "MissingAuthenticationToken", "the request is not signed"))),
    }
}

/// `/_local/…`: what the cloud says of itself.
fn own(cloud: &Cloud, method: &http::Method, path: &str) -> HttpAnswer {
    match (method.as_str(), path) {
        ("GET", "identity") => {
            let identity = Identity::of(&cloud.config, cloud.place.port);
            let body = serde_json::to_value(identity).unwrap_or_default();
            rest::reply(Ok(RestAnswer::json(200, &body)))
        }
        ("GET", "push") => match cloud.push.summary() {
            Ok(summary) => rest::reply(Ok(RestAnswer::json(200, &summary))),
            Err(error) => rest::reply(Err(error.into())),
        },
        ("POST", "stop") => {
            cloud.stop.send_replace(true);
            reply(202, &[], Bytes::new())
        }
        _ => reply(404, &[], Bytes::new()),
    }
}
