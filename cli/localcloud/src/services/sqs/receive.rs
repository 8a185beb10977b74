//! Receiving: what is visible, in order; a long poll waits for a send or for the next message to become visible.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Map, Value, json};

use super::attributes::Redrive;
use super::tables::{self, Queue};
use super::{Sqs, digest, missing_queue, number, queue_of};
use crate::{Cloud, Refusal};

/// `ReceiveMessage`.
pub(super) async fn receive(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let most = number(input, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let visibility = number(input, "VisibilityTimeout", 0, 43_200)?;
    let wait = number(input, "WaitTimeSeconds", 0, 20)?;
    let bell = sqs.bell(name);
    let started = sqs.state.now_ms();
    loop {
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let now = sqs.state.now_ms();
        let look = sqs.state.with(|c| look(c, name, most, visibility, now))?.ok_or_else(missing_queue)?;
        for target in &look.moved_to {
            sqs.ring(target);
        }
        let deadline =
            started + wait.unwrap_or_else(|| look.queue.attributes.number("ReceiveMessageWaitTimeSeconds")) * 1000;
        if !look.taken.is_empty() {
            let messages: Vec<Value> = look.taken.iter().map(|taken| taken.shown(input, cloud)).collect();
            return Ok(json!({ "Messages": messages }));
        }
        if now >= deadline {
            return Ok(json!({}));
        }
        let until = look.next.map_or(deadline, |next| next.min(deadline));
        let pause = Duration::from_millis(u64::try_from(until - now).unwrap_or(0).max(1));
        let _ = tokio::time::timeout(pause, rung).await;
    }
}

/// What a look into a queue came to.
struct Look {
    queue: Queue,
    taken: Vec<Taken>,
    /// When the next message becomes visible.
    next: Option<i64>,
    /// Dead-letter queues that got a message.
    moved_to: Vec<String>,
}

/// A message in flight.
struct Taken {
    message_id: String,
    body: String,
    attributes: Option<Value>,
    system: Map<String, Value>,
    sent_at: i64,
    receives: i64,
    first_received: i64,
    receipt: String,
}

struct Row {
    id: i64,
    taken: Taken,
}

/// Takes what is visible; moves to the dead-letter queue what was received too often.
fn look(
    c: &mut Connection,
    name: &str,
    most: i64,
    visibility: Option<i64>,
    now: i64,
) -> Result<Option<Look>, rusqlite::Error> {
    let Some(queue) = tables::find(c, name)? else { return Ok(None) };
    let visible_at = now + visibility.unwrap_or_else(|| queue.attributes.number("VisibilityTimeout")) * 1000;
    let redrive = queue.attributes.redrive();
    let change = c.transaction()?;
    tables::expire(&change, queue.id, now)?;
    let (mut taken, mut moved_to) = (Vec::new(), Vec::new());
    'looking: loop {
        let wanted = most - i64::try_from(taken.len()).unwrap_or(most);
        let rows = visible(&change, queue.id, wanted, now)?;
        let more = !rows.is_empty();
        for row in rows {
            if let Some(redrive) = redrive.as_ref().filter(|redrive| row.taken.receives > redrive.most)
                && let Some(target) = dead(&change, &queue, redrive, row.id, now)?
            {
                moved_to.push(target);
                continue;
            }
            let receipt = &row.taken.receipt;
            change
                .prepare_cached(
                    "UPDATE sqs_messages SET visible_at = ?2, receives = ?3, first_received = ?4, receipt = ?5 WHERE id = ?1",
                )?
                .execute((row.id, visible_at, row.taken.receives, row.taken.first_received, receipt))?;
            taken.push(row.taken);
        }
        // A visibility of 0 would show the same messages again and again.
        if !more || !taken.is_empty() {
            break 'looking;
        }
    }
    let next = match taken.is_empty() {
        true => change
            .prepare_cached("SELECT MIN(visible_at) FROM sqs_messages WHERE queue = ?1 AND visible_at > ?2")?
            .query_row((queue.id, now), |row| row.get(0))?,
        false => None,
    };
    change.commit()?;
    Ok(Some(Look { queue, taken, next, moved_to }))
}

