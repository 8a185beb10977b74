//! The body of a call, taken apart member by member: what nobody took is refused by its name, so that no
//! setting is ever accepted and then ignored.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bad_request;
use crate::{Refusal, Rest};

/// The members of a call's body that were not taken yet.
pub(super) struct Input {
    call: String,
    members: Map<String, Value>,
}

impl Input {
    /// Reads the body of a call.
    pub(super) fn read(call: &str, request: &Rest) -> Result<Self, Refusal> {
        let members = match request.body.is_empty() {
            true => Map::new(),
            false => match serde_json::from_slice(&request.body) {
                Ok(Value::Object(members)) => members,
                _ => return Err(bad_request("Invalid request body: not a JSON object")),
            },
        };
        let members = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Ok(Self { call: call.to_owned(), members })
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad_request(format!("Invalid value for {name}: not a string"))),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| bad_request(format!("{name} is a required parameter for {}", self.call)))
    }

    /// Takes a flag.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(bad_request(format!("Invalid value for {name}: not a boolean"))),
        }
    }

    /// Takes a whole number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.members.remove(name).map(|value| value.as_u64()) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(bad_request(format!("Invalid value for {name}: not a whole number"))),
        }
    }

    /// Takes a value as it is.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// Takes names and texts, such as tags.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        let Some(value) = self.members.remove(name) else { return Ok(None) };
        let texts = serde_json::from_value(value);
        texts.map(Some).map_err(|_| bad_request(format!("Invalid value for {name}: not names and strings")))
    }

    /// Takes a text that may only be one of those the local cloud has.
    pub(super) fn one_of(&mut self, name: &str, known: &[&str]) -> Result<Option<String>, Refusal> {
        match self.text(name)? {
            Some(text) if !known.contains(&text.as_str()) => {
                Err(Refusal::unsupported(format!("{name} {text} in API Gateway {}", self.call)))
            }
            text => Ok(text),
        }
    }

    /// Takes a flag that the local cloud only has switched off.
    pub(super) fn off(&mut self, name: &str) -> Result<(), Refusal> {
        match self.flag(name)? {
            Some(true) => Err(Refusal::unsupported(format!("{name} in API Gateway {}", self.call))),
            _ => Ok(()),
        }
    }

    /// Refuses what is left.
    pub(super) fn done(self) -> Result<(), Refusal> {
        let empty = |value: &Value| {
            matches!(value, Value::Object(map) if map.is_empty())
                || matches!(value, Value::Array(list) if list.is_empty())
        };
        match self.members.iter().find(|(_, value)| !empty(value)) {
            Some((name, _)) => Err(Refusal::unsupported(format!("{name} in API Gateway {}", self.call))),
            None => Ok(()),
        }
    }
}
