//! Events: put, read from one stream, filtered over a group in the order of time.

use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{Logs, group_name, invalid, limit, missing, tables, text};
use crate::Refusal;

/// As many rows are looked at in one go, so that a filter that matches nothing does not hold the others up.
const SCAN: i64 = 2_000;

/// `PutLogEvents`: in the order of time, as AWS asks.
pub(super) fn put(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let (group, stream) = (text(input, "logGroupName")?, text(input, "logStreamName")?);
    let mut lines = Vec::new();
    for event in input["logEvents"].as_array().into_iter().flatten() {
        let at = event["timestamp"].as_i64().ok_or_else(|| invalid("a log event has no timestamp"))?;
        lines.push((at, text(event, "message")?.to_owned()));
    }
    if lines.is_empty() || lines.len() > 10_000 {
        return Err(invalid("logEvents must have 1 to 10000 events"));
    }
    if lines.windows(2).any(|pair| pair[0].0 > pair[1].0) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let now = logs.state.now_ms();
    logs.state.with(|c| {
        let change = c.transaction()?;
        let Some(group) = tables::group(&change, group)? else { return Ok(Err(missing("log group"))) };
        let Some(stream) = tables::stream(&change, group.id, stream)? else { return Ok(Err(missing("log stream"))) };
        tables::insert(&change, group.id, stream, &lines, now)?;
        change.commit()?;
        Ok(Ok(()))
    })??;
    logs.count(lines.len())?;
    Ok(json!({ "nextSequenceToken": format!("{now:056}") }))
}

/// An event as it is read.
struct Event {
    id: i64,
    at: i64,
    ingested_at: i64,
    stream: String,
    message: String,
}

fn read(row: &rusqlite::Row<'_>) -> Result<Event, rusqlite::Error> {
    Ok(Event { id: row.get(0)?, at: row.get(1)?, ingested_at: row.get(2)?, stream: row.get(3)?, message: row.get(4)? })
}

/// A place in the order of events: time, then arrival.
#[derive(Clone, Copy)]
struct At(i64, i64);

impl At {
    fn token(self) -> String {
        format!("{}-{}", self.0, self.1)
    }

    fn parse(token: &str) -> Result<Self, Refusal> {
        let parts = token.rsplit_once('-');
        let parts = parts.and_then(|(at, id)| Some(Self(at.parse().ok()?, id.parse().ok()?)));
        parts.ok_or_else(|| invalid("The specified nextToken is invalid."))
    }
}

/// `FilterLogEvents`.
pub(super) fn filter(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let name = group_name(input)?;
    let most = usize::try_from(limit(input, "limit", 10_000, 10_000)?).unwrap_or(1);
    let pattern = Pattern::parse(input["filterPattern"].as_str().unwrap_or_default())?;
    let (start, end) = (input["startTime"].as_i64().unwrap_or(0), input["endTime"].as_i64().unwrap_or(i64::MAX));
    let mut after = match input["nextToken"].as_str() {
        Some(token) => At::parse(token)?,
        None => At(start, 0),
    };
    let group = logs.state.with(|c| tables::group(c, name))?.ok_or_else(|| missing("log group"))?;
    let streams = Streams::read(input)?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    loop {
        let scanned = logs.state.with(|c| scan(c, group.id, &streams, after, end))?;
        let ended = scanned.len() < usize::try_from(SCAN).unwrap_or(0);
        for event in scanned {
            if events.len() == most || bytes > 1_000_000 {
                return Ok(json!({ "events": events, "searchedLogStreams": [], "nextToken": after.token() }));
            }
            after = At(event.at, event.id);
            if pattern.matches(&event.message) {
                bytes += event.message.len();
                events.push(json!({
                    "logStreamName": event.stream, "timestamp": event.at, "message": event.message,
                    "ingestionTime": event.ingested_at, "eventId": format!("{:020}{:036}", event.at, event.id),
                }));
            }
        }
        if ended {
            return Ok(json!({ "events": events, "searchedLogStreams": [] }));
        }
    }
}

/// Which of a group's streams are asked for.
enum Streams {
    All,
    Named(Vec<String>),
    Prefixed(String),
}

