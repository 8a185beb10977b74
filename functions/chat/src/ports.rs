//! What the chat needs of the world, one trait a capability. It must not know who provides it: `memory` does in
//! tests, `chat-aws` in the functions, and `contract` says what both must hold.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, ClientId, Registered};
use crate::delivery::PushAnswer;
use crate::fanout::Work;
use crate::history::{Page, PageQuery, Slice};
use crate::message::{AuthorId, IdempotencyKey, Item, Marker, Post, Posted};
use crate::notice::Notice;
use crate::rates::{AddressKey, Admission, Limit, Who};
use crate::room::{RoomHash, RoomRecord};
use crate::webpush::vapid::VapidHeaders;

/// Something that the chat needs did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct PortError {
    /// What failed and why, for the log.
    pub what: String,
    /// Whether the same may work a moment later.
    pub retryable: bool,
}

impl PortError {
    /// What failed, and whether it may work later.
    pub fn new(what: impl Into<String>, retryable: bool) -> Self {
        Self { what: what.into(), retryable }
    }
}

/// The result of a port.
pub type PortResult<T> = Result<T, PortError>;

/// Which rooms there are. An answer may be as old as `room::RECORD_CACHE_MS`.
pub trait Rooms: Send + Sync {
    /// The record of a room.
    fn find(&self, room: &RoomHash, now_ms: i64) -> impl Future<Output = PortResult<Option<RoomRecord>>> + Send;
    /// The stage's key for hashing addresses.
    fn address_key(&self, now_ms: i64) -> impl Future<Output = PortResult<AddressKey>> + Send;
}

/// The messages of all rooms.
pub trait Messages: Send + Sync {
    /// Stores a message and its marker in one transaction, unless there is a marker: then what the marker answers.
    fn post(&self, post: &Post) -> impl Future<Output = PortResult<Posted>> + Send;
    /// What is remembered under a key, unless it has expired.
    fn marker(
        &self,
        room: &RoomHash,
        author: &AuthorId,
        key: &IdempotencyKey,
        now_ms: i64,
    ) -> impl Future<Output = PortResult<Option<Marker>>> + Send;
    /// The items of a slice, in its order; fewer than its limit only when there are no more.
    fn read(&self, room: &RoomHash, slice: &Slice) -> impl Future<Output = PortResult<Vec<Item>>> + Send;
    /// A page of a room's history.
    fn page(&self, room: &RoomRecord, query: &PageQuery, now_ms: i64) -> impl Future<Output = PortResult<Page>> + Send {
        async move { Ok(query.page(room, self.read(&room.hash, &query.slice(room, now_ms)).await?, now_ms)) }
    }
}

/// How much was posted lately.
pub trait Rates: Send + Sync {
    /// Counts one post in the window of now, unless it is full.
    fn admit(
        &self,
        room: &RoomHash,
        who: &Who,
        limit: &Limit,
        now_ms: i64,
    ) -> impl Future<Output = PortResult<Admission>> + Send;
}

/// Some of the clients of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientList {
    /// In the order of their ids.
    pub clients: Vec<Client>,
    /// The last id that was looked at, if there are more after it.
    pub next: Option<ClientId>,
}

/// The clients of all rooms.
pub trait Clients: Send + Sync {
    /// Keeps a client. The same endpoint again is known (and written again only when `Client::outdated_by` says
    /// so); another endpoint of the same member's install in this room replaces the old one; more than
    /// `client::CLIENTS_A_MEMBER` of a member in a room are refused. Expired ones do not count.
    fn register(&self, room: &RoomRecord, client: &Client) -> impl Future<Output = PortResult<Registered>> + Send;
    /// Removes a client from one room; it is no error if it is not there.
    fn leave(&self, room: &RoomRecord, id: &ClientId) -> impl Future<Output = PortResult<()>> + Send;
    /// Removes a client whose subscription is over from every room, unless it was renewed with other keys meanwhile.
    fn forget(&self, client: &Client) -> impl Future<Output = PortResult<()>> + Send;
    /// The live clients of a shard after an id, at most `limit`.
    fn list(
        &self,
        room: &RoomRecord,
        shard: u16,
        from: Option<&ClientId>,
        limit: usize,
        now_ms: i64,
    ) -> impl Future<Output = PortResult<ClientList>> + Send;
    /// Those of these clients that are live in the room.
    fn get(
        &self,
        room: &RoomRecord,
        ids: &[ClientId],
        now_ms: i64,
    ) -> impl Future<Output = PortResult<Vec<Client>>> + Send;
}

/// Work that is to be put on the queue, to be seen after a delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// What is to be done.
    pub work: Work,
    /// Not before.
    pub delay: Duration,
}

/// The queue of new messages.
pub trait Queue: Send + Sync {
    /// Puts work on the queue: one result for each, in the same order.
    fn send(&self, work: Vec<Queued>) -> impl Future<Output = PortResult<Vec<PortResult<()>>>> + Send;
}

/// The way to the push services.
pub trait PushGate: Send + Sync {
    /// Sends one notice; an error means that there was no answer.
    fn send(&self, notice: &Notice) -> impl Future<Output = PortResult<PushAnswer>> + Send;
}

/// The stage's secrets.
pub trait Secrets: Send + Sync {
    /// Signs for push services.
    fn vapid(&self, now_ms: i64) -> impl Future<Output = PortResult<Arc<VapidHeaders>>> + Send;
}
