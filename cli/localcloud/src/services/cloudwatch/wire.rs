//! The protocols that CloudWatch is called by: JSON 1.0 (today's boto3 and AWS command line) and query (older ones). Its
//! CBOR is refused by name.

use std::sync::Arc;

use serde_json::Value;

use crate::wire::json::{self, Dialect};
use crate::wire::{HttpAnswer, query, rest, tree};
use crate::{Cloud, Refusal};

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
const DIALECT: Dialect = Dialect { version: "1.0", prefix: "com.amazonaws.cloudwatch#", query_error };

/// The code that clients of the older protocol know an error by.
fn query_error(code: &str) -> Option<&'static str> {
    match code {
        "InvalidParameterInput" => Some("InvalidParameterInput"),
        "ResourceNotFound" => Some("ResourceNotFound"),
        "ResourceNotFoundException" => Some("ResourceNotFoundException"),
        "ValidationError" => Some("ValidationError"),
        _ => None,
    }
}

/// The answer to a call, in the protocol that it came by.
pub(crate) fn answer(cloud: &Arc<Cloud>, path: &str, headers: &http::HeaderMap, body: &[u8]) -> HttpAnswer {
    if path.starts_with("/service/") {
        return rest::reply(Err(Refusal::unsupported("CloudWatch's CBOR protocol; its JSON and query protocols are")));
    }
    if headers.contains_key("x-amz-target") {
        let called = json::call(headers, body);
        return json::reply(&DIALECT, called.and_then(|(action, input)| cloud.cloudwatch.call(cloud, action, &input)));
    }
    let form = query::Form::parse(body);
    let action = form.get("Action").unwrap_or_default();
    let answered = cloud.cloudwatch.call(cloud, action, &tree::input(&form));
    query::reply(
        NAMESPACE,
        action,
        answered.map(|mut output| {
            written(&mut output);
            tree::output(&output)
        }),
    )
}

/// Times are numbers in JSON and texts in XML.
fn written(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(written),
        Value::Object(members) => {
            for (name, value) in members {
                let is_time = name.ends_with("Timestamp") || name == "Timestamps" || name == "LastModified";
                if is_time { dated(value) } else { written(value) }
            }
        }
        _ => {}
    }
}

fn dated(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(dated),
        _ => {
            if let Some(seconds) = value.as_i64() {
                *value = crate::clock::iso(seconds * 1000).into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_written_as_xml_has_them() {
        let mut value = json!({ "A": [{ "Timestamp": 0, "Sum": 0 }], "Timestamps": [0] });
        written(&mut value);
        let epoch = "1970-01-01T00:00:00Z";
        assert_eq!(value, json!({ "A": [{ "Timestamp": epoch, "Sum": 0 }], "Timestamps": [epoch] }));
    }
}
