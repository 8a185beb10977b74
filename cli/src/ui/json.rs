//! NDJSON on standard output, for programs: one event a line, a failure the last one. The schema is `event`'s.

use serde::Serialize;

use crate::event::Event;
use crate::failure::Failure;

use super::{Face, Out, clock};

/// The face for programs.
pub(super) struct Json;

/// What every line begins with.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    v: u8,
    at: String,
    #[serde(flatten)]
    event: &'a T,
}

/// A failure as the last line.
#[derive(Serialize)]
struct Failed<'a> {
    event: &'static str,
    error: &'a str,
    why: Option<&'a str>,
    next: &'a [String],
    exit: u8,
}

/// One line, with its time.
fn line<T: Serialize>(at: jiff::Timestamp, event: &T) -> String {
    let line = Line { v: 1, at: format!("{at:.3}"), event };
    serde_json::to_string(&line).unwrap_or_else(|_| unreachable!("every event's keys are strings"))
}

fn failed(failure: &Failure) -> Failed<'_> {
    Failed {
        event: "failed",
        error: &failure.error,
        why: failure.why.as_deref(),
        next: &failure.next,
        exit: failure.exit.code(),
    }
}

impl Face for Json {
    fn show(&mut self, event: &Event, out: &mut Out) {
        out.result(&line(clock::now(), event));
    }

    fn fail(&mut self, failure: &Failure, out: &mut Out) {
        out.result(&line(clock::now(), &failed(failure)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Act;

    #[test]
    fn a_line_is_versioned_timed_and_named() {
        let at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let done = Event::StepDone { id: "queue/new-messages".into(), change: Act::Create, ms: 412 };
        let should = r#"{"v":1,"at":"2026-01-02T03:04:05.678Z","event":"step.done","id":"queue/new-messages","change":"create","ms":412}"#;
        assert_eq!(line(at, &done), should);
    }

    #[test]
    fn a_failure_is_the_last_line() {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let failure = Failure::usage("no such room").why("it was never made").next("chatctl room create x");
        let should = r#"{"v":1,"at":"2026-01-02T03:04:05.000Z","event":"failed","error":"no such room","why":"it was never made","next":["chatctl room create x"],"exit":2}"#;
        assert_eq!(line(at, &failed(&failure)), should);
    }
}
