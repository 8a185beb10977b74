//! Each call as the engine has it: JSON in, its own request and answer types, JSON out.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::names::Naming;
use crate::Refusal;

pub(super) const TABLE_CALLS: &[&str] = &[
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeTable",
    "DescribeTimeToLive",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "Query",
    "Scan",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
];
pub(super) const STREAM_CALLS: &[&str] = &["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];

/// A call of the engine.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) writes: bool,
    pub(super) names: Naming,
    pub(super) run: fn(&Database, Value) -> Result<Value, DynoxideError>,
}

/// The call of that name, if the local cloud has it.
pub(super) fn find(action: &str) -> Option<Call> {
    use Naming::{Anywhere, None as Items, Records};
    macro_rules! call {
        ($name:literal, $method:ident, $writes:literal, $naming:expr) => {
            Some(Call {
                name: $name,
                writes: $writes,
                names: $naming,
                run: |engine, input| write(&engine.$method(read($name, input)?)?),
            })
        };
    }
    match action {
        "BatchExecuteStatement" => call!("BatchExecuteStatement", batch_execute_statement, true, Items),
        "BatchGetItem" => call!("BatchGetItem", batch_get_item, false, Items),
        "BatchWriteItem" => call!("BatchWriteItem", batch_write_item, true, Items),
        "CreateTable" => call!("CreateTable", create_table, true, Anywhere),
        "DeleteItem" => call!("DeleteItem", delete_item, true, Items),
        "DeleteTable" => call!("DeleteTable", delete_table, true, Anywhere),
        "DescribeTable" => call!("DescribeTable", describe_table, false, Anywhere),
        "DescribeTimeToLive" => call!("DescribeTimeToLive", describe_time_to_live, false, Items),
        "ExecuteStatement" => call!("ExecuteStatement", execute_statement, true, Items),
        "ExecuteTransaction" => call!("ExecuteTransaction", execute_transaction, true, Items),
        "GetItem" => call!("GetItem", get_item, false, Items),
        "ListTables" => call!("ListTables", list_tables, false, Items),
        "ListTagsOfResource" => call!("ListTagsOfResource", list_tags_of_resource, false, Items),
        "PutItem" => call!("PutItem", put_item, true, Items),
        "Query" => call!("Query", query, false, Items),
        "Scan" => call!("Scan", scan, false, Items),
        "TagResource" => Some(Call {
            name: "TagResource",
            writes: false,
            names: Items,
            run: |engine, input| engine.tag_resource(read("TagResource", input)?).map(|_| json!({})),
        }),
        "TransactGetItems" => call!("TransactGetItems", transact_get_items, false, Items),
        "TransactWriteItems" => call!("TransactWriteItems", transact_write_items, true, Items),
        "UntagResource" => Some(Call {
            name: "UntagResource",
            writes: false,
            names: Items,
            run: |engine, input| engine.untag_resource(read("UntagResource", input)?).map(|_| json!({})),
        }),
        "UpdateItem" => call!("UpdateItem", update_item, true, Items),
        "UpdateTable" => call!("UpdateTable", update_table, true, Anywhere),
        "UpdateTimeToLive" => call!("UpdateTimeToLive", update_time_to_live, false, Items),
        "DescribeStream" => call!("DescribeStream", describe_stream, false, Anywhere),
        "GetRecords" => call!("GetRecords", get_records, false, Records),
        "GetShardIterator" => call!("GetShardIterator", get_shard_iterator, false, Items),
        "ListStreams" => call!("ListStreams", list_streams, false, Anywhere),
        _ => None,
    }
}

/// A stream that was switched off and on has a new ARN (A13); the engine would take the old one too.
pub(super) fn current_stream(engine: &Database, stream: &str) -> Result<(), Refusal> {
    let gone = || {
        Refusal::new(
            400,
            "ResourceNotFoundException",
            format!("Requested resource not found: Stream: {stream} not found"),
        )
    };
    let table = stream.split('/').nth(1).ok_or_else(gone)?;
    let described = find("DescribeTable").and_then(|call| (call.run)(engine, json!({ "TableName": table })).ok());
    let current = described.as_ref().and_then(|table| table["Table"]["LatestStreamArn"].as_str());
    if current == Some(stream) { Ok(()) } else { Err(gone()) }
}

/// The engine's error as AWS words it, with all its members.
pub(super) fn refusal(action: &str, error: DynoxideError) -> Refusal {
    let error = match error {
        DynoxideError::EnvelopedValidation(message) => DynoxideError::ValidationException(match action {
            "PutItem" | "UpdateItem" | "DeleteItem" => format!("1 validation error detected: {message}"),
            _ => message,
        }),
        other => other,
    };
    let mut refusal = Refusal::new(error.status_code(), error.error_type(), error.to_string());
    if let Ok(Value::Object(mut members)) = serde_json::from_str(&error.to_json()) {
        for known in ["__type", "message", "Message"] {
            members.remove(known);
        }
        refusal.details = members;
    }
    refusal
}

/// Reads a call's input; the engine marks, in serde's message, which of DynamoDB's errors a bad one is.
fn read<T: DeserializeOwned>(action: &str, input: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(input).map_err(|error| {
        let message = error.to_string();
        let marked = |marker: &str| message.strip_prefix(marker).map(str::to_owned);
        if let Some(message) = marked("SERIALIZATION_AS_READ:").or_else(|| marked("SERIALIZATION:")) {
            return DynoxideError::SerializationException(message);
        }
        if let Some(message) = marked("VALIDATION_REQUEST:") {
            return DynoxideError::EnvelopedValidation(message);
        }
        if let Some(message) = marked("VALIDATION_AS_READ:").or_else(|| marked("VALIDATION:")) {
            return DynoxideError::ValidationException(message);
        }
        let invalid = ["missing field", "unknown variant", "invalid type: null", "AttributeValue"];
        if invalid.iter().any(|part| message.contains(part)) {
            return DynoxideError::ValidationException(message);
        }
        DynoxideError::SerializationException(format!("the input of {action}: {message}"))
    })
}

fn write(output: &impl Serialize) -> Result<Value, DynoxideError> {
    serde_json::to_value(output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_is_listed_is_there() {
        for name in TABLE_CALLS.iter().chain(STREAM_CALLS) {
            assert_eq!(find(name).map(|call| call.name), Some(*name));
        }
        assert!(find("CreateBackup").is_none());
    }
}
