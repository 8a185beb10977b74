//! A stack as it is kept: its state, its resources, its events, and what is pending of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluate::{Evaluated, Output};
use crate::Place;

/// So many events of a stack are kept.
const EVENTS_KEPT: usize = 400;
/// The kind of the stack itself, in its events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// A stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) source: Source,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Vec<Output>,
    pub(super) events: Vec<Event>,
    pub(super) on_failure: OnFailure,
    pub(super) created_at: i64,
    pub(super) updated_at: Option<i64>,
    pub(super) deleted_at: Option<i64>,
    pub(super) pending: Option<Pending>,
}

/// What a stack is made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) template: String,
    pub(super) description: Option<String>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
}

/// What becomes of a stack whose creation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OnFailure {
    /// It is rolled back: it can only be deleted then (A16).
    Rollback,
    /// It stays as it is.
    DoNothing,
    /// It is deleted.
    Delete,
}

/// What is to be done of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Pending {
    Create(Evaluated),
    /// What it is to be, and the resources that it had.
    Update {
        to: Evaluated,
        source: Source,
        from: Vec<Resource>,
    },
    /// Resources that stay where they are.
    Delete {
        retain: Vec<String>,
    },
    /// Resources that are not put back.
    ContinueRollback {
        skip: Vec<String>,
    },
}

/// A resource of a stack, as it was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) physical: String,
    pub(super) properties: Value,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) at: i64,
}

/// Something that happened to a stack or to a resource of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) logical: String,
    pub(super) physical: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) at: i64,
}

impl Stack {
    /// One that is not there yet, and now has this state.
    pub(super) fn new(name: &str, place: &Place, status: &str, now_ms: i64) -> Self {
        let id =
            format!("arn:aws:cloudformation:{}:{}:stack/{name}/{}", place.region, place.account, crate::random::uuid());
        let mut stack = Self {
            name: name.to_owned(),
            id,
            status: String::new(),
            reason: None,
            source: Source::default(),
            resources: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            on_failure: OnFailure::Rollback,
            created_at: now_ms,
            updated_at: None,
            deleted_at: None,
            pending: None,
        };
        stack.enter(status, Some("User Initiated"), now_ms);
        stack
    }

    /// Goes into a state, with an event of it.
    pub(super) fn enter(&mut self, status: &str, reason: Option<&str>, now_ms: i64) {
        status.clone_into(&mut self.status);
        self.reason = reason.filter(|reason| *reason != "User Initiated").map(str::to_owned);
        let (name, id) = (self.name.clone(), self.id.clone());
        self.happened((&name, &id, STACK), status, reason, now_ms);
    }

    /// An event of what has this logical and this physical name and this kind.
    pub(super) fn happened(
        &mut self,
        (logical, physical, kind): (&str, &str, &str),
        status: &str,
        reason: Option<&str>,
        now_ms: i64,
    ) {
        if self.events.len() >= EVENTS_KEPT {
            self.events.remove(0);
        }
        self.events.push(Event {
            id: crate::random::uuid(),
            logical: logical.to_owned(),
            physical: physical.to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            at: now_ms,
        });
    }

    /// Whether something is being done to it.
    pub(super) fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.status == "DELETE_COMPLETE"
    }

    /// Whether there was never more than a change set of it.
    pub(super) fn is_in_review(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }

    /// Its tags, as a list of keys and values.
    pub(super) fn tags(&self) -> Value {
        pairs(&self.source.tags, "Key", "Value")
    }
}

/// A map as a list of two members.
pub(super) fn pairs(map: &BTreeMap<String, String>, key: &str, value: &str) -> Value {
    map.iter().map(|(k, v)| json!({ key: k, value: v })).collect()
}
