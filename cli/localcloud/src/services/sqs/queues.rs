//! Queues by name: made, found, listed, tagged, emptied, deleted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::attributes::{Attributes, check_target};
use super::tables::{self, Queue};
use super::{Sqs, invalid, missing_queue, number, queue_of, text};
use crate::{Cloud, Refusal};

const PAGE: i64 = 1000;

/// A queue's address.
fn url(cloud: &Cloud, name: &str) -> String {
    format!("http://127.0.0.1:{}/{}/{name}", cloud.place.port, cloud.place.account)
}

/// `CreateQueue`: the same again is the same queue, other attributes are refused.
pub(super) fn create(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "QueueName")?;
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if name.ends_with(".fifo") {
        return Err(Refusal::unsupported("SQS FIFO queues"));
    }
    if name.is_empty() || name.len() > 80 || !letters {
        let rule = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(invalid(rule));
    }
    let given = Attributes::read(input.get("Attributes"), &cloud.place)?;
    let tags = tags_of(input.get("tags").or_else(|| input.get("Tags")));
    let now = sqs.state.now_ms();
    sqs.state.with(|c| {
        if let Some(queue) = tables::find(c, name)? {
            if given.agree(&queue.attributes) {
                return Ok(Ok(()));
            }
            let message =
                format!("A queue already exists with the same name and a different value for an attribute: {name}");
            return Ok(Err(Refusal::new(400, "QueueNameExists", message)));
        }
        if let Err(refusal) = check_target(c, &given)? {
            return Ok(Err(refusal));
        }
        tables::insert(c, name, &given, &tags, now)?;
        Ok(Ok(()))
    })??;
    Ok(json!({ "QueueUrl": url(cloud, name) }))
}

fn tags_of(given: Option<&Value>) -> BTreeMap<String, String> {
    let given = given.and_then(Value::as_object).into_iter().flatten();
    given.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// `GetQueueUrl`.
pub(super) fn url_of(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "QueueName")?;
    sqs.state.with(|c| tables::find(c, name))?.ok_or_else(missing_queue)?;
    Ok(json!({ "QueueUrl": url(cloud, name) }))
}

/// `ListQueues`.
pub(super) fn list(sqs: &Sqs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let prefix = input["QueueNamePrefix"].as_str().unwrap_or_default();
    let after = input["NextToken"].as_str().unwrap_or_default();
    let most = number(input, "MaxResults", 1, PAGE)?;
    let limit = most.unwrap_or(PAGE);
    let names: Vec<String> = sqs.state.with(|c| {
        c.prepare_cached(
            "SELECT name FROM sqs_queues WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        )?
        .query_map((prefix, after, limit), |row| row.get(0))?
        .collect()
    })?;
    if names.is_empty() {
        return Ok(json!({}));
    }
    let urls: Vec<String> = names.iter().map(|name| url(cloud, name)).collect();
    let mut output = json!({ "QueueUrls": urls });
    if most.is_some() && i64::try_from(names.len()).is_ok_and(|count| count == limit) {
        output["NextToken"] = names.last().map(String::as_str).into();
    }
    Ok(output)
}

/// `DeleteQueue`: with all its messages.
pub(super) fn delete(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        let change = c.transaction()?;
        change.execute("DELETE FROM sqs_messages WHERE queue = ?1", [queue.id])?;
        change.execute("DELETE FROM sqs_queues WHERE id = ?1", [queue.id])?;
        change.commit()?;
        Ok(Ok(()))
    })??;
    sqs.ring(name);
    Ok(json!({}))
}

/// `PurgeQueue`.
pub(super) fn purge(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    sqs.state.with(|c| {
        let Some(queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        c.execute("DELETE FROM sqs_messages WHERE queue = ?1", [queue.id])?;
        Ok(Ok(json!({})))
    })?
}

/// `ListQueueTags`.
pub(super) fn tags(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let queue = sqs.state.with(|c| queue_of(input).map_or(Ok(None), |name| tables::find(c, name)))?;
    let queue = queue.ok_or_else(missing_queue)?;
    Ok(if queue.tags.is_empty() { json!({}) } else { json!({ "Tags": queue.tags }) })
}

/// `TagQueue`.
pub(super) fn tag(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let tags = tags_of(input.get("Tags"));
    change(sqs, input, |queue| queue.tags.extend(tags))
}

/// `UntagQueue`.
pub(super) fn untag(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let keys: Vec<&str> = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    change(sqs, input, |queue| queue.tags.retain(|key, _| !keys.contains(&key.as_str())))
}

fn change(sqs: &Sqs, input: &Value, edit: impl FnOnce(&mut Queue)) -> Result<Value, Refusal> {
    let name = queue_of(input)?;
    sqs.state.with(|c| {
        let Some(mut queue) = tables::find(c, name)? else { return Ok(Err(missing_queue())) };
        edit(&mut queue);
        let modified_at = queue.modified_at;
        tables::update(c, &queue, modified_at)?;
        Ok(Ok(json!({})))
    })?
}