impl Streams {
    fn read(input: &Value) -> Result<Self, Refusal> {
        let named: Vec<String> = input["logStreamNames"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        match (named.is_empty(), input["logStreamNamePrefix"].as_str()) {
            (true, None) => Ok(Self::All),
            (false, None) => Ok(Self::Named(named)),
            (true, Some(prefix)) => Ok(Self::Prefixed(prefix.to_owned())),
            (false, Some(_)) => Err(invalid("logStreamNames and logStreamNamePrefix exclude each other")),
        }
    }
}

fn scan(
    c: &rusqlite::Connection,
    group: i64,
    streams: &Streams,
    after: At,
    end: i64,
) -> Result<Vec<Event>, rusqlite::Error> {
    let mut values = vec![Sql::from(group), after.0.into(), after.1.into(), end.into(), SCAN.into()];
    let of_streams = match streams {
        Streams::All => String::new(),
        Streams::Named(names) => {
            let marks: Vec<String> = (0..names.len()).map(|n| format!("?{}", n + 6)).collect();
            values.extend(names.iter().cloned().map(Sql::from));
            format!("AND s.name IN ({})", marks.join(", "))
        }
        Streams::Prefixed(prefix) => {
            values.push(prefix.clone().into());
            "AND substr(s.name, 1, length(?6)) = ?6".to_owned()
        }
    };
    c.prepare_cached(&format!(
        "SELECT e.id, e.at, e.ingested_at, s.name, e.message FROM log_events e JOIN log_streams s ON s.id = e.stream
         WHERE e.grp = ?1 AND (e.at, e.id) > (?2, ?3) AND e.at < ?4 {of_streams} ORDER BY e.at, e.id LIMIT ?5"
    ))?
    .query_map(rusqlite::params_from_iter(values), read)?
    .collect()
}

/// `GetLogEvents`: the newest page of a stream, or from its head; tokens go both ways.
pub(super) fn get(logs: &Logs, input: &Value) -> Result<Value, Refusal> {
    let (name, stream) = (group_name(input)?, text(input, "logStreamName")?);
    let limit = limit(input, "limit", 10_000, 10_000)?;
    let (start, end) = (input["startTime"].as_i64().unwrap_or(0), input["endTime"].as_i64().unwrap_or(i64::MAX));
    let (forward, from) = match input["nextToken"].as_str() {
        None => (input["startFromHead"].as_bool().unwrap_or(false), None),
        Some(token) => match token.split_once('/') {
            Some(("f", at)) => (true, Some(At::parse(at)?)),
            Some(("b", at)) => (false, Some(At::parse(at)?)),
            _ => return Err(invalid("The specified nextToken is invalid.")),
        },
    };
    let (sign, direction) = if forward { (">", "ASC") } else { ("<", "DESC") };
    let edge = from.unwrap_or(if forward { At(start, 0) } else { At(end, 0) });
    let found = logs.state.with(|c| {
        let Some(group) = tables::group(c, name)? else { return Ok(Err(missing("log group"))) };
        let Some(id) = tables::stream(c, group.id, stream)? else { return Ok(Err(missing("log stream"))) };
        let events: Result<Vec<Event>, _> = c
            .prepare_cached(&format!(
                "SELECT id, at, ingested_at, '', message FROM log_events
                 WHERE stream = ?1 AND (at, id) {sign} (?2, ?3) AND at >= ?4 AND at < ?5 ORDER BY at {direction}, id {direction} LIMIT ?6"
            ))?
            .query_map((id, edge.0, edge.1, start, end, limit), read)?
            .collect();
        events.map(Ok)
    })?;
    let mut events = found?;
    if !forward {
        events.reverse();
    }
    let at = |event: Option<&Event>| event.map_or(edge, |event| At(event.at, event.id)).token();
    let shown: Vec<Value> = events
        .iter()
        .map(|event| json!({ "timestamp": event.at, "message": event.message, "ingestionTime": event.ingested_at }))
        .collect();
    Ok(json!({
        "events": shown, "nextForwardToken": format!("f/{}", at(events.last())),
        "nextBackwardToken": format!("b/{}", at(events.first())),
    }))
}
