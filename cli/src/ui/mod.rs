//! The only place that speaks. It picks the face once, from the flags, the terminal and the environment; afterwards nobody
//! asks which it is. Knows events and failures, nothing of how they came about.

pub mod ask;
mod bars;
mod certificate;
mod clock;
mod json;
mod lines;
mod past;
mod resources;
mod result;
mod status;
mod style;
mod table;
mod tree;
mod waterfall;

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::event::{Event, Tell};
use crate::failure::Failure;
use style::Style;

/// A way to show events.
trait Face: Send {
    /// Shows what happened.
    fn show(&mut self, event: &Event, out: &mut Out);
    /// Shows the failure that a command ended with; nothing comes after it.
    fn fail(&mut self, failure: &Failure, out: &mut Out);
    /// Leaves the terminal as it was found.
    fn end(&mut self) {}
}

/// What decides the face.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `--json`.
    pub json: bool,
    /// Whether standard output is a terminal.
    pub stdout: bool,
    /// Whether standard error is a terminal.
    pub stderr: bool,
    /// `NO_COLOR`, set to anything.
    pub no_color: bool,
    /// `CLICOLOR_FORCE`, set to anything but 0: colours also where there is no terminal.
    pub colour_forced: bool,
    /// `CI`, set to anything.
    pub ci: bool,
    /// `TERM=dumb`.
    pub dumb: bool,
    /// How this program was called: `chatctl`, `cargo run --`, `target/debug/chatctl`.
    pub called: String,
}

impl Surroundings {
    /// Those of this process.
    pub fn here(json: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Surroundings {
            json,
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            no_color: set("NO_COLOR"),
            colour_forced: set("CLICOLOR_FORCE")
                && std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            ci: set("CI"),
            dumb: std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
            called: called(),
        }
    }

    fn style(&self, terminal: bool) -> Style {
        Style {
            colour: !self.no_color && (self.colour_forced || terminal && !self.dumb),
            boxes: terminal && !self.dumb,
            called: self.called.clone(),
        }
    }

    fn face(&self) -> Box<dyn Face> {
        if self.json {
            return Box::new(json::Json);
        }
        let (results, progress) = (self.style(self.stdout), self.style(self.stderr));
        if self.stderr && !self.ci && !self.dumb {
            Box::new(bars::Bars::new(results, progress))
        } else {
            Box::new(lines::Lines::new(results, progress))
        }
    }
}

/// What has to be typed to run this program again.
fn called() -> String {
    let first = std::env::args().next().unwrap_or_default();
    if std::env::var_os("CARGO").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some() {
        "cargo run --".into()
    } else if first.contains('/') {
        first
    } else {
        "chatctl".into()
    }
}

/// Standard output and standard error, and whether the former's reader has gone.
struct Out {
    closed: watch::Sender<bool>,
}

impl Out {
    /// A result, on standard output.
    fn result(&mut self, text: &str) {
        if *self.closed.borrow() {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        let written =
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
        if written.is_err() {
            self.closed.send_replace(true);
        }
    }

    /// Progress, or an error, on standard error. Nobody may be there to read it.
    fn progress(&mut self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.write_all(b"\n"));
    }
}

/// The chosen face, shared.
#[derive(Clone)]
pub struct Ui {
    inner: Arc<Mutex<(Box<dyn Face>, Out)>>,
    closed: watch::Receiver<bool>,
    json: bool,
}

impl Ui {
    /// Picks the face.
    pub fn pick(surroundings: &Surroundings) -> Self {
        let (sender, closed) = watch::channel(false);
        let inner = Arc::new(Mutex::new((surroundings.face(), Out { closed: sender })));
        Ui { inner, closed, json: surroundings.json }
    }

    /// Whether results are JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Where events go.
    pub fn tell(&self) -> Tell {
        let ui = self.clone();
        Arc::new(move |event| ui.with(|face, out| face.show(&event, out)))
    }

    /// Shows how a command failed.
    pub fn fail(&self, failure: &Failure) {
        self.with(|face, out| {
            face.end();
            face.fail(failure, out);
        });
    }

    /// Leaves the terminal as it was found.
    pub fn end(&self) {
        self.with(|face, _| face.end());
    }

    /// Text that is no event, for standard output as it is: a completion script.
    pub fn raw(&self, text: &str) {
        self.with(|_, out| out.result(text.trim_end_matches('\n')));
    }

    /// Resolves when the reader of standard output has gone.
    pub async fn closed(&self) {
        let mut closed = self.closed.clone();
        if closed.wait_for(|closed| *closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn with(&self, act: impl FnOnce(&mut dyn Face, &mut Out)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (face, out) = &mut *inner;
        act(face.as_mut(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let terminal = Surroundings { stdout: true, stderr: true, ..Surroundings::default() };
        assert!(terminal.style(true).colour);
        assert!(!terminal.style(false).colour);
        assert!(!Surroundings { no_color: true, ..terminal.clone() }.style(true).colour);
        assert!(!Surroundings { dumb: true, ..terminal }.style(true).colour);
    }

    #[test]
    fn forced_colours_are_shown_without_a_terminal_unless_nobody_wants_colours() {
        let forced = Surroundings { colour_forced: true, ci: true, ..Surroundings::default() };
        assert!(forced.style(false).colour && !forced.style(false).boxes);
        assert!(!Surroundings { no_color: true, ..forced }.style(false).colour);
    }
}
