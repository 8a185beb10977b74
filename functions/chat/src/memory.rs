//! All ports in memory, for the tests of the handlers: everything that was asked of the world can be looked at, and
//! each port can be made to fail. It must not hold rules of the chat: `contract` runs on it as on the real ones.

mod ports;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::{Client, ClientId, Endpoint};
use crate::delivery::PushAnswer;
use crate::message::{AuthorId, IdempotencyKey, Item, Marker, MessageId};
use crate::notice::Notice;
use crate::ports::{PortError, PortResult, Queued};
use crate::rates::Who;
use crate::room::{RoomHash, RoomRecord};
use crate::webpush::vapid::{VapidHeaders, VapidKey};

/// Which port is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// `Rooms`.
    Rooms,
    /// `Messages`.
    Messages,
    /// `Rates`.
    Rates,
    /// `Clients`.
    Clients,
    /// `Queue`.
    Queue,
    /// `Secrets`.
    Secrets,
}

type MarkerKey = (RoomHash, AuthorId, IdempotencyKey);

/// The world in memory.
#[derive(Debug)]
pub struct Memory {
    world: Mutex<World>,
    vapid: Arc<VapidHeaders>,
}

#[derive(Debug, Default)]
struct World {
    rooms: BTreeMap<RoomHash, RoomRecord>,
    items: BTreeMap<(RoomHash, MessageId), Item>,
    markers: BTreeMap<MarkerKey, (Marker, i64)>,
    counts: BTreeMap<(RoomHash, Who, i64), u32>,
    clients: BTreeMap<(RoomHash, ClientId), Client>,
    queued: Vec<Queued>,
    sent: Vec<Notice>,
    answers: BTreeMap<String, PortResult<PushAnswer>>,
    broken: BTreeSet<Port>,
    unqueued: BTreeSet<usize>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        let vapid = VapidHeaders::new(VapidKey::generate(), "mailto:operator@example.org");
        Self { world: Mutex::default(), vapid: Arc::new(vapid) }
    }

    /// Makes a room, or changes its record.
    pub fn put_room(&self, record: RoomRecord) {
        self.world().rooms.insert(record.hash.clone(), record);
    }

    /// Puts an item into a history, as a write that was committed late would.
    pub fn put_item(&self, room: &RoomHash, item: Item) {
        self.world().items.insert((room.clone(), item.id()), item);
    }

    /// Makes every call of a port fail (a moment later it may work).
    pub fn break_port(&self, port: Port) {
        self.world().broken.insert(port);
    }

    /// Makes a port work again.
    pub fn mend_port(&self, port: Port) {
        self.world().broken.remove(&port);
    }

    /// What the push service of an endpoint answers from now on, instead of 201.
    pub fn answer_with(&self, endpoint: &Endpoint, answer: PortResult<PushAnswer>) {
        self.world().answers.insert(endpoint.as_str().to_owned(), answer);
    }

    /// Makes the queue refuse the work at these places of the next batch.
    pub fn refuse_queued(&self, places: impl IntoIterator<Item = usize>) {
        self.world().unqueued = places.into_iter().collect();
    }

    /// All items of a room.
    #[must_use]
    pub fn items(&self, room: &RoomHash) -> Vec<Item> {
        self.world().items.iter().filter(|((of, _), _)| of == room).map(|(_, item)| item.clone()).collect()
    }

    /// All clients of a room.
    #[must_use]
    pub fn clients(&self, room: &RoomHash) -> Vec<Client> {
        self.world().clients.iter().filter(|((of, _), _)| of == room).map(|(_, client)| client.clone()).collect()
    }

    /// Takes what is on the queue.
    #[must_use]
    pub fn take_queued(&self) -> Vec<Queued> {
        std::mem::take(&mut self.world().queued)
    }

    /// Takes what was sent to push services.
    #[must_use]
    pub fn take_sent(&self) -> Vec<Notice> {
        std::mem::take(&mut self.world().sent)
    }

    /// The key that clients subscribe with.
    #[must_use]
    pub fn vapid_public(&self) -> [u8; 65] {
        self.vapid.key().public()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, port: Port, act: impl FnOnce(&mut World) -> T) -> PortResult<T> {
        let mut world = self.world();
        if world.broken.contains(&port) {
            return Err(PortError::new(format!("{port:?} is broken"), true));
        }
        Ok(act(&mut world))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;
    use crate::ports::Rooms as _;
    use crate::ready::ready;

    const NOW: i64 = 1_767_323_045_678;

    #[test]
    fn the_ports_in_memory_hold_the_contract() {
        let memory = Memory::new();
        let room = contract::room(NOW);
        memory.put_room(room.clone());
        ready(async {
            contract::rooms(&memory, &room, NOW).await;
            contract::posting(&memory, NOW).await;
            contract::reading(&memory, NOW).await;
            contract::rates(&memory, NOW).await;
            contract::registering(&memory, NOW).await;
            contract::too_many(&memory, NOW).await;
            contract::telling(&memory, NOW).await;
            contract::queueing(&memory, NOW).await;
        });
    }

    #[test]
    fn a_broken_port_fails_until_it_is_mended() {
        let memory = Memory::new();
        let hash = contract::room(NOW).hash;
        memory.break_port(Port::Rooms);
        assert!(ready(memory.find(&hash, NOW)).unwrap_err().retryable);
        memory.mend_port(Port::Rooms);
        assert_eq!(ready(memory.find(&hash, NOW)), Ok(None));
    }
}
