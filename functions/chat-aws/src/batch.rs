//! Batches from an event source mapping: each record is read by itself, and what failed is answered by record
//! (`ReportBatchItemFailures`), so that one bad record fails no other. It must not know what records are for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layout::{self, StoredMessage, stored_message};

/// A batch as Lambda hands it over.
#[derive(Debug, Default, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records", default)]
    records: Vec<Value>,
}

/// A record of a table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its place in its shard, by which its failure is reported.
    pub sequence: String,
    /// The new message it shows, if it is one; or why it can't be read.
    pub message: Result<Option<StoredMessage>, String>,
}

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// By which its failure is reported.
    pub id: String,
    /// What it says.
    pub body: String,
}

impl Batch {
    /// The batch's records as those of a stream.
    pub fn stream(&self) -> Vec<StreamRecord> {
        self.records.iter().map(stream_record).collect()
    }

    /// The batch's records as those of a queue.
    pub fn queue(&self) -> Vec<QueueRecord> {
        let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        self.records
            .iter()
            .map(|record| QueueRecord { id: text(record, "messageId"), body: text(record, "body") })
            .collect()
    }
}

fn stream_record(record: &Value) -> StreamRecord {
    let sequence = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
    let new = record["eventName"] == "INSERT";
    let message = match layout::image(&record["dynamodb"]["NewImage"]) {
        _ if !new => Ok(None),
        Some(item) => stored_message(&item).map_err(|bad| bad.to_string()),
        None => Err("the record has no image that can be read".to_owned()),
    };
    StreamRecord { sequence, message }
}

/// What failed of a batch; nothing else of it comes again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    #[serde(rename = "batchItemFailures")]
    items: Vec<Failed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Failed {
    #[serde(rename = "itemIdentifier")]
    item: String,
}

impl Failures {
    /// One more failed.
    pub fn add(&mut self, item: impl Into<String>) {
        self.items.push(Failed { item: item.into() });
    }

    /// How many failed.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// Whether this one failed.
    pub fn has(&self, item: &str) -> bool {
        self.items.iter().any(|failed| failed.item == item)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_that_is_no_new_message_is_read_as_none_and_a_broken_one_as_itself() {
        let batch: Batch = serde_json::from_value(json!({ "Records": [
            { "eventName": "REMOVE", "dynamodb": { "SequenceNumber": "1" } },
            { "eventName": "INSERT", "dynamodb": { "SequenceNumber": "2", "NewImage": { "kind": { "S": "marker" } } } },
            { "eventName": "INSERT", "dynamodb": { "SequenceNumber": "3", "NewImage": { "kind": { "S": "message" } } } },
            { "eventName": "INSERT", "dynamodb": { "SequenceNumber": "4", "NewImage": { "kind": "S" } } }
        ] }))
        .unwrap();
        let records = batch.stream();
        assert_eq!((&records[0].message, &records[1].message), (&Ok(None), &Ok(None)));
        assert!(records[2].message.is_err() && records[3].message.is_err());
        assert_eq!(records[3].sequence, "4");
    }

    #[test]
    fn failures_are_answered_by_record() {
        let mut failures = Failures::default();
        assert_eq!(serde_json::to_value(&failures).unwrap(), json!({ "batchItemFailures": [] }));
        failures.add("m-2");
        assert_eq!(
            serde_json::to_value(&failures).unwrap(),
            json!({ "batchItemFailures": [{ "itemIdentifier": "m-2" }] })
        );
    }
}
