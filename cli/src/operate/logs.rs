//! The functions' logs, interleaved by time. Paced, with a small overlap, and deduped by event id (A34).
//! Must not know how lines look on a screen.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_aws::routes::Function;
use serde_json::Value;

use crate::aws::{Aws, CallError, call};
use crate::event::{Event, LogLine, Tell};
use crate::failure::{Exit, Explain, Failure};
use crate::stage::{Stage, Target, closest};

use super::seen::Seen;

/// Between two rounds; FilterLogEvents of an account is limited to a few a second.
const PACE_ON_AWS: Duration = Duration::from_secs(2);
/// Between two rounds, on this machine.
const PACE_LOCAL: Duration = Duration::from_millis(400);
/// How far each round looks back again: lines arrive late.
const OVERLAP_MS: i64 = 10_000;
/// How many event ids are remembered, so that the overlap shows nothing twice.
const REMEMBERED: usize = 20_000;
/// How many pages of one group are read in a round.
const PAGES: usize = 200;

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of which functions.
    pub functions: Vec<Function>,
    /// From when on, in milliseconds since 1970.
    pub since_ms: i64,
    /// CloudWatch's filter pattern.
    pub filter: Option<String>,
    /// Whether Lambda's own lines (START, END, REPORT) are wanted too.
    pub all: bool,
}

/// A group's lines can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the logs of {group}")]
pub struct LogsError {
    group: String,
    source: CallError,
    next: String,
}

impl Explain for LogsError {
    fn exit(&self) -> Exit {
        self.source.exit()
    }
    fn next(&self) -> Option<String> {
        Explain::next(&self.source).or_else(|| Some(self.next.clone()))
    }
}

/// The functions of these names; of none, all.
pub fn functions(names: &[String]) -> Result<Vec<Function>, Failure> {
    if names.is_empty() {
        return Ok(Function::ALL.to_vec());
    }
    names.iter().map(|name| function(name)).collect()
}

fn function(name: &str) -> Result<Function, Failure> {
    let found = Function::ALL.into_iter().find(|function| function.name() == name);
    found.ok_or_else(|| {
        let all: Vec<&str> = Function::ALL.iter().map(|function| function.name()).collect();
        let failure = Failure::usage(format!("there is no function {name:?}"));
        match closest(name, all.iter().copied()) {
            Some(meant) => failure.next(format!("chatctl logs {meant}")),
            None => failure.next(format!("one of: {}", all.join(", "))),
        }
    })
}

/// Tells the lines there are, and with `follow` those to come, for ever.
pub async fn read(aws: &Aws, stage: &Stage, wanted: &Wanted, follow: bool, tell: &Tell) -> Result<(), LogsError> {
    let pace = if stage.target == Target::Aws { PACE_ON_AWS } else { PACE_LOCAL };
    let mut seen = Seen::of(REMEMBERED);
    let mut since = wanted.since_ms;
    loop {
        let rounds = wanted.functions.iter().map(|function| round(aws, stage, *function, since, wanted));
        let mut lines: Vec<Line> = futures_util::future::try_join_all(rounds).await?.into_iter().flatten().collect();
        lines.retain(|line| seen.first_time(&line.id));
        lines.sort_by_key(|line| line.at_ms);
        for line in lines {
            since = since.max(line.at_ms - OVERLAP_MS);
            if let Some(shown) = shown(line.function, line.at_ms, &line.text, wanted.all) {
                tell(Event::LogLine(shown));
            }
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(pace).await;
    }
}

/// One line as it was read.
struct Line {
    id: String,
    at_ms: i64,
    function: &'static str,
    text: String,
}

/// One group's lines from an instant on. A group that is not there yet has none.
async fn round(
    aws: &Aws,
    stage: &Stage,
    function: Function,
    since: i64,
    wanted: &Wanted,
) -> Result<Vec<Line>, LogsError> {
    let group = stage.names().log_group(function.name());
    let mut lines = Vec::new();
    let mut token = None;
    for _ in 0..PAGES {
        let asked = aws.logs.filter_log_events().log_group_name(&group).start_time(since);
        let asked = asked.set_filter_pattern(wanted.filter.clone()).set_next_token(token.take()).send().await;
        let page = match asked.map_err(call("CloudWatch Logs", "FilterLogEvents", &group)) {
            Ok(page) => page,
            Err(error) if error.is_missing() => break,
            Err(source) => return Err(LogsError { group, source, next: stage.command("up") }),
        };
        for event in page.events.unwrap_or_default() {
            let (Some(id), Some(at_ms)) = (event.event_id, event.timestamp) else { continue };
            lines.push(Line { id, at_ms, function: function.name(), text: event.message.unwrap_or_default() });
        }
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(lines)
}

/// A line as it is shown: a JSON line by its fields, Lambda's own only where asked for.
pub fn shown(source: &str, at_ms: i64, text: &str, all: bool) -> Option<LogLine> {
    let text = text.trim_end();
    let lambdas =
        ["START RequestId", "END RequestId", "REPORT RequestId", "INIT_START"].iter().any(|own| text.starts_with(own));
    if text.is_empty() || (lambdas && !all) {
        return None;
    }
    let mut line = LogLine {
        source: source.into(),
        time: Some(chat::rfc3339::format(at_ms)),
        text: text.into(),
        level: None,
        fields: BTreeMap::new(),
    };
    if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) {
        line.fields = fields.into_iter().collect();
        let mut take = |keys: &[&str]| {
            keys.iter().find_map(|key| match line.fields.get(*key) {
                Some(Value::String(_)) => line.fields.remove(*key).and_then(|value| value.as_str().map(str::to_string)),
                _ => None,
            })
        };
        line.text = take(&["message", "msg", "what"]).unwrap_or_default();
        line.level = take(&["level"]);
        for time in ["at", "time", "timestamp"] {
            line.fields.remove(time); // the event's own time is shown
        }
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_shown_by_its_fields() {
        let line =
            shown("store-message", 0, r#"{"at":1,"what":"POST /api/messages","status":201,"level":"info"}"#, false)
                .unwrap();
        assert_eq!(line.text, "POST /api/messages");
        assert_eq!(line.level.as_deref(), Some("info"));
        assert_eq!(line.fields, BTreeMap::from([("status".to_string(), 201.into())]));
        assert_eq!(line.time.as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn lambdas_own_lines_are_shown_only_where_asked_for() {
        let report = "REPORT RequestId: 1 Duration: 2 ms\n";
        assert_eq!(shown("f", 0, report, false), None);
        assert_eq!(shown("f", 0, report, true).unwrap().text, "REPORT RequestId: 1 Duration: 2 ms");
    }

    #[test]
    fn a_misspelt_function_is_answered_with_the_one_meant() {
        let failure = functions(&["store-mesage".to_string()]).unwrap_err();
        assert_eq!(failure.next, ["chatctl logs store-message"]);
        assert_eq!(functions(&[]).unwrap().len(), 6);
    }
}
