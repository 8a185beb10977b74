//! A mapping that reads a queue: a waiting receive, several batches at once, and only what is done is deleted. What
//! failed comes back when the queue shows it again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Turn;
use super::batch::{self, Verdict, fitting};
use super::flights;
use super::mapping::Mapping;
use crate::Cloud;
use crate::services::lambda::lineage::Trace;
use crate::services::lambda::refusals;
use crate::wire::Refusal;

/// One receive brings at most so many messages, and waits at most so long.
const RECEIVE: usize = 10;
const WAIT_S: u64 = 20;
/// So many batches at once, where the function has as many places.
const AT_ONCE: usize = 10;
/// A queue or function that is not there is looked for again after this.
const ABSENT: Duration = Duration::from_secs(5);

/// Where a queue is called, by its ARN.
pub(super) async fn url(cloud: &Arc<Cloud>, arn: &str) -> Result<String, Refusal> {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let answer = cloud.sqs.call(cloud, "GetQueueUrl", json!({ "QueueName": name })).await?;
    Ok(answer["QueueUrl"].as_str().unwrap_or_default().to_owned())
}

/// A queue's visibility timeout, in seconds.
pub(crate) async fn visibility(cloud: &Arc<Cloud>, arn: &str) -> Result<u64, Refusal> {
    let url = url(cloud, arn).await?;
    let input = json!({ "QueueUrl": url, "AttributeNames": ["VisibilityTimeout"] });
    let answer = cloud.sqs.call(cloud, "GetQueueAttributes", input).await?;
    Ok(answer["Attributes"]["VisibilityTimeout"].as_str().and_then(|text| text.parse().ok()).unwrap_or(30))
}

/// Reads the queue for as long as the mapping is wanted as it is.
pub(super) async fn run(turn: &mut Turn, mapping: &Arc<Mapping>) {
    let mut batches = JoinSet::new();
    while !turn.over() {
        if let Err(why) = read(turn, mapping, &mut batches).await {
            turn.tell(&format!("PROBLEM: {why}"));
            let (mut changed, mut over) = (turn.cloud.lambda.changed(), turn.clone());
            tokio::select! {
                _ = changed.changed() => {}
                () = over.pause(ABSENT) => {}
            }
        }
    }
    while batches.join_next().await.is_some() {}
}

/// Receives and hands over, until the mapping changes or something is not there.
async fn read(turn: &mut Turn, mapping: &Arc<Mapping>, batches: &mut JoinSet<()>) -> Result<(), String> {
    let cloud = Arc::clone(&turn.cloud);
    let shown = |refusal: Refusal| format!("{} {}", refusal.code, refusal.message);
    let url: Arc<str> = url(&cloud, &mapping.source_arn).await.map_err(shown)?.into();
    if batches.is_empty() {
        flights::bring_back(&cloud, &mapping.uuid, &url).await;
    }
    while !turn.over() {
        let limit = cloud.lambda.limit(&mapping.function, mapping.qualifier.as_deref()).map_err(shown)?;
        if limit == 0 {
            return Err("the function may not run: it has reserved no place".to_owned());
        }
        let places = limit.min(AT_ONCE).min(mapping.at_once.unwrap_or(AT_ONCE)); // A33
        while batches.try_join_next().is_some() {}
        if batches.len() >= places {
            let mut over = turn.clone();
            tokio::select! {
                _ = batches.join_next() => {}
                () = over.until_over() => {}
            }
            continue;
        }
        let messages = gather(turn, mapping, &url).await.map_err(shown)?;
        if !messages.is_empty() {
            batches.spawn(hand_over(turn.clone(), Arc::clone(mapping), Arc::clone(&url), messages));
        }
    }
    Ok(())
}

/// Receives until a batch is full or its window is over; without a window, what one receive brings.
async fn gather(turn: &mut Turn, mapping: &Mapping, url: &str) -> Result<Vec<Value>, Refusal> {
    let mut messages = receive(turn, url, mapping.batch_size.min(RECEIVE), WAIT_S).await?;
    let until = Instant::now() + mapping.window();
    while !messages.is_empty() && messages.len() < mapping.batch_size && !turn.over() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let most = (mapping.batch_size - messages.len()).min(RECEIVE);
        let more = receive(turn, url, most, left.as_secs().clamp(1, WAIT_S));
        match tokio::time::timeout(left, more).await {
            Ok(more) => messages.extend(more?),
            Err(_) => break,
        }
    }
    Ok(messages)
}

