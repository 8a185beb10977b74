//! SQS: standard queues on SQLite; an answered send is on disk, a send wakes long polls at once.

mod attributes;
mod batch;
mod digest;
mod gauges;
mod queues;
mod receipts;
mod receive;
mod send;
mod tables;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::wire::json::Dialect;
use crate::{Cloud, Error, Refusal, State};

pub(crate) const DIALECT: Dialect = Dialect { version: "1.0", prefix: "com.amazonaws.sqs#", query_error };

const CALLS: &[&str] = &[
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

/// SQS's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// The code that clients of the older protocol know an error by.
fn query_error(code: &str) -> Option<&'static str> {
    Some(match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        _ => return None,
    })
}

/// The queues of the cloud.
pub(crate) struct Sqs {
    state: State,
    /// Who waits for a queue's messages.
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Sqs {
    /// Opens the queues' tables.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        state.with(|c| c.execute_batch(tables::SCHEMA))?;
        Ok(Self { state: state.clone(), waiting: Mutex::default() })
    }

    /// Does a call.
    pub(crate) async fn call(&self, cloud: &Cloud, action: &str, input: Value) -> Result<Value, Refusal> {
        self.call_within(cloud, action, input, None).await
    }

    /// Does a call that belongs to a trace: messages keep its header, so that a loop can be seen (A25).
    pub(crate) async fn call_within(
        &self,
        cloud: &Cloud,
        action: &str,
        input: Value,
        trace: Option<&str>,
    ) -> Result<Value, Refusal> {
        match action {
            "CreateQueue" => queues::create(self, cloud, &input),
            "GetQueueUrl" => queues::url_of(self, cloud, &input),
            "ListQueues" => queues::list(self, cloud, &input),
            "DeleteQueue" => queues::delete(self, &input),
            "PurgeQueue" => queues::purge(self, &input),
            "GetQueueAttributes" => attributes::get(self, cloud, &input),
            "SetQueueAttributes" => attributes::set(self, cloud, &input),
            "ListQueueTags" => queues::tags(self, &input),
            "TagQueue" => queues::tag(self, &input),
            "UntagQueue" => queues::untag(self, &input),
            "SendMessage" => send::one(self, &input, trace),
            "SendMessageBatch" => send::batch(self, &input, trace),
            "ReceiveMessage" => receive::receive(self, cloud, &input).await,
            "DeleteMessage" => receipts::delete(self, &input),
            "DeleteMessageBatch" => receipts::delete_batch(self, &input),
            "ChangeMessageVisibility" => receipts::change(self, &input),
            "ChangeMessageVisibilityBatch" => receipts::change_batch(self, &input),
            _ => Err(Refusal::unknown_call("SQS", action)),
        }
    }

    /// Moves received messages to the queue's dead-letter queue at once, or removes them where it has none.
    pub(crate) fn give_up(&self, name: &str, receipts: &[&str]) -> Result<(), Refusal> {
        if let Some(target) = receive::give_up(self, name, receipts)? {
            self.ring(&target);
        }
        Ok(())
    }

    /// What wakes those who wait for a queue.
    fn bell(&self, queue: &str) -> Arc<Notify> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(waiting.entry(queue.to_owned()).or_default())
    }

    /// Wakes those who wait for a queue.
    fn ring(&self, queue: &str) {
        if let Some(bell) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(queue) {
            bell.notify_waiters();
        }
    }
}

/// The name of the queue that a call is about, from its URL's last segment.
fn queue_of(input: &Value) -> Result<&str, Refusal> {
    let url = text(input, "QueueUrl")?;
    let name = url.rsplit('/').next().unwrap_or_default();
    if name.is_empty() { Err(missing_queue()) } else { Ok(name) }
}

fn missing_queue() -> Refusal {
    Refusal::new(400, "QueueDoesNotExist", "The specified queue does not exist.")
}

/// A text that the call needs.
fn text<'a>(input: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    input.get(member).and_then(Value::as_str).ok_or_else(|| {
        Refusal::new(400, "MissingParameter", format!("The request must contain the parameter {member}."))
    })
}

/// A whole number that the call may give, inside its bounds.
fn number(input: &Value, member: &str, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
    match input.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::new(
                400,
                "InvalidParameterValue",
                format!(
                    "Value {value} for parameter {member} is invalid. Reason: Must be between {least} and {most}, if provided."
                ),
            )),
        },
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}
