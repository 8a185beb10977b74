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
/// How many pages of a log are read in a look: a page may be empty although another one follows it.
const PAGES: usize = 10;
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
            let died = find(self.cx, function, self.since_ms, &pattern, |line| Some(quoted(line))).await;
            if let Some(said) = died {
                return Some(Blame { function, said });
            }
        }
        None
    }

    /// What the notifier said of this room's message, if it gave it up.
    pub(super) async fn gave_up(&self, room: &RoomHash) -> Option<Blame> {
        let function = DELIVERS[DELIVERS.len() - 1];
        let pattern = format!("\"{}\"", room.as_str());
        let gave_up = find(self.cx, function, self.since_ms, &pattern, |line| Some(quoted(&error_of(line)?))).await;
        gave_up.map(|said| Blame { function, said })
    }
}

/// The error that one of our own log lines tells.
fn error_of(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["error"].as_str().map(str::to_owned)
}

fn quoted(line: &str) -> String {
    line.trim().chars().take(QUOTED).collect()
}

/// What is told by the first line of a function's log that matches and tells it; nothing where the log cannot be read:
/// then nobody is blamed.
async fn find(
    cx: &Deploying,
    function: &str,
    since_ms: i64,
    pattern: &str,
    told: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let group = cx.stage.names().log_group(function);
    let mut token = None;
    for _ in 0..PAGES {
        let asked = cx.aws.logs.filter_log_events().log_group_name(&group).start_time(since_ms).filter_pattern(pattern);
        let page = asked.set_next_token(token.take()).limit(10).send().await.ok()?;
        let lines = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
        if let Some(said) = lines.into_iter().find_map(|line| told(&line)) {
            return Some(said);
        }
        token = Some(page.next_token?);
    }
    None
}

#[cfg(test)]
#[path = "blame_tests.rs"]
mod tests;
