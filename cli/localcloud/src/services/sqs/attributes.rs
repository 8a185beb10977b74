//! A queue's attributes: which there are, what they may be, and what a queue counts.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Sqs, invalid, missing_queue, queue_of, tables};
use crate::{Cloud, Refusal};

/// The attributes that were given, by name; what was not given has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Attributes(BTreeMap<String, String>);

/// Where a queue sends what was received too often.
#[derive(Debug, Clone)]
pub(super) struct Redrive {
    pub(super) target: String,
    pub(super) most: i64,
}

/// Numbers: name, least, most, default.
const NUMBERS: &[(&str, i64, i64, i64)] = &[
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];
/// Kept and given back as they are.
const TEXTS: &[&str] = &["Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

impl Attributes {
    /// Checks what a call gives.
    pub(super) fn read(given: Option<&Value>, place: &crate::Place) -> Result<Self, Refusal> {
        let mut attributes = BTreeMap::new();
        let given = given.and_then(Value::as_object).into_iter().flatten();
        for (name, value) in given {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            check(name, &value, place)?;
            attributes.insert(name.clone(), value);
        }
        Ok(Self(attributes))
    }

    /// A number, or its default.
    pub(super) fn number(&self, name: &str) -> i64 {
        let default = NUMBERS.iter().find(|known| known.0 == name).map_or(0, |known| known.3);
        self.0.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// Where what was received too often goes, if anywhere.
    pub(super) fn redrive(&self) -> Option<Redrive> {
        redrive(self.0.get("RedrivePolicy")?)
    }

    /// Takes over what another call gives; an empty text removes.
    pub(super) fn merge(&mut self, given: Self) {
        for (name, value) in given.0 {
            if value.is_empty() {
                self.0.remove(&name);
            } else {
                self.0.insert(name, value);
            }
        }
    }

    /// Whether everything that is given here is so in `other` too.
    pub(super) fn agree(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, value)| match other.shown(name) {
            Some(known) if name.ends_with("Policy") => {
                serde_json::from_str::<Value>(value).ok() == serde_json::from_str::<Value>(&known).ok()
            }
            known => known.as_deref() == Some(value),
        })
    }

    fn shown(&self, name: &str) -> Option<String> {
        let default = match name {
            "SqsManagedSseEnabled" => Some("true".to_owned()),
            _ => NUMBERS.iter().find(|known| known.0 == name).map(|known| known.3.to_string()),
        };
        self.0.get(name).cloned().or(default)
    }
}

fn redrive(policy: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let target = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?.to_owned();
    let most = &policy["maxReceiveCount"];
    let most = most.as_i64().or_else(|| most.as_str()?.parse().ok()).filter(|most| (1..=1000).contains(most))?;
    Some(Redrive { target, most })
}

fn check(name: &str, value: &str, place: &crate::Place) -> Result<(), Refusal> {
    let bad = |reason: &str| {
        let message = format!("Invalid value for the parameter {name}. Reason: {reason}");
        Err(Refusal::new(400, "InvalidAttributeValue", message))
    };
    if let Some((_, least, most, _)) = NUMBERS.iter().find(|known| known.0 == name) {
        let inside = value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number));
        return if inside { Ok(()) } else { bad(&format!("Must be between {least} and {most}.")) };
    }
    match name {
        "RedrivePolicy" if value.is_empty() => Ok(()),
        "RedrivePolicy" => {
            let arn: Value = serde_json::from_str(value).unwrap_or_default();
            let here = format!("arn:aws:sqs:{}:{}:", place.region, place.account);
            let ours = arn["deadLetterTargetArn"].as_str().is_some_and(|arn| arn.starts_with(&here));
            match redrive(value) {
                Some(_) if ours => Ok(()),
                _ => bad("deadLetterTargetArn or maxReceiveCount (1 to 1000) is missing or not valid."),
            }
        }
        name if TEXTS.contains(&name) => Ok(()),
        "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
            Err(Refusal::unsupported("SQS FIFO queues"))
        }
        "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => Err(Refusal::unsupported("SQS encryption with KMS keys")),
        _ => Err(Refusal::new(400, "InvalidAttributeName", format!("Unknown Attribute {name}."))),
    }
}

/// A dead-letter queue must be there when a queue is pointed at it.
pub(super) fn check_target(c: &Connection, attributes: &Attributes) -> Result<Result<(), Refusal>, rusqlite::Error> {
    let Some(redrive) = attributes.redrive() else { return Ok(Ok(())) };
    Ok(match tables::find(c, &redrive.target)? {
        Some(_) => Ok(()),
        None => {
            Err(invalid("Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."))
        }
    })
}

/// `GetQueueAttributes`.
pub(super) fn get(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let now = sqs.state.now_ms();
    let (queue, counts) = sqs
        .state
        .with(|c| {
            let Some(queue) = tables::find(c, name)? else { return Ok(None) };
            let counts = count(c, queue.id, now)?;
            Ok(Some((queue, counts)))
        })?
        .ok_or_else(missing_queue)?;
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for name in NUMBERS.iter().map(|known| known.0).chain(["RedrivePolicy"]).chain(TEXTS.iter().copied()) {
        if let Some(value) = queue.attributes.shown(name) {
            all.insert(name, value);
        }
    }
    all.insert("QueueArn", format!("arn:aws:sqs:{}:{}:{name}", cloud.place.region, cloud.place.account));
    all.insert("CreatedTimestamp", (queue.created_at / 1000).to_string());
    all.insert("LastModifiedTimestamp", (queue.modified_at / 1000).to_string());
    all.insert("ApproximateNumberOfMessages", counts[0].to_string());
    all.insert("ApproximateNumberOfMessagesNotVisible", counts[1].to_string());
    all.insert("ApproximateNumberOfMessagesDelayed", counts[2].to_string());
    let asked: Vec<&str> = input["AttributeNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let known =
        |name: &&&str| all.contains_key(**name) || matches!(**name, "All" | "RedrivePolicy") || TEXTS.contains(*name);
    if let Some(unknown) = asked.iter().find(|name| !known(name)) {
        return Err(Refusal::new(400, "InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    if !asked.contains(&"All") {
        all.retain(|name, _| asked.contains(name));
    }
    Ok(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) })
}

/// How many messages are visible, in flight, delayed.
pub(super) fn count(c: &Connection, queue: i64, now: i64) -> Result<[i64; 3], rusqlite::Error> {
    c.prepare_cached(
        "SELECT COALESCE(SUM(visible_at <= ?2), 0), COALESCE(SUM(visible_at > ?2 AND receives > 0), 0),
                COALESCE(SUM(visible_at > ?2 AND receives = 0), 0)
         FROM sqs_messages WHERE queue = ?1 AND expires_at > ?2",
    )?
    .query_row((queue, now), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
}

/// `SetQueueAttributes`.
pub(super) fn set(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let given = Attributes::read(input.get("Attributes"), &cloud.place)?;
    sqs.state.with(|c| {
        let Some(mut queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        queue.attributes.merge(given);
        if let Err(refusal) = check_target(c, &queue.attributes)? {
            return Ok(Err(refusal));
        }
        tables::update(c, &queue, sqs.state.now_ms())?;
        Ok(Ok(json!({})))
    })?
}
