//! CloudWatch Logs: groups, streams and events on disk, bounded by each group's retention and by a count.

mod events;
mod groups;
mod pattern;
mod streams;
mod tables;
mod tags;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::wire::json::Dialect;
use crate::{Cloud, Error, Refusal, State};

pub(crate) const DIALECT: Dialect = Dialect { version: "1.1", prefix: "", query_error: |_| None };

/// The most events that are kept of all groups together; the oldest go first.
const MOST_EVENTS: i64 = 500_000;
/// After so many new events the old ones are looked through.
const PRUNE_EVERY: usize = 5_000;

const CALLS: &[&str] = &[
    "CreateLogGroup",
    "CreateLogStream",
    "DeleteLogGroup",
    "DeleteLogStream",
    "DeleteRetentionPolicy",
    "DescribeLogGroups",
    "DescribeLogStreams",
    "FilterLogEvents",
    "GetLogEvents",
    "ListTagsForResource",
    "PutLogEvents",
    "PutRetentionPolicy",
    "TagResource",
    "UntagResource",
];

/// The calls of CloudWatch Logs.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// The logs of the account.
pub(crate) struct Logs {
    state: State,
    appended: AtomicUsize,
}

impl Logs {
    /// Opens the logs.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        state.with(|c| c.execute_batch(tables::SCHEMA))?;
        let logs = Self { state: state.clone(), appended: AtomicUsize::new(0) };
        logs.prune()?;
        Ok(logs)
    }

    /// Does a call.
    pub(crate) async fn call(&self, cloud: &Cloud, action: &str, input: Value) -> Result<Value, Refusal> {
        match action {
            "CreateLogGroup" => groups::create(self, &input),
            "DeleteLogGroup" => groups::delete(self, &input),
            "DescribeLogGroups" => groups::describe(self, cloud, &input),
            "PutRetentionPolicy" => groups::put_retention(self, &input),
            "DeleteRetentionPolicy" => groups::delete_retention(self, &input),
            "CreateLogStream" => streams::create(self, &input),
            "DeleteLogStream" => streams::delete(self, &input),
            "DescribeLogStreams" => streams::describe(self, cloud, &input),
            "PutLogEvents" => events::put(self, &input),
            "GetLogEvents" => events::get(self, &input),
            "FilterLogEvents" => events::filter(self, &input),
            "ListTagsForResource" => tags::list(self, &input),
            "TagResource" => tags::tag(self, &input),
            "UntagResource" => tags::untag(self, &input),
            _ => Err(Refusal::unknown_call("CloudWatch Logs", action)),
        }
    }

    /// Adds lines to a stream, which is made when it is not there; of a group that is not there they are dropped,
    /// as those of a function that may not make its group (A11).
    pub(crate) fn append(&self, group: &str, stream: &str, lines: Vec<(i64, String)>) -> Result<(), Refusal> {
        if lines.is_empty() {
            return Ok(());
        }
        let now = self.state.now_ms();
        self.state.with(|c| {
            let change = c.transaction()?;
            let Some(group) = tables::group(&change, group)? else { return Ok(()) };
            let stream = tables::stream_or_new(&change, group.id, stream, now)?;
            tables::insert(&change, group.id, stream, &lines, now)?;
            change.commit()
        })?;
        self.count(lines.len())
    }

    /// Prunes now and then.
    fn count(&self, more: usize) -> Result<(), Refusal> {
        if self.appended.fetch_add(more, Ordering::Relaxed) + more >= PRUNE_EVERY {
            self.appended.store(0, Ordering::Relaxed);
            self.prune()?;
        }
        Ok(())
    }

    fn prune(&self) -> Result<(), rusqlite::Error> {
        let now = self.state.now_ms();
        self.state.with(|c| {
            let change = c.transaction()?;
            tables::prune(&change, now, MOST_EVENTS)?;
            change.commit()
        })
    }
}

fn text<'a>(input: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    input[member].as_str().ok_or_else(|| invalid(format!("{member} is missing")))
}

/// A group by its name or its ARN, whichever the call gives.
fn group_name(input: &Value) -> Result<&str, Refusal> {
    if let Some(name) = input["logGroupName"].as_str() {
        return Ok(name);
    }
    let identifier = input["logGroupIdentifier"].as_str().or_else(|| input["resourceArn"].as_str());
    let identifier = identifier.ok_or_else(|| invalid("logGroupName is missing"))?;
    match identifier.split_once(":log-group:") {
        Some((_, rest)) => Ok(rest.trim_end_matches(":*")),
        None => Ok(identifier),
    }
}

fn limit(input: &Value, member: &str, default: i64, most: i64) -> Result<i64, Refusal> {
    match &input[member] {
        Value::Null => Ok(default),
        given => given
            .as_i64()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| invalid(format!("{member} must be between 1 and {most}"))),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterException", message)
}

fn missing(what: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", format!("The specified {what} does not exist."))
}

fn exists(what: &str) -> Refusal {
    Refusal::new(400, "ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

fn done() -> Value {
    json!({})
}
