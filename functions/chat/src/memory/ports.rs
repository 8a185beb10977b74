//! The ports in memory, one after the other. It must not hold what tests look at: that is `memory`'s.

use std::future::Future;
use std::sync::Arc;

use super::{Memory, Port};
use crate::client::{CLIENTS_A_MEMBER, Client, ClientId, Registered};
use crate::delivery::PushAnswer;
use crate::history::Slice;
use crate::message::{AuthorId, IdempotencyKey, Item, Marker, MessageId, Post, Posted};
use crate::notice::Notice;
use crate::ports::{
    ClientList, Clients, Messages, PortError, PortResult, PushGate, Queue, Queued, Rates, Rooms, Secrets,
};
use crate::rates::{AddressKey, Admission, Limit, Who};
use crate::room::{RoomHash, RoomRecord};
use crate::webpush::vapid::VapidHeaders;

impl Rooms for Memory {
    async fn find(&self, room: &RoomHash, _now_ms: i64) -> PortResult<Option<RoomRecord>> {
        self.with(Port::Rooms, |world| world.rooms.get(room).cloned())
    }

    async fn address_key(&self, _now_ms: i64) -> PortResult<AddressKey> {
        self.with(Port::Rooms, |_| AddressKey::from_bytes([42; 32]))
    }
}

impl Messages for Memory {
    async fn post(&self, post: &Post) -> PortResult<Posted> {
        self.with(Port::Messages, |world| {
            let key = (post.room.clone(), post.message.author.clone(), post.key.clone());
            match world.markers.get(&key) {
                Some((marker, expires)) if *expires > post.message.at_ms / 1_000 => marker.answer(&post.message),
                _ => {
                    world.markers.insert(key, (post.marker(), post.marker_expires()));
                    world.items.insert((post.room.clone(), post.message.id), Item::Message(post.message.clone()));
                    Posted::New(post.message.clone())
                }
            }
        })
    }

    async fn marker(
        &self,
        room: &RoomHash,
        author: &AuthorId,
        key: &IdempotencyKey,
        now_ms: i64,
    ) -> PortResult<Option<Marker>> {
        self.with(Port::Messages, |world| {
            let (marker, expires) = world.markers.get(&(room.clone(), author.clone(), key.clone()))?;
            (*expires > now_ms / 1_000).then(|| marker.clone())
        })
    }

    async fn read(&self, room: &RoomHash, slice: &Slice) -> PortResult<Vec<Item>> {
        self.with(Port::Messages, |world| {
            let inside = |id: &MessageId| *id > slice.above && slice.below.is_none_or(|below| *id < below);
            let found =
                world.items.iter().filter(|((of, id), _)| of == room && inside(id)).map(|(_, item)| item.clone());
            if slice.newest_first { found.rev().take(slice.limit).collect() } else { found.take(slice.limit).collect() }
        })
    }
}

impl Rates for Memory {
    async fn admit(&self, room: &RoomHash, who: &Who, limit: &Limit, now_ms: i64) -> PortResult<Admission> {
        self.with(Port::Rates, |world| {
            let count = world.counts.entry((room.clone(), who.clone(), limit.window(now_ms))).or_default();
            if *count >= limit.posts {
                return Admission::Refused { retry_after_s: limit.retry_after_s(now_ms) };
            }
            *count += 1;
            Admission::Admitted
        })
    }
}

impl Clients for Memory {
    async fn register(&self, room: &RoomRecord, client: &Client) -> PortResult<Registered> {
        self.with(Port::Clients, |world| {
            let place = (room.hash.clone(), client.id.clone());
            let known = world.clients.get(&place).filter(|known| known.live(client.seen_at)).cloned();
            if let Some(known) = &known
                && known.author == client.author
            {
                if known.outdated_by(client) {
                    world.clients.insert(place, client.clone());
                }
                return Registered::Known;
            }
            let of_member =
                |other: &Client| other.room == room.hash && other.author == client.author && other.id != client.id;
            let others = world
                .clients
                .values()
                .filter(|other| of_member(other) && other.install != client.install && other.live(client.seen_at));
            if others.count() >= CLIENTS_A_MEMBER {
                return Registered::TooMany;
            }
            world.clients.retain(|_, other| !(of_member(other) && other.install == client.install));
            world.clients.insert(place, client.clone());
            if known.is_some() { Registered::Known } else { Registered::New }
        })
    }

    async fn leave(&self, room: &RoomRecord, id: &ClientId) -> PortResult<()> {
        self.with(Port::Clients, |world| {
            world.clients.remove(&(room.hash.clone(), id.clone()));
        })
    }

    async fn forget(&self, client: &Client) -> PortResult<()> {
        self.with(Port::Clients, |world| {
            world.clients.retain(|_, other| other.id != client.id || other.keys != client.keys)
        })
    }

    async fn list(
        &self,
        room: &RoomRecord,
        shard: u16,
        from: Option<&ClientId>,
        limit: usize,
        now_ms: i64,
    ) -> PortResult<ClientList> {
        self.with(Port::Clients, |world| {
            let mut clients: Vec<Client> = world
                .clients
                .values()
                .filter(|client| client.room == room.hash && client.id.shard(room.shards) == shard)
                .filter(|client| from.is_none_or(|from| client.id > *from) && client.live(now_ms))
                .take(limit.saturating_add(1))
                .cloned()
                .collect();
            let more = clients.len() > limit;
            clients.truncate(limit);
            let next = clients.last().filter(|_| more).map(|last| last.id.clone());
            ClientList { clients, next }
        })
    }

    async fn get(&self, room: &RoomRecord, ids: &[ClientId], now_ms: i64) -> PortResult<Vec<Client>> {
        self.with(Port::Clients, |world| {
            let found = ids.iter().filter_map(|id| world.clients.get(&(room.hash.clone(), id.clone())));
            found.filter(|client| client.live(now_ms)).cloned().collect()
        })
    }
}

impl Queue for Memory {
    async fn send(&self, work: Vec<Queued>) -> PortResult<Vec<PortResult<()>>> {
        self.with(Port::Queue, |world| {
            let refused = std::mem::take(&mut world.unqueued);
            let each = work.into_iter().enumerate().map(|(place, work)| {
                if refused.contains(&place) {
                    return Err(PortError::new("the queue refused it", true));
                }
                world.queued.push(work);
                Ok(())
            });
            each.collect()
        })
    }
}

impl PushGate for Memory {
    fn send(&self, notice: &Notice) -> impl Future<Output = PortResult<PushAnswer>> + Send {
        let mut world = self.world();
        world.sent.push(notice.clone());
        let answer = world.answers.get(notice.endpoint.as_str()).cloned();
        std::future::ready(answer.unwrap_or(Ok(PushAnswer { status: 201, retry_after: None })))
    }
}

impl Secrets for Memory {
    async fn vapid(&self, _now_ms: i64) -> PortResult<Arc<VapidHeaders>> {
        self.with(Port::Secrets, |_| Arc::clone(&self.vapid))
    }
}
