//! What becomes of a stream's records that are given up (A20): AWS's document of the batch goes to the on-failure
//! destination, a line to the function's log. The records themselves stay in the stream for as long as it keeps them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::batch::Call;
use super::mapping::Mapping;
use super::pieces::{sequence, written_ms};
use super::queue;
use crate::Cloud;
use crate::clock::{iso, iso_ms};
use crate::services::lambda::arn;

/// Why records are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// They were tried as often as they may be.
    Tries,
    /// They are older than they may be.
    Age,
}

impl Why {
    fn condition(self) -> &'static str {
        match self {
            Self::Tries => "RetryAttemptsExhausted",
            Self::Age => "RecordAgeExceeded",
        }
    }
}

/// Records that are given up, one after another in their shard.
pub(super) struct GivenUp<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) shard: &'a str,
    pub(super) records: &'a [Value],
    pub(super) why: Why,
    /// How often the function was called with them.
    pub(super) calls: u32,
    /// The last of these calls.
    pub(super) call: Option<&'a Call>,
}

impl GivenUp<'_> {
    /// Tells the destination, if there is one, and the function's log.
    pub(super) async fn tell(&self, cloud: &Arc<Cloud>) {
        let numbers: Vec<String> = self.records.iter().map(sequence).collect();
        let (why, calls) = (self.why.condition(), self.calls);
        let line = format!("{why}: left after {calls} calls: {} of {}", numbers.join(" "), self.mapping.source_arn);
        self.log(cloud, line);
        if let Some(destination) = &self.mapping.on_failure
            && let Err(refusal) = self.send(cloud, destination).await
        {
            self.log(cloud, format!("{destination} could not be told: {} {}", refusal.code, refusal.message));
        }
    }

    async fn send(&self, cloud: &Arc<Cloud>, destination: &str) -> Result<(), crate::Refusal> {
        let url = queue::url(cloud, destination).await?;
        let input = json!({ "QueueUrl": url, "MessageBody": self.document(cloud.now_ms()).to_string() });
        cloud.sqs.call(cloud, "SendMessage", input).await.map(drop)
    }

    fn log(&self, cloud: &Cloud, line: String) {
        let group = format!("/aws/lambda/{}", self.mapping.function);
        let stream = format!("event-source-mapping/{}", self.mapping.uuid);
        let _ = cloud.logs.append(&group, &stream, vec![(cloud.now_ms(), line)]);
    }

    /// The batch as AWS describes it to a queue: where it stands in the stream, not what it holds.
    fn document(&self, now: i64) -> Value {
        let arrival = |record: Option<&Value>| record.and_then(written_ms).map(iso);
        let (first, last) = (self.records.first(), self.records.last());
        let mut document = json!({
            "requestContext": {
                "requestId": self.call.map_or_else(crate::random::uuid, |call| call.request_id.clone()),
                "functionArn": arn(&self.mapping.function, self.mapping.qualifier.as_deref()),
                "condition": self.why.condition(),
                "approximateInvokeCount": self.calls,
            },
            "version": "1.0",
            "timestamp": iso_ms(now),
            "DDBStreamBatchInfo": {
                "shardId": self.shard,
                "startSequenceNumber": first.map(sequence),
                "endSequenceNumber": last.map(sequence),
                "approximateArrivalOfFirstRecord": arrival(first),
                "approximateArrivalOfLastRecord": arrival(last),
                "batchSize": self.records.len(),
                "streamArn": self.mapping.source_arn,
            },
        });
        // Records that were never handed over have no answer to tell of.
        if let Some(call) = self.call {
            document["responseContext"] = json!({ "statusCode": 200, "executedVersion": call.version });
            if let Some(error) = &call.error {
                document["responseContext"]["functionError"] = error.as_str().into();
            }
        }
        document
    }
}
