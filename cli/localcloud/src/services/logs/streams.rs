//! Log streams: made, described, deleted.

use serde_json::{Value, json};

use super::{Logs, done, exists, group_name, invalid, limit, missing, tables, text};
use crate::{Cloud, Refusal};

/// `CreateLogStream`.
pub(super) fn create(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let (group, name) = (text(input, "logGroupName")?, text(input, "logStreamName")?);
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
        return Err(invalid("logStreamName must be 1 to 512 characters, without ':' and '*'"));
    }
    logs.state.with(|c| {
        let Some(group) = tables::group(c, group)? else { return Ok(Err(missing("log group"))) };
        if tables::stream(c, group.id, name)?.is_some() {
            return Ok(Err(exists("log stream")));
        }
        tables::new_stream(c, group.id, name, logs.state.now_ms())?;
        Ok(Ok(done()))
    })?
}

/// `DeleteLogStream`: with its events.
pub(super) fn delete(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let (group, name) = (text(input, "logGroupName")?, text(input, "logStreamName")?);
    logs.state.with(|c| {
        let Some(group) = tables::group(c, group)? else { return Ok(Err(missing("log group"))) };
        let Some(stream) = tables::stream(c, group.id, name)? else { return Ok(Err(missing("log stream"))) };
        let change = c.transaction()?;
        change.execute("DELETE FROM log_events WHERE stream = ?1", [stream])?;
        change.execute("DELETE FROM log_streams WHERE id = ?1", [stream])?;
        change.commit()?;
        Ok(Ok(done()))
    })?
}

/// A stream as described.
struct Described {
    name: String,
    created_at: i64,
    first_at: Option<i64>,
    last_at: Option<i64>,
    ingested_at: Option<i64>,
}

/// `DescribeLogStreams`.
pub(super) fn describe(logs: &Logs, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let name = group_name(input)?;
    let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
    let limit = limit(input, "limit", 50, 50)?;
    let by_time = match input["orderBy"].as_str() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_empty() => true,
        Some("LastEventTime") => return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")),
        Some(other) => return Err(invalid(format!("no such order: {other}"))),
    };
    let skip: i64 = input["nextToken"]
        .as_str()
        .map_or(Ok(0), str::parse)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let order = if by_time { "COALESCE(last_at, 0), name" } else { "name" };
    let direction = if input["descending"].as_bool().unwrap_or(false) { "DESC" } else { "ASC" };
    let order = order.replace(", ", &format!(" {direction}, "));
    let streams = logs.state.with(|c| {
        let Some(group) = tables::group(c, name)? else { return Ok(None) };
        let streams: Result<Vec<Described>, _> = c
            .prepare_cached(&format!(
                "SELECT name, created_at, first_at, last_at, ingested_at FROM log_streams
                 WHERE grp = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY {order} {direction} LIMIT ?3 OFFSET ?4"
            ))?
            .query_map((group.id, prefix, limit + 1, skip), |row| {
                Ok(Described {
                    name: row.get(0)?,
                    created_at: row.get(1)?,
                    first_at: row.get(2)?,
                    last_at: row.get(3)?,
                    ingested_at: row.get(4)?,
                })
            })?
            .collect();
        streams.map(Some)
    })?;
    let mut streams = streams.ok_or_else(|| missing("log group"))?;
    let most = usize::try_from(limit).unwrap_or(50);
    let more = streams.len() > most;
    streams.truncate(most);
    let group = format!("arn:aws:logs:{}:{}:log-group:{name}", cloud.place.region, cloud.place.account);
    let shown: Vec<Value> = streams.iter().map(|stream| shown(&group, stream)).collect();
    let mut output = json!({ "logStreams": shown });
    if more {
        output["nextToken"] = (skip + limit).to_string().into();
    }
    Ok(output)
}

fn shown(group: &str, stream: &Described) -> Value {
    let mut shown = json!({
        "logStreamName": stream.name, "creationTime": stream.created_at, "storedBytes": 0,
        "arn": format!("{group}:log-stream:{}", stream.name),
    });
    let times = [
        ("firstEventTimestamp", stream.first_at),
        ("lastEventTimestamp", stream.last_at),
        ("lastIngestionTime", stream.ingested_at),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            shown[member] = time.into();
        }
    }
    shown
}
