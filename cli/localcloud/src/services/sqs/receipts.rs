//! What is done with a receipt handle: the message is deleted, or hidden for another time.

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::{Sqs, batch, invalid, missing_queue, number, queue_of, tables, text};
use crate::Refusal;

type Done = Result<Result<Value, Refusal>, rusqlite::Error>;

/// `DeleteMessage`.
pub(super) fn delete(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    one(sqs, input, delete_one)
}

/// `DeleteMessageBatch`.
pub(super) fn delete_batch(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    many(sqs, input, delete_one)
}

/// `ChangeMessageVisibility`.
pub(super) fn change(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let now = sqs.state.now_ms();
    let done = one(sqs, input, |c, queue, input| change_one(c, queue, input, now))?;
    sqs.ring(queue_of(input)?);
    Ok(done)
}

/// `ChangeMessageVisibilityBatch`.
pub(super) fn change_batch(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let now = sqs.state.now_ms();
    let done = many(sqs, input, |c, queue, input| change_one(c, queue, input, now))?;
    sqs.ring(queue_of(input)?);
    Ok(done)
}

fn one(sqs: &Sqs, input: &Value, act: impl Fn(&Connection, i64, &Value) -> Done) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    sqs.state.with(|c| match tables::find(c, name)? {
        Some(queue) => act(c, queue.id, input),
        None => Ok(Err(missing_queue())),
    })?
}

fn many(sqs: &Sqs, input: &Value, act: impl Fn(&Connection, i64, &Value) -> Done) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    let entries = batch::entries(input)?;
    let results = sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        let change = c.transaction()?;
        let mut results = Vec::with_capacity(entries.len());
        for (id, entry) in entries {
            results.push((id, act(&change, queue.id, entry)?));
        }
        change.commit()?;
        Ok(Ok(results))
    })??;
    Ok(batch::answer(results))
}

/// The row that a receipt handle is of.
fn row_of(receipt: &str) -> Option<i64> {
    let (id, secret) = receipt.split_once('-')?;
    if secret.len() == 32 { id.parse().ok() } else { None }
}

fn not_valid(receipt: &str) -> Refusal {
    Refusal::new(
        400,
        "ReceiptHandleIsInvalid",
        format!("The input receipt handle \"{receipt}\" is not a valid receipt handle."),
    )
}

/// An older receipt of a message that was received again deletes nothing, and is no error.
fn delete_one(c: &Connection, queue: i64, input: &Value) -> Done {
    let receipt = match text(input, "ReceiptHandle") {
        Ok(receipt) => receipt,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(id) = row_of(receipt) else { return Ok(Err(not_valid(receipt))) };
    c.prepare_cached("DELETE FROM sqs_messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
        .execute((id, queue, receipt))?;
    Ok(Ok(json!({})))
}

fn change_one(c: &Connection, queue: i64, input: &Value, now: i64) -> Done {
    let asked = text(input, "ReceiptHandle").and_then(|receipt| {
        let seconds = number(input, "VisibilityTimeout", 0, 43_200)?;
        let seconds = seconds.ok_or_else(|| invalid("The request must contain the parameter VisibilityTimeout."))?;
        Ok((receipt, row_of(receipt).ok_or_else(|| not_valid(receipt))?, seconds))
    });
    let (receipt, id, seconds) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let hidden: Option<i64> = c
        .prepare_cached("SELECT visible_at FROM sqs_messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
        .query_row((id, queue, receipt), |row| row.get(0))
        .optional()?;
    match hidden {
        Some(until) if until > now => {
            c.prepare_cached("UPDATE sqs_messages SET visible_at = ?2 WHERE id = ?1")?
                .execute((id, now + seconds * 1000))?;
            Ok(Ok(json!({})))
        }
        Some(_) => Ok(Err(Refusal::new(400, "MessageNotInflight", "The message referred to isn't in flight."))),
        None => Ok(Err(invalid(format!(
            "Value {receipt} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
        )))),
    }
}
