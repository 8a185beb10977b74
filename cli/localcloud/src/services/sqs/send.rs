//! Sending: a message is on disk before its answer is given, and whoever waits for it is woken.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::tables::{self, Queue};
use super::{Sqs, batch, digest, invalid, missing_queue, number, queue_of, text};
use crate::Refusal;

/// `SendMessage`.
pub(super) fn one(sqs: &Sqs, input: &Value, trace: Option<&str>) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let message = Sending::read(input, trace)?;
    let now = sqs.state.now_ms();
    let output = sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        if let Err(refusal) = message.fits(&queue) {
            return Ok(Err(refusal));
        }
        message.insert(c, &queue, now).map(Ok)
    })??;
    sqs.ring(name);
    Ok(output)
}

/// `SendMessageBatch`: all that are accepted in one transaction.
pub(super) fn batch(sqs: &Sqs, input: &Value, trace: Option<&str>) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let entries = batch::entries(input)?;
    let messages: Vec<(&str, Result<Sending<'_>, Refusal>)> =
        entries.into_iter().map(|(id, entry)| (id, Sending::read(entry, trace))).collect();
    let now = sqs.state.now_ms();
    let results = sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        let total: usize = messages.iter().filter_map(|(_, m)| m.as_ref().ok()).map(Sending::bytes).sum();
        if total > 1_048_576 {
            let message = format!("Batch requests cannot be longer than 1048576 bytes. You have sent {total} bytes.");
            return Ok(Err(Refusal::new(400, "BatchRequestTooLong", message)));
        }
        let change = c.transaction()?;
        let mut results = Vec::with_capacity(messages.len());
        for (id, message) in messages {
            let result = match message.and_then(|message| message.fits(&queue).map(|()| message)) {
                Ok(message) => Ok(message.insert(&change, &queue, now)?),
                Err(refusal) => Err(refusal),
            };
            results.push((id, result));
        }
        change.commit()?;
        Ok(Ok(results))
    })??;
    sqs.ring(name);
    Ok(batch::answer(results))
}

/// A message on its way in.
struct Sending<'a> {
    body: &'a str,
    delay: Option<i64>,
    attributes: Option<&'a Value>,
    system: Map<String, Value>,
    traced: Option<&'a Value>,
}

impl<'a> Sending<'a> {
    /// A message's own trace header goes before that of the request it came with.
    fn read(input: &'a Value, trace: Option<&str>) -> Result<Self, Refusal> {
        let body = text(input, "MessageBody")?;
        if body.is_empty() {
            return Err(invalid("The request must contain a message body of at least one character."));
        }
        let allowed =
            |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if !body.chars().all(allowed) {
            let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(Refusal::new(400, "InvalidMessageContents", message));
        }
        let mut system = Map::new();
        if let Some(group) = input.get("MessageGroupId").and_then(Value::as_str) {
            if group.is_empty() || group.len() > 128 || !group.chars().all(|c| c.is_ascii_graphic()) {
                return Err(invalid(format!("Value {group} for parameter MessageGroupId is invalid.")));
            }
            system.insert("MessageGroupId".into(), group.into());
        }
        if input.get("MessageDeduplicationId").is_some_and(|id| !id.is_null()) {
            return Err(invalid(
                "The request include parameter that is not valid for this queue type: MessageDeduplicationId",
            ));
        }
        let traced = input.get("MessageSystemAttributes").filter(|given| given.is_object());
        if let Some(header) = traced.and_then(|given| given["AWSTraceHeader"]["StringValue"].as_str()).or(trace) {
            system.insert("AWSTraceHeader".into(), header.into());
        }
        let attributes =
            input.get("MessageAttributes").filter(|given| given.as_object().is_some_and(|a| !a.is_empty()));
        check_attributes(attributes)?;
        Ok(Self { body, delay: number(input, "DelaySeconds", 0, 900)?, attributes, system, traced })
    }

    fn bytes(&self) -> usize {
        let attributes = self.attributes.and_then(Value::as_object).into_iter().flatten();
        let text = |value: &Value, member: &str| value[member].as_str().map_or(0, str::len);
        self.body.len()
            + attributes
                .map(|(name, value)| {
                    name.len()
                        + text(value, "DataType")
                        + text(value, "StringValue")
                        + text(value, "BinaryValue") * 3 / 4
                })
                .sum::<usize>()
    }

    fn fits(&self, queue: &Queue) -> Result<(), Refusal> {
        let most = queue.attributes.number("MaximumMessageSize");
        if i64::try_from(self.bytes()).is_ok_and(|bytes| bytes <= most) {
            return Ok(());
        }
        Err(invalid(format!("One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.")))
    }

    fn insert(&self, c: &Connection, queue: &Queue, now: i64) -> Result<Value, rusqlite::Error> {
        let id = crate::random::uuid();
        let delay = self.delay.unwrap_or_else(|| queue.attributes.number("DelaySeconds"));
        let expires = now + queue.attributes.number("MessageRetentionPeriod") * 1000;
        c.prepare_cached(
            "INSERT INTO sqs_messages (queue, message_id, body, attributes, system, sent_at, visible_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            queue.id,
            &id,
            self.body,
            self.attributes.map(Value::to_string),
            Value::Object(self.system.clone()).to_string(),
            now,
            now + delay * 1000,
            expires,
        ))?;
        let mut output = json!({ "MessageId": id, "MD5OfMessageBody": digest::of_body(self.body) });
        if let Some(sum) = self.attributes.and_then(digest::of_attributes) {
            output["MD5OfMessageAttributes"] = sum.into();
        }
        if let Some(sum) = self.traced.and_then(digest::of_attributes) {
            output["MD5OfMessageSystemAttributes"] = sum.into();
        }
        Ok(output)
    }
}

fn check_attributes(attributes: Option<&Value>) -> Result<(), Refusal> {
    let attributes = attributes.and_then(Value::as_object);
    if attributes.is_some_and(|attributes| attributes.len() > 10) {
        return Err(invalid("Number of message attributes [11 or more] exceeds the allowed maximum [10]."));
    }
    for (name, value) in attributes.into_iter().flatten() {
        let kind = value["DataType"].as_str().unwrap_or_default();
        let given = match kind.split('.').next().unwrap_or_default() {
            "String" | "Number" => value["StringValue"].as_str().is_some_and(|text| !text.is_empty()),
            "Binary" => value["BinaryValue"].as_str().is_some_and(|text| !text.is_empty()),
            _ => false,
        };
        if !given {
            return Err(invalid(format!(
                "The message attribute '{name}' must contain a non-empty value of its type, '{kind}'."
            )));
        }
    }
    Ok(())
}
