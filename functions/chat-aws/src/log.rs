//! One JSON line a request or job, on standard output, where Lambda picks it up.
//! It must never be given a token, a member's secret, an endpoint or a text: rooms appear by hash only.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::moment;

/// A line being filled.
#[derive(Debug)]
pub struct Line {
    fields: Map<String, Value>,
    started: i64,
}

impl Line {
    /// Starts a line about `what` (a route, a job).
    pub fn about(what: &str) -> Self {
        let started = moment::now_micros();
        let mut fields = Map::new();
        fields.insert("at".into(), json!(started / 1_000));
        fields.insert("what".into(), json!(what));
        Self { fields, started }
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field when there is a value.
    pub fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Writes the line, with the time it took. A closed pipe loses the line, never the request.
    pub fn write(self) {
        let took = moment::now_micros().saturating_sub(self.started);
        let fields = self.with("us", took).fields;
        let _ = writeln!(std::io::stdout().lock(), "{}", Value::Object(fields));
    }
}
