//! A `chatctl tail` that a test listens with.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::world::kill;

/// Longer than anything that a listener waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `tail` that runs, and what it says.
pub(crate) struct Ear {
    process: Child,
    lines: Receiver<Value>,
}

impl Ear {
    pub(crate) fn of(command: &mut Command) -> Ear {
        let mut process = command.args(["--json", "tail"]).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        Ear { process, lines }
    }

    pub(crate) fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("another line")
    }

    /// The next line says that it listens in this way.
    pub(crate) fn listens(&self, via: &str) -> Value {
        let said = self.next();
        assert_eq!((&said["event"], &said["via"]), (&"listening".into(), &via.into()), "{said}");
        said
    }

    /// The next line is this message, come in this way.
    pub(crate) fn hears(&self, text: &str, via: &str) {
        let said = self.next();
        let is = (&said["event"], &said["text"], &said["via"]);
        assert_eq!(is, (&"message".into(), &text.into(), &via.into()), "{said}");
    }

    /// Ends it by Ctrl-C: what it had said besides.
    pub(crate) fn ends(mut self) -> Vec<Value> {
        kill(self.process.id(), "INT");
        assert_eq!(self.process.wait().unwrap().code(), Some(130));
        self.lines.iter().collect()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
