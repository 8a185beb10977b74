//! What a deploy made of every resource, in a form that is kept with it: so that the next plan can tell what was
//! changed outside from what is wanted differently now. Must not know why anything is wanted.

use std::collections::BTreeMap;

use reconcile::{Facts, Id, Stack};
use serde::{Deserialize, Serialize};

use crate::stack;

/// A longer value is kept as its digest.
const LONGEST: usize = 80;

/// By resource and field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Wants(BTreeMap<String, BTreeMap<String, String>>);

impl Wants {
    /// What this stack wants, as far as the facts say it.
    pub(super) fn of(stack: &Stack, facts: &Facts) -> Self {
        let fields =
            |fields: Vec<(String, String)>| fields.into_iter().map(|(name, value)| (name, kept(&value))).collect();
        Self(stack.wants(facts).into_iter().map(|(id, wants)| (id.to_string(), fields(wants))).collect())
    }

    /// The same after a deploy of code alone, of this stack of functions.
    pub(super) fn with_code_of(mut self, functions: &Stack, facts: &Facts) -> Self {
        for (function, fields) in Self::of(functions, facts).0 {
            let code = fields.into_iter().filter(|(name, _)| stack::CODE_FIELDS.contains(&name.as_str()));
            self.0.entry(function).or_default().extend(code);
        }
        self
    }

    /// Whether the resource was wanted at all.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.0.contains_key(id.as_str())
    }

    /// A field, as it is kept.
    pub(super) fn get(&self, id: &Id, field: &str) -> Option<&str> {
        self.0.get(id.as_str())?.get(field).map(String::as_str)
    }
}

/// A value as it is kept: short ones as they are, so that a person can read them.
pub(super) fn kept(value: &str) -> String {
    if value.len() <= LONGEST {
        return value.to_owned();
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    format!("{DIGEST}{}", chat::base64url::encode(&digest.as_ref()[..16]))
}

/// Whether a value can be read: neither long nor a digest.
pub(super) fn is_short(value: &str) -> bool {
    value.len() <= LONGEST && !value.starts_with(DIGEST)
}

const DIGEST: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_value_is_kept_as_it_is_and_a_long_one_by_its_digest() {
        assert_eq!(kept("256 MB"), "256 MB");
        let (one, two) = (kept(&"x".repeat(81)), kept(&"x".repeat(82)));
        assert!(is_short("256 MB") && !is_short(&one) && one != two && one.len() < 40, "{one}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let wants = Wants(BTreeMap::from([("queue/a".into(), BTreeMap::from([("retention".into(), "5 s".into())]))]));
        let text = serde_json::to_string(&wants).unwrap();
        assert_eq!(text, r#"{"queue/a":{"retention":"5 s"}}"#);
        assert_eq!(serde_json::from_str::<Wants>(&text).unwrap(), wants);
    }
}
