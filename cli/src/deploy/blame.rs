//! Whose fault it is that no message came back: whether a function of ours crashed, ran out of its time or gave the
//! message up, as its log says. Must not know how the message was sent.

use std::time::Duration;

use chat::room::RoomHash;
use serde_json::Value;
use tokio::time::Instant;

use super::Deploying;

/// What Lambda and a Rust program say when a function dies over its work.
const DEATHS: [&str; 5] = [
    "Runtime exited with error",
    "Runtime.ExitError",
    "Runtime.InvalidEntrypoint",
    "Task timed out after",
    "panicked at",
];
/// Between two looks into the logs, whose reading is limited to a few calls a second for an account (A34).
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So much of a line is quoted.
const QUOTED: usize = 200;

/// The functions behind a step of the proof.
pub(super) const REGISTERS: &[&str] = &["register-client"];
pub(super) const STORES: &[&str] = &["store-message"];
pub(super) const DELIVERS: &[&str] = &["forward-messages", "notify-clients"];

/// A function that failed, in the words of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) function: &'static str,
    pub(super) said: String,
}

/// The functions that a step depends on, looked after while it is waited for.
pub(super) struct Suspects<'a> {
    cx: &'a Deploying,
    functions: &'static [&'static str],
    since_ms: i64,
    looked: Instant,
}

impl<'a> Suspects<'a> {
    /// Those of a step that begins now.
    pub(super) fn of(cx: &'a Deploying, functions: &'static [&'static str]) -> Self {
        Self { cx, functions, since_ms: cx.now_ms(), looked: Instant::now() }
    }

    /// Whether one of them died since; looks only once in a while.
    pub(super) async fn dead(&mut self) -> Option<Blame> {
        if self.looked.elapsed() < LOOK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        let pattern = DEATHS.map(|words| format!("?\"{words}\"")).join(" ");
        for function in self.functions {
            let lines = lines(self.cx, function, self.since_ms, &pattern).await;
            if let Some(line) = lines.first() {
                return Some(Blame { function, said: quoted(line) });
            }
        }
        None
    }

    /// What the notifier said of this room's message, if it gave it up.
    pub(super) async fn gave_up(&self, room: &RoomHash) -> Option<Blame> {
        let function = DELIVERS[DELIVERS.len() - 1];
        let lines = lines(self.cx, function, self.since_ms, &format!("\"{}\"", room.as_str())).await;
        lines.iter().find_map(|line| Some(Blame { function, said: quoted(&error_of(line)?) }))
    }
}

/// The error that one of our own log lines tells.
fn error_of(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["error"].as_str().map(str::to_owned)
}

fn quoted(line: &str) -> String {
    line.trim().chars().take(QUOTED).collect()
}

/// The lines of a function's log that match; none where it cannot be read: then nobody is blamed.
async fn lines(cx: &Deploying, function: &str, since_ms: i64, pattern: &str) -> Vec<String> {
    let group = cx.stage.names().log_group(function);
    let asked = cx.aws.logs.filter_log_events().log_group_name(group).start_time(since_ms).filter_pattern(pattern);
    let Ok(page) = asked.limit(10).send().await else { return Vec::new() };
    page.events.unwrap_or_default().into_iter().filter_map(|event| event.message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ours_is_blamed_only_for_the_error_that_it_tells() {
        assert_eq!(error_of(r#"{"what":"job","room":"r","error":"no key"}"#).as_deref(), Some("no key"));
        assert_eq!(error_of(r#"{"what":"job","room":"r","told":1}"#), None);
        assert_eq!(error_of("START RequestId: r"), None);
    }

    #[test]
    fn a_long_line_is_quoted_from_its_beginning() {
        assert_eq!(quoted(&format!("  {}\n", "x".repeat(500))).len(), QUOTED);
    }
}
