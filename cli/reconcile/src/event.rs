//! What a walk can tell: facts in the past tense, without formatting, enough to draw any face.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Id, Verb};

/// Something that happened in a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Event {
    /// A resource's turn came.
    #[serde(rename = "step.started")]
    StepStarted {
        /// Which.
        id: Id,
        /// What is done to it.
        change: Verb,
    },
    /// It waits for something that only time brings.
    #[serde(rename = "step.waiting")]
    Waiting {
        /// Which.
        id: Id,
        /// What it waits for.
        what: String,
        /// For how long it has.
        since_ms: u64,
    },
    /// Nothing broke, but it goes without something.
    #[serde(rename = "step.warned")]
    Warned {
        /// Which.
        id: Id,
        /// Without what, and why.
        what: String,
    },
    /// Its turn ended well.
    #[serde(rename = "step.done")]
    StepDone {
        /// Which.
        id: Id,
        /// What was done to it.
        change: Verb,
        /// How long it took.
        ms: u64,
    },
    /// Its turn failed.
    #[serde(rename = "step.failed")]
    StepFailed {
        /// Which.
        id: Id,
        /// What was to be done.
        change: Verb,
        /// How long it took.
        ms: u64,
        /// Why.
        why: String,
    },
}

/// Where events go.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;