fn visible(c: &Connection, queue: i64, most: i64, now: i64) -> Result<Vec<Row>, rusqlite::Error> {
    c.prepare_cached(
        "SELECT id, message_id, body, attributes, system, sent_at, receives, first_received FROM sqs_messages
         WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, id LIMIT ?3",
    )?
    .query_map((queue, now, most), |row| {
        let id: i64 = row.get(0)?;
        let attributes: Option<String> = row.get(3)?;
        let system: String = row.get(4)?;
        let taken = Taken {
            message_id: row.get(1)?,
            body: row.get(2)?,
            attributes: attributes.as_deref().map(crate::state::decode).transpose()?,
            system: crate::state::decode(&system)?,
            sent_at: row.get(5)?,
            receives: row.get::<_, i64>(6)? + 1,
            first_received: row.get::<_, Option<i64>>(7)?.unwrap_or(now),
            receipt: format!("{id}-{}", crate::random::hex(&crate::random::bytes::<16>())),
        };
        Ok(Row { id, taken })
    })?
    .collect()
}

/// Moves messages out of a queue by their receipts: to its dead-letter queue, which is named then, or away.
pub(super) fn give_up(sqs: &Sqs, name: &str, receipts: &[&str]) -> Result<Option<String>, Refusal> {
    let now = sqs.state.now_ms();
    let moved = sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(None) };
        let redrive = queue.attributes.redrive();
        let change = c.transaction()?;
        let mut moved_to = None;
        for receipt in receipts {
            let found: Option<i64> = change
                .prepare_cached("SELECT id FROM sqs_messages WHERE queue = ?1 AND receipt = ?2")?
                .query_row((queue.id, receipt), |row| row.get(0))
                .optional()?;
            let Some(id) = found else { continue };
            let target = match &redrive {
                Some(redrive) => dead(&change, &queue, redrive, id, now)?,
                None => None,
            };
            if target.is_none() {
                change.prepare_cached("DELETE FROM sqs_messages WHERE id = ?1")?.execute([id])?;
            }
            moved_to = target.or(moved_to);
        }
        change.commit()?;
        Ok(Some(moved_to))
    })?;
    moved.ok_or_else(missing_queue)
}

/// Moves a message to the dead-letter queue; `None` when that is not there, and the message stays.
fn dead(
    c: &Connection,
    queue: &Queue,
    redrive: &Redrive,
    message: i64,
    now: i64,
) -> Result<Option<String>, rusqlite::Error> {
    let Some(target) = tables::find(c, &redrive.target)? else { return Ok(None) };
    let source = format!("arn:aws:sqs:{}:{}:{}", crate::REGION, crate::ACCOUNT, queue.name);
    let keeps = target.attributes.number("MessageRetentionPeriod") * 1000;
    c.prepare_cached(
        "UPDATE sqs_messages SET queue = ?2, visible_at = ?3, receives = 0, first_received = NULL, receipt = NULL,
                expires_at = MAX(sent_at + ?4, ?3), system = json_set(system, '$.DeadLetterQueueSourceArn', ?5)
         WHERE id = ?1",
    )?
    .execute((message, target.id, now, keeps, source))?;
    Ok(Some(target.name))
}

impl Taken {
    /// The message as the call asked to see it.
    fn shown(&self, input: &Value, cloud: &Cloud) -> Value {
        let mut shown = json!({
            "MessageId": self.message_id, "ReceiptHandle": self.receipt, "Body": self.body,
            "MD5OfBody": digest::of_body(&self.body),
        });
        let mut system = self.system.clone();
        system.insert("SenderId".into(), cloud.place.account.into());
        system.insert("SentTimestamp".into(), self.sent_at.to_string().into());
        system.insert("ApproximateReceiveCount".into(), self.receives.to_string().into());
        system.insert("ApproximateFirstReceiveTimestamp".into(), self.first_received.to_string().into());
        let asked = [names(input, "AttributeNames"), names(input, "MessageSystemAttributeNames")].concat();
        system.retain(|name, _| asked.contains(&"All") || asked.contains(&name.as_str()));
        if !system.is_empty() {
            shown["Attributes"] = system.into();
        }
        if let Some(mut attributes) = self.attributes.clone() {
            let asked = names(input, "MessageAttributeNames");
            if let Some(attributes) = attributes.as_object_mut() {
                attributes.retain(|name, _| asked.iter().any(|asked| matches(asked, name)));
            }
            if let Some(sum) = digest::of_attributes(&attributes) {
                shown["MD5OfMessageAttributes"] = sum.into();
                shown["MessageAttributes"] = attributes;
            }
        }
        shown
    }
}

fn names<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    input[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn matches(asked: &str, name: &str) -> bool {
    asked == "All" || asked == name || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}
