//! Event source mappings at work: each has a task that reads its source and calls its function, until it is changed,
//! switched off or removed. Knows queues and streams by their calls only.

mod batch;
pub(crate) mod filter;
mod flights;
mod given_up;
pub(crate) mod mapping;
mod pieces;
pub(crate) mod queue;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::Cloud;
use mapping::{Kind, Mapping};

/// How a mapping stands, as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) state: String,
    pub(crate) result: String,
}

/// The mappings that are at work.
#[derive(Default)]
pub(crate) struct Sources {
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    wanted: watch::Sender<Option<Arc<Mapping>>>,
    shown: Arc<Mutex<Shown>>,
    /// Kept and shown, but not carried out.
    idle: bool,
}

impl Sources {
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a mapping to work.
    pub(crate) fn start(&self, cloud: &Arc<Cloud>, mapping: Mapping) {
        let uuid = mapping.uuid.clone();
        let idle = !cloud.runs;
        let state = if idle { at_rest(&mapping) } else { "Creating" };
        let shown = Shown { state: state.to_owned(), result: "No records processed".to_owned() };
        let shown = Arc::new(Mutex::new(shown));
        let (wanted, receiver) = watch::channel(Some(Arc::new(mapping)));
        self.running().insert(uuid.clone(), Running { wanted, shown: Arc::clone(&shown), idle });
        if idle {
            return;
        }
        let turn = Turn { cloud: Arc::clone(cloud), uuid, wanted: receiver, shown };
        tokio::spawn(drive(turn));
    }

    /// Lets a mapping go on with other settings.
    pub(crate) fn change(&self, mapping: Mapping) {
        if let Some(running) = self.running().get(&mapping.uuid) {
            let state = match mapping.enabled {
                _ if running.idle => at_rest(&mapping),
                true => "Updating",
                false => "Disabling",
            };
            running.shown.lock().unwrap_or_else(PoisonError::into_inner).state = state.to_owned();
            running.wanted.send_replace(Some(Arc::new(mapping)));
        }
    }

    /// Ends a mapping's work, after what it does now.
    pub(crate) fn end(&self, uuid: &str) {
        if let Some(running) = self.running().remove(uuid) {
            running.wanted.send_replace(None);
        }
    }

    /// How a mapping stands.
    pub(crate) fn shown(&self, uuid: &str) -> Shown {
        let running = self.running();
        let shown = running.get(uuid).map(|one| one.shown.lock().unwrap_or_else(PoisonError::into_inner).clone());
        shown.unwrap_or_else(|| Shown { state: "Deleting".to_owned(), result: String::new() })
    }
}

/// The state of a mapping that nothing changes any more.
fn at_rest(mapping: &Mapping) -> &'static str {
    if mapping.enabled { "Enabled" } else { "Disabled" }
}

/// What a mapping's task works with.
#[derive(Clone)]
struct Turn {
    cloud: Arc<Cloud>,
    uuid: String,
    wanted: watch::Receiver<Option<Arc<Mapping>>>,
    shown: Arc<Mutex<Shown>>,
}

impl Turn {
    /// Whether the mapping is wanted otherwise than when this turn began.
    fn over(&self) -> bool {
        self.wanted.has_changed().unwrap_or(true)
    }

    /// Waits until the mapping is wanted otherwise.
    async fn until_over(&mut self) {
        if !self.over() {
            let _ = self.wanted.changed().await;
            self.wanted.mark_changed();
        }
    }

    /// Waits, but not longer than the mapping is wanted as it is.
    async fn pause(&mut self, length: Duration) {
        let _ = tokio::time::timeout(length, self.until_over()).await;
    }

    /// Keeps what the last work came to.
    fn tell(&self, result: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.result != result {
            shown.result = result.to_owned();
        }
    }

    fn stands(&self, state: &str) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).state = state.to_owned();
    }
}

/// A mapping's life.
async fn drive(mut turn: Turn) {
    let mut stop = turn.cloud.stop.subscribe();
    tokio::select! {
        () = turns(&mut turn) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn turns(turn: &mut Turn) {
    loop {
        let wanted = turn.wanted.borrow_and_update().clone();
        let Some(mapping) = wanted else {
            stream::forget(&turn.cloud, &turn.uuid);
            return;
        };
        if !mapping.enabled {
            turn.stands("Disabled");
            turn.until_over().await;
            continue;
        }
        turn.stands("Enabled");
        match mapping.kind() {
            Some(Kind::Stream) => stream::run(turn, &mapping).await,
            Some(Kind::Queue) => queue::run(turn, &mapping).await,
            None => turn.until_over().await,
        }
    }
}
