//! Which clients are connected now, and how to wake them. The mailbox is the truth; this only rings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Door;

/// The live connections, one a client.
#[derive(Default)]
pub(super) struct Live {
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    last: u64,
    by_client: HashMap<String, Bell>,
}

/// How a connection is told something.
#[derive(Clone)]
struct Bell {
    number: u64,
    wake: Arc<Notify>,
    replaced: Arc<Notify>,
}

/// A connection's place among the live ones, until it is dropped.
pub(super) struct Seat {
    door: Arc<Door>,
    pub(super) uaid: String,
    bell: Bell,
}

impl Live {
    /// Wakes a client; says whether it is connected.
    pub(super) fn wake(&self, uaid: &str) -> bool {
        self.seats().by_client.get(uaid).map(|bell| bell.wake.notify_one()).is_some()
    }

    /// Whether a client is connected.
    pub(super) fn connected(&self, uaid: &str) -> bool {
        self.seats().by_client.contains_key(uaid)
    }

    /// How many clients are connected.
    pub(super) fn count(&self) -> usize {
        self.seats().by_client.len()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Seats a client; an older connection of the same client is told to leave. The new one wakes at once,
    /// for what the mailbox holds already.
    pub(super) fn take(door: &Arc<Door>, uaid: String) -> Self {
        let mut seats = door.live.seats();
        seats.last += 1;
        let bell = Bell { number: seats.last, wake: Arc::default(), replaced: Arc::default() };
        bell.wake.notify_one();
        if let Some(older) = seats.by_client.insert(uaid.clone(), bell.clone()) {
            older.replaced.notify_one();
        }
        drop(seats);
        Self { door: door.clone(), uaid, bell }
    }

    /// Ends when there is something to deliver.
    pub(super) async fn woken(&self) {
        self.bell.wake.notified().await;
    }

    /// Ends when a newer connection took this seat.
    pub(super) async fn replaced(&self) {
        self.bell.replaced.notified().await;
    }

    /// Wakes itself again, for the rest.
    pub(super) fn again(&self) {
        self.bell.wake.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.door.live.seats();
        if seats.by_client.get(&self.uaid).is_some_and(|bell| bell.number == self.bell.number) {
            seats.by_client.remove(&self.uaid);
        }
    }
}
