//! Reading a call's JSON: members by name and kind, each refused by its name when it is of the wrong kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusals;
use crate::wire::Refusal;

/// The JSON object of a request.
#[derive(Debug, Default)]
pub(super) struct Input(Map<String, Value>);

impl Input {
    /// Reads a body; an empty one is an empty object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(refusals::bad_content("the body is not a JSON object")),
            Err(error) => Err(refusals::bad_content(format!("Could not parse request body into json: {error}"))),
        }
    }

    /// Refuses members that the call, as it is implemented here, does not have.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        match self.0.iter().find(|(name, value)| !known.contains(&name.as_str()) && !empty(value)) {
            Some((name, _)) => Err(refusals::unsupported(name)),
            None => Ok(()),
        }
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, if given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| wrong(name, "a string"))).transpose()
    }

    /// A text that the call needs.
    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| refusals::invalid(format!("{name} is missing")))
    }

    /// A whole number in a range, if given.
    pub(super) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| wrong(name, "a whole number"))?;
        if (least..=most).contains(&number) {
            return Ok(Some(number));
        }
        Err(refusals::invalid(format!("{name} is {number}; it must be between {least} and {most}")))
    }

    /// A flag, if given.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "true or false"))).transpose()
    }

    /// A map of texts, if given.
    pub(super) fn texts(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        self.get(name)
            .map(|value| serde_json::from_value(value.clone()).map_err(|_| wrong(name, "a map of strings")))
            .transpose()
    }

    /// A list of texts, if given.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        self.get(name)
            .map(|value| serde_json::from_value(value.clone()).map_err(|_| wrong(name, "a list of strings")))
            .transpose()
    }

    /// A member of an object member, if given.
    pub(super) fn within(&self, name: &str, member: &str) -> Option<&Value> {
        self.get(name)?.get(member).filter(|value| !value.is_null())
    }

    /// Refuses a revision that is not the current one.
    pub(super) fn check_revision(&self, current: &str) -> Result<(), Refusal> {
        match self.text("RevisionId")? {
            Some(asked) if asked != current => Err(refusals::stale()),
            _ => Ok(()),
        }
    }
}

fn wrong(name: &str, kind: &str) -> Refusal {
    refusals::bad_content(format!("{name} is not {kind}"))
}
