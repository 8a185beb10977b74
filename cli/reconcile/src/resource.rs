//! The one trait a kind of resource implements. Order, parallelism, replacement, waiting and
//! progress are not its business.
use std::{fmt, future::Future, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Change, Result, Visit};

/// The name of a resource within a stack, stable for ever: `kind/name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// `kind/name`.
    pub fn new(kind: &str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}/{name}"))
    }

    /// What sort of thing it is: `queue`.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(kind, _)| kind)
    }

    /// Its name within the kind: `new-messages`.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// The whole of it, `kind/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is kept true. The struct itself is what is wanted.
pub trait Resource: Send + Sync + 'static {
    /// What the cloud says it is.
    type Seen: Send + Sync + 'static;

    /// Its name in the stack.
    fn id(&self) -> Id;

    /// What must stand before it, and goes after it. By default nothing.
    fn needs(&self) -> Vec<Id> {
        Vec::new()
    }

    /// About how long it takes to make: the longest pole is started first.
    fn takes(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Every setting with the value it shall have, as its diff would show it: kept with a deploy, so that a later
    /// plan can tell what somebody else changed from what is wanted differently. What is not known yet is left out.
    fn wants(&self, _visit: &Visit) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What it costs those who use it to carry this change out, in a line; `None` where nothing is lost or paused.
    fn costs(&self, _change: &Change) -> Option<String> {
        None
    }

    /// Reads what is there; `None` is "not there". Something of that name that is not ours is an error.
    fn observe(&self, visit: &Visit) -> impl Future<Output = Result<Option<Self::Seen>>> + Send;

    /// Compares what was seen with what is wanted. Pure: it may read facts, nothing else.
    fn diff(&self, seen: Option<&Self::Seen>, visit: &Visit) -> Change;

    /// Makes it so. Safe to repeat after a crash at any of its calls.
    fn apply(
        &self,
        change: &Change,
        seen: Option<Self::Seen>,
        visit: &Visit,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Removes it. Safe to repeat.
    fn delete(&self, seen: Self::Seen, visit: &Visit) -> impl Future<Output = Result<()>> + Send;
}
