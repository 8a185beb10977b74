//! The messages that are with a function now: kept, so that after a kill the next life shows them again at once instead
//! of waiting until the queue does. Nothing depends on it: what was not kept comes by the queue's own clock.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::Cloud;

/// The kind of the documents that hold flights.
const FLIGHTS: &str = "lambda.flight";
/// One call changes at most so many messages.
const BATCH: usize = 10;

/// Keeps the receipts of a batch, beside the work on it; the name to forget it by.
pub(super) async fn keep(cloud: Arc<Cloud>, id: String, receipts: Vec<String>) {
    let _ = tokio::task::spawn_blocking(move || cloud.state.put(FLIGHTS, &id, &receipts)).await;
}

/// The batch is done with.
pub(super) fn forget(cloud: &Cloud, id: &str) {
    let _ = cloud.state.remove(FLIGHTS, id);
}

/// A name for a mapping's batch.
pub(super) fn name(mapping: &str) -> String {
    format!("{mapping}/{}", crate::random::uuid())
}

/// Shows again what an earlier life of a mapping had in its hands.
pub(super) async fn bring_back(cloud: &Arc<Cloud>, mapping: &str, url: &str) {
    for (id, receipts) in cloud.state.list::<Vec<String>>(FLIGHTS).unwrap_or_default() {
        if !id.starts_with(mapping) {
            continue;
        }
        for receipts in receipts.chunks(BATCH) {
            let entry = |(at, receipt): (usize, &String)| json!({ "Id": at.to_string(), "ReceiptHandle": receipt, "VisibilityTimeout": 0 });
            let entries: Vec<Value> = receipts.iter().enumerate().map(entry).collect();
            let input = json!({ "QueueUrl": url, "Entries": entries });
            let _ = cloud.sqs.call(cloud, "ChangeMessageVisibilityBatch", input).await;
        }
        forget(cloud, &id);
    }
}
