//! The queue: work in batches, each room a group of its own, so that a noisy one delays nobody else (a standard
//! queue with message groups is fair). It must not know what the work is.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use chat::ports::{PortError, PortResult, Queue, Queued};

use crate::call::port_error;

/// The most entries of a batch.
const ENTRIES: usize = 10;
/// The most bytes of a batch: below SQS's own bound (262,144), which counts more than the bodies.
const BYTES: usize = 240_000;
/// The longest delay of a message.
const LONGEST: Duration = Duration::from_secs(900);

/// The queue of a stage.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    sqs: Sqs,
    url: String,
}

impl SqsQueue {
    /// The queue at this address.
    pub fn new(sqs: Sqs, url: String) -> Self {
        Self { sqs, url }
    }

    async fn batch(&self, batch: &[(String, &Queued)]) -> Vec<PortResult<()>> {
        let entries: Result<Vec<_>, _> =
            batch.iter().enumerate().map(|(index, (body, queued))| entry(index, body, queued)).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![Err(error); batch.len()],
        };
        match self.sqs.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
            Err(error) => vec![Err(port_error("SQS SendMessageBatch", &error)); batch.len()],
            Ok(answer) => {
                let failed: HashMap<&str, PortError> = answer
                    .failed()
                    .iter()
                    .map(|failed| {
                        (
                            failed.id(),
                            PortError::new(format!("SQS refused a message: {}", failed.code()), !failed.sender_fault()),
                        )
                    })
                    .collect();
                (0..batch.len())
                    .map(|index| failed.get(index.to_string().as_str()).cloned().map_or(Ok(()), Err))
                    .collect()
            }
        }
    }
}

fn entry(index: usize, body: &str, queued: &Queued) -> PortResult<SendMessageBatchRequestEntry> {
    let delay = queued.delay.min(LONGEST).as_secs();
    let entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .message_group_id(queued.work.room().as_str());
    let entry = if delay > 0 { entry.delay_seconds(i32::try_from(delay).unwrap_or(i32::MAX)) } else { entry };
    entry.build().map_err(|error| PortError::new(format!("a request to SQS can't be built: {error}"), false))
}

/// Where each batch ends: at ten entries, or before it grows too large.
fn batches(sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        if index > start && (index - start == ENTRIES || bytes + size > BYTES) {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        ranges.push(start..sizes.len());
    }
    ranges
}

impl Queue for SqsQueue {
    async fn send(&self, work: Vec<Queued>) -> PortResult<Vec<PortResult<()>>> {
        let bodies: Vec<(String, &Queued)> = work.iter().map(|queued| (queued.work.to_body(), queued)).collect();
        let sizes: Vec<usize> = bodies.iter().map(|(body, _)| body.len()).collect();
        let mut results = Vec::with_capacity(bodies.len());
        for range in batches(&sizes) {
            results.extend(self.batch(&bodies[range]).await);
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_ten_entries_at_most_and_never_too_many_bytes() {
        assert_eq!(batches(&[]), []);
        assert_eq!(batches(&[1; 10]), vec![std::ops::Range { start: 0, end: 10 }]);
        assert_eq!(batches(&[1; 11]), [0..10, 10..11]);
        assert_eq!(batches(&[BYTES, 1, BYTES, 1]), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(batches(&[BYTES - 1, 1, 1]), [0..2, 2..3]);
    }
}
