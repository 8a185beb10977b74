//! Log groups: made, described, bounded, deleted.

use serde_json::{Value, json};

use super::tables::{self, Group};
use super::{Logs, done, exists, invalid, limit, missing, text};
use crate::{Cloud, Refusal};

const DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// `CreateLogGroup`.
pub(super) fn create(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "logGroupName")?;
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.#".contains(c));
    if name.is_empty() || name.len() > 512 || !letters {
        return Err(invalid("logGroupName must be 1 to 512 of a-z, A-Z, 0-9, '_', '-', '/', '.' and '#'"));
    }
    if input["kmsKeyId"].is_string() {
        return Err(Refusal::unsupported("KMS keys of log groups"));
    }
    let tags = match &input["tags"] {
        Value::Null => "{}".to_owned(),
        tags => tags.to_string(),
    };
    let now = logs.state.now_ms();
    let made = logs.state.with(|c| {
        c.execute(
            "INSERT INTO log_groups (name, tags, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (name, tags, now),
        )
    })?;
    if made == 0 { Err(exists("log group")) } else { Ok(done()) }
}

/// `DeleteLogGroup`: with its streams and events.
pub(super) fn delete(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "logGroupName")?;
    logs.state.with(|c| {
        let Some(group) = tables::group(c, name)? else { return Ok(Err(missing("log group"))) };
        let change = c.transaction()?;
        change.execute("DELETE FROM log_events WHERE grp = ?1", [group.id])?;
        change.execute("DELETE FROM log_streams WHERE grp = ?1", [group.id])?;
        change.execute("DELETE FROM log_groups WHERE id = ?1", [group.id])?;
        change.commit()?;
        Ok(Ok(done()))
    })?
}

/// `PutRetentionPolicy`.
pub(super) fn put_retention(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let days = input["retentionInDays"].as_i64().filter(|days| DAYS.contains(days));
    let days = days.ok_or_else(|| invalid(format!("retentionInDays must be one of {DAYS:?}")))?;
    retain(logs, input, Some(days))
}

/// `DeleteRetentionPolicy`.
pub(super) fn delete_retention(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    retain(logs, input, None)
}

fn retain(logs: &Logs, input: &Value, days: Option<i64>) -> Result<Value, Refusal> {
    let name = text(input, "logGroupName")?;
    let changed =
        logs.state.with(|c| c.execute("UPDATE log_groups SET retention = ?2 WHERE name = ?1", (name, days)))?;
    if changed == 0 { Err(missing("log group")) } else { Ok(done()) }
}

/// `DescribeLogGroups`.
pub(super) fn describe(logs: &Logs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
    let pattern = input["logGroupNamePattern"].as_str().unwrap_or_default().to_lowercase();
    let after = input["nextToken"].as_str().unwrap_or_default();
    let limit = limit(input, "limit", 50, 50)?;
    if !prefix.is_empty() && !pattern.is_empty() {
        return Err(invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive"));
    }
    let mut groups: Vec<Group> = logs.state.with(|c| {
        c.prepare_cached(
            "SELECT id, name, retention, tags, created_at FROM log_groups
             WHERE substr(name, 1, length(?1)) = ?1 AND instr(lower(name), ?2) > 0 AND name > ?3 ORDER BY name LIMIT ?4",
        )?
        .query_map((prefix, &pattern, after, limit + 1), tables::read_group)?
        .collect()
    })?;
    let most = usize::try_from(limit).unwrap_or(50);
    let more = groups.len() > most;
    groups.truncate(most);
    let shown: Vec<Value> = groups.iter().map(|group| shown(cloud, group)).collect();
    let mut output = json!({ "logGroups": shown });
    if let Some(last) = groups.last().filter(|_| more) {
        output["nextToken"] = last.name.as_str().into();
    }
    Ok(output)
}

fn shown(cloud: &Cloud, group: &Group) -> Value {
    let arn = format!("arn:aws:logs:{}:{}:log-group:{}", cloud.place.region, cloud.place.account, group.name);
    let mut shown = json!({
        "logGroupName": group.name, "creationTime": group.created_at, "metricFilterCount": 0,
        "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0, "logGroupClass": "STANDARD",
    });
    if let Some(days) = group.retention {
        shown["retentionInDays"] = days.into();
    }
    shown
}
