//! One resource's turn: the facts it may read and learn, where it tells, and the one way to wait.
use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{Event, Facts, Fault, Id, Result, Tell, settle};

/// Asks a walk to start nothing more. A clone is the same signal.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// From now on nothing new is started.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it was asked for.
    pub async fn wait(&self) {
        // The sender lives in self, so the channel can't close while we wait.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}

/// One resource's turn in a plan or a walk.
pub struct Visit {
    pub(crate) id: Id,
    pub(crate) facts: Facts,
    pub(crate) tell: Tell,
    pub(crate) stop: Stop,
    pub(crate) planning: bool,
}

impl Visit {
    /// A turn outside of any plan: to look at one resource, or to compare it in a test.
    pub fn alone(id: Id, facts: Facts) -> Self {
        Self { id, facts, tell: Arc::new(|_| {}), stop: Stop::default(), planning: false }
    }

    /// Whether this is the forecast, which may look by listing; in a walk each looks for itself.
    pub fn planning(&self) -> bool {
        self.planning
    }

    /// Keeps a value of this resource that only the cloud knows.
    pub fn learn(&self, name: &str, value: impl Into<String>) {
        self.facts.learn(&self.id, name, value.into());
    }

    /// Notes a value of this resource for who comes after the walk. No other resource rests on it, so that it may
    /// change without any other being looked at again.
    pub fn note(&self, name: &str, value: impl Into<String>) {
        self.facts.note(&self.id, name, value.into());
    }

    /// Says that nothing broke, but that the resource goes without something.
    pub fn warn(&self, what: impl Into<String>) {
        (self.tell)(Event::Warned { id: self.id.clone(), what: what.into() });
    }

    /// What another resource learned, where it did already: for diffs.
    pub fn known(&self, of: &Id, name: &str) -> Option<String> {
        self.facts.get(of, name)
    }

    /// What was noted of another resource.
    pub fn noted(&self, of: &Id, name: &str) -> Option<String> {
        self.facts.noted(of, name)
    }

    /// What a needed resource learned: for applying, when it must be known.
    pub fn fact(&self, of: &Id, name: &str) -> Result<String> {
        self.known(of, name).ok_or_else(|| Fault::new(format!("the {name} of {of} is not known")))
    }

    /// The one bounded wait: look, say what we wait for, look again, give up with a reason.
    /// `Ok(None)` and a passing fault are "not yet".
    pub async fn settle<T, F, L>(&self, what: &str, limit: Duration, look: L) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>> + Send,
        L: FnMut() -> F + Send,
        T: Send,
    {
        let bound = settle::Bound { what, first: settle::FIRST, longest: settle::LONGEST, limit };
        self.settle_within(bound, look).await
    }

    /// The same by trying to do something, with a first interval of its own.
    pub async fn settle_from<T, F, L>(&self, what: &str, first: Duration, limit: Duration, look: L) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>> + Send,
        L: FnMut() -> F + Send,
        T: Send,
    {
        let bound = settle::Bound { what, first, longest: settle::LONGEST_OF_TRIES, limit };
        self.settle_within(bound, look).await
    }

    async fn settle_within<T, F, L>(&self, bound: settle::Bound<'_>, look: L) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>> + Send,
        L: FnMut() -> F + Send,
        T: Send,
    {
        let what = bound.what;
        let waiting = |since: Duration| {
            let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            (self.tell)(Event::Waiting { id: self.id.clone(), what: what.to_owned(), since_ms });
        };
        settle::settle(bound, &self.stop, waiting, look).await
    }
}
