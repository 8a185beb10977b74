//! What can go wrong in a plan or a walk. What a resource's call failed with is carried, not understood.
use std::{fmt, time::Duration};

use crate::{Id, Verb};

/// What a resource's own code fails with.
#[derive(Debug)]
pub struct Fault {
    source: Box<dyn std::error::Error + Send + Sync>,
    waited: Option<Duration>,
    passing: bool,
    denied: bool,
    stopped: bool,
    stranger: bool,
    next: Option<String>,
}

impl Fault {
    /// A failure that stays.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self { source, waited: None, passing: false, denied: false, stopped: false, stranger: false, next: None }
    }

    /// One that is known to pass: a settle looks again, and quotes it when it gives up.
    pub fn passing(mut self, passing: bool) -> Self {
        self.passing = passing;
        self
    }

    /// One of credentials or permissions.
    pub fn denied(mut self, denied: bool) -> Self {
        self.denied = denied;
        self
    }

    /// One of meeting somebody else's thing in the place of ours.
    pub fn stranger(mut self) -> Self {
        self.stranger = true;
        self
    }

    /// Whether somebody else's thing was met.
    pub fn is_stranger(&self) -> bool {
        self.stranger
    }

    /// What to type next.
    pub fn with_next(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }

    pub(crate) fn stopped() -> Self {
        Self { stopped: true, ..Self::new("stopped while waiting") }
    }

    pub(crate) fn after(mut self, waited: Duration) -> Self {
        self.waited = Some(waited);
        self
    }

    /// Whether it is known to pass.
    pub fn is_passing(&self) -> bool {
        self.passing
    }

    /// Whether credentials or permissions are missing.
    pub fn is_denied(&self) -> bool {
        self.denied
    }

    /// Whether it is only the stop signal.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What to type next, where the resource knows.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// What the resource's code failed with.
    pub fn get_ref(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self.source.as_ref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match self.waited {
            Some(waited) => write!(f, " after {} s of waiting", waited.as_secs()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {
    /// What stands behind the carried error, whose own words are the fault's already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

/// One resource whose turn failed.
#[derive(Debug)]
pub struct Failed {
    /// Which.
    pub id: Id,
    /// What was to be done; `None` while it was only looked at.
    pub verb: Option<Verb>,
    /// Why it was not.
    pub fault: Fault,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.id.kind(), self.id.name());
        match self.verb {
            // The rest of the sentence is in the fault.
            None if self.fault.stranger => write!(f, "the {kind} in the place of {name} is a stranger's"),
            verb => write!(f, "cannot {} {kind} {name}", verb.map_or("read", Verb::as_str)),
        }
    }
}

/// What a stack, a plan or a walk fails with.
#[derive(Debug)]
pub enum Error {
    /// Resources that wait for each other: a mistake in the stack.
    Cycle(Vec<Id>),
    /// A need that is not in the stack: a mistake in the stack.
    UnknownNeed {
        /// Who needs it.
        id: Id,
        /// What is missing.
        need: Id,
    },
    /// Two resources of one id: a mistake in the stack.
    Twice(Id),
    /// At least one resource's turn failed; the rest of what was in flight was let finish.
    Failed {
        /// The failures, the first one first; never empty.
        failed: Vec<Failed>,
        /// What was not started.
        left: Vec<Id>,
    },
    /// Since the plan, the world changed so that this step would take something away.
    Surprise {
        /// Which.
        id: Id,
        /// What the plan said.
        planned: Verb,
        /// What would be done now.
        now: Verb,
        /// What was not started.
        left: Vec<Id>,
    },
    /// The stop signal came; what was in flight was let finish.
    Stopped {
        /// What was not done.
        left: Vec<Id>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(ids) => write!(f, "resources wait for each other: {}", list(ids)),
            Self::UnknownNeed { id, need } => write!(f, "{id} needs {need}, which is not in the stack"),
            Self::Twice(id) => write!(f, "two resources are called {id}"),
            Self::Failed { failed, .. } => match failed.as_slice() {
                [] => f.write_str("nothing failed"),
                [only] => write!(f, "{only}"),
                [first, rest @ ..] => write!(f, "{first} (and {} more failed)", rest.len()),
            },
            Self::Surprise { id, planned, now, .. } => {
                write!(f, "{id} would now be {}, the plan said {planned}", past(*now))
            }
            Self::Stopped { left } => write!(f, "stopped; not done: {}", list(left)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed { failed, .. } => failed.first().map(|first| &first.fault as _),
            _ => None,
        }
    }
}

impl Error {
    /// Why, in the words of the call that failed.
    pub fn why(&self) -> Option<String> {
        let Self::Failed { failed, .. } = self else { return None };
        let reasons = failed.iter().filter(|one| !one.fault.is_stopped()).map(|one| match failed.len() {
            1 => one.fault.to_string(),
            _ => format!("{}: {}", one.id, one.fault),
        });
        Some(reasons.collect::<Vec<_>>().join("; "))
    }

    /// What to type next, where the resource knows.
    pub fn next(&self) -> Option<String> {
        let Self::Failed { failed, .. } = self else { return None };
        failed.iter().find_map(|one| one.fault.next().map(str::to_owned))
    }

    /// Whether credentials or permissions are missing.
    pub fn denied(&self) -> bool {
        matches!(self, Self::Failed { failed, .. } if failed.iter().any(|one| one.fault.is_denied()))
    }

    /// Whether it is only the stop signal.
    pub fn stopped(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// What was not done.
    pub fn left(&self) -> &[Id] {
        match self {
            Self::Failed { left, .. } | Self::Surprise { left, .. } | Self::Stopped { left } => left,
            _ => &[],
        }
    }
}

fn list(ids: &[Id]) -> String {
    ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Keep => "kept",
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Replace => "replaced",
        Verb::Delete => "deleted",
        Verb::Refuse => "refused",
    }
}