async fn receive(turn: &mut Turn, url: &str, most: usize, wait_s: u64) -> Result<Vec<Value>, Refusal> {
    let cloud = Arc::clone(&turn.cloud);
    let input = json!({
        "QueueUrl": url,
        "MaxNumberOfMessages": most,
        "WaitTimeSeconds": wait_s,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    tokio::select! {
        biased;
        answer = cloud.sqs.call(&cloud, "ReceiveMessage", input) => {
            Ok(answer?["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default())
        }
        () = turn.until_over() => Ok(Vec::new()),
    }
}

/// Hands messages to the function and deletes those that are done.
async fn hand_over(turn: Turn, mapping: Arc<Mapping>, url: Arc<str>, messages: Vec<Value>) {
    let records: Vec<Value> = messages.into_iter().map(|message| record(message, &mapping.source_arn)).collect();
    let (wanted, unwanted): (Vec<Value>, Vec<Value>) =
        records.into_iter().partition(|record| mapping.wants(&with_parsed_body(record)));
    delete(&turn.cloud, &url, unwanted.iter()).await;
    let wanted = without_loops(&turn, &mapping, wanted);
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(fitting(rest.iter(), rest.len()));
        rest = after;
        let ids: Vec<String> =
            batch.iter().map(|record| record["messageId"].as_str().unwrap_or_default().to_owned()).collect();
        let flight = flights::name(&mapping.uuid);
        let receipts = batch.iter().map(|record| record["receiptHandle"].as_str().unwrap_or_default().to_owned());
        let keeping = flights::keep(Arc::clone(&turn.cloud), flight.clone(), receipts.collect());
        let trace = Trace::joined(batch.iter().filter_map(trace_of)).map(|trace| trace.to_string());
        let ((verdict, _), ()) = tokio::join!(batch::deliver(&turn.cloud, &mapping, batch, &ids, trace), keeping);
        let failed = match verdict {
            Verdict::Done => {
                turn.tell("OK");
                Vec::new()
            }
            Verdict::Failed(failed) => {
                turn.tell("PROBLEM: Function call failed");
                failed
            }
            Verdict::AllFailed => {
                turn.tell("PROBLEM: Function call failed");
                (0..batch.len()).collect()
            }
            Verdict::NotCalled(why) => {
                turn.tell(&format!("PROBLEM: Function call failed: {why}"));
                (0..batch.len()).collect()
            }
        };
        let done = batch.iter().enumerate().filter(|(at, _)| !failed.contains(at)).map(|(_, record)| record);
        delete(&turn.cloud, &url, done).await;
        flights::forget(&turn.cloud, &flight);
    }
}

/// Takes out the messages of chains that went through the function too often (A25): they go to the queue's dead-letter
/// queue at once, and the function does not see them.
fn without_loops(turn: &Turn, mapping: &Mapping, records: Vec<Value>) -> Vec<Value> {
    let cloud = &turn.cloud;
    let in_loop = |record: &Value| trace_of(record).is_some_and(|trace| Trace::parse(trace).stops(&mapping.function));
    // A function that is not there stops nothing: the call itself will say so.
    if !records.iter().any(in_loop) || !cloud.lambda.stops_loops(&mapping.function).unwrap_or_default() {
        return records;
    }
    let (stopped, others): (Vec<Value>, Vec<Value>) = records.into_iter().partition(in_loop);
    let receipts: Vec<&str> = stopped.iter().filter_map(|record| record["receiptHandle"].as_str()).collect();
    let name = mapping.source_arn.rsplit(':').next().unwrap_or_default();
    // Where that fails they come again, and are stopped again.
    let _ = cloud.sqs.give_up(name, &receipts);
    let ids: Vec<&str> = stopped.iter().filter_map(|record| record["messageId"].as_str()).collect();
    let line = format!("{}; left: {}", refusals::recursive(&mapping.function).message, ids.join(" "));
    let group = format!("/aws/lambda/{}", mapping.function);
    let stream = format!("event-source-mapping/{}", mapping.uuid);
    let _ = cloud.logs.append(&group, &stream, vec![(cloud.now_ms(), line)]);
    others
}

/// The trace header that a message was sent with.
fn trace_of(record: &Value) -> Option<&str> {
    record["attributes"]["AWSTraceHeader"].as_str()
}

/// Deletes messages, in batches.
async fn delete(cloud: &Arc<Cloud>, url: &str, records: impl Iterator<Item = &Value>) {
    let entries: Vec<Value> = records
        .enumerate()
        .map(|(at, record)| json!({ "Id": at.to_string(), "ReceiptHandle": record["receiptHandle"] }))
        .collect();
    for chunk in entries.chunks(RECEIVE) {
        // A failure here means that they come again: a consumer is told each message at least once.
        let _ = cloud.sqs.call(cloud, "DeleteMessageBatch", json!({ "QueueUrl": url, "Entries": chunk })).await;
    }
}

/// A received message as a function gets it.
fn record(mut message: Value, arn: &str) -> Value {
    let attributes = message["MessageAttributes"].as_object().cloned().unwrap_or_default();
    let attributes: Map<String, Value> =
        attributes.into_iter().map(|(name, value)| (name, attribute(&value))).collect();
    let mut record = json!({
        "messageId": message["MessageId"].take(),
        "receiptHandle": message["ReceiptHandle"].take(),
        "body": message["Body"].take(),
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"].take(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": crate::REGION,
    });
    if let Some(digest) = message.get("MD5OfMessageAttributes") {
        record["md5OfMessageAttributes"] = digest.clone();
    }
    record
}

fn attribute(value: &Value) -> Value {
    let mut shown = json!({ "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"] });
    for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(content) = value.get(from) {
            shown[to] = content.clone();
        }
    }
    shown
}

/// What filters look at: a body that is JSON counts as what it says.
fn with_parsed_body(record: &Value) -> Value {
    let parsed = record["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    match parsed {
        Some(body @ Value::Object(_)) => {
            let mut record = record.clone();
            record["body"] = body;
            record
        }
        _ => record.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_the_record_that_aws_sends() {
        let message = json!({
            "MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "d",
            "Attributes": {"MessageGroupId": "g"},
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v"}},
        });
        let expected = json!({
            "messageId": "m", "receiptHandle": "r", "body": "b", "md5OfBody": "d",
            "attributes": {"MessageGroupId": "g"},
            "messageAttributes": {"a": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"}},
            "eventSource": "aws:sqs", "eventSourceARN": "arn", "awsRegion": "us-east-1",
        });
        assert_eq!(record(message, "arn"), expected);
    }

    #[test]
    fn a_filter_sees_into_a_body_that_is_json() {
        assert_eq!(with_parsed_body(&json!({"body": r#"{"kind":"a"}"#}))["body"]["kind"], "a");
        assert_eq!(with_parsed_body(&json!({"body": "plain"}))["body"], "plain");
    }
}
