//! What every port must hold, whoever provides it: run on `memory` and, over the local cloud, on `chat-aws`. Each check
//! makes rooms, members and endpoints of its own, so it can be run again in the same world. It must not know a provider.
//! A check that fails panics: this file is for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clients;

pub use clients::{registering, telling, too_many};

use std::time::Duration;

use crate::base64url;
use crate::client::{Client, Endpoint, InstallId};
use crate::fanout::{Announcement, Hops, Work};
use crate::history::{LATE_MS, PageFrom, PageQuery, Slice};
use crate::message::{AuthorId, Draft, IdempotencyKey, Item, MARKER_S, MemberSecret, Message, MessageId, Post, Posted};
use crate::ports::{Messages, Queue, Queued, Rates, Rooms};
use crate::random;
use crate::rates::{AddressKey, Admission, Limit, Who};
use crate::room::{OperatorKey, RoomHash, RoomRecord};
use crate::webpush::ReceiverKey;

/// A room of nobody else's.
#[must_use]
pub fn room(now_ms: i64) -> RoomRecord {
    RoomRecord::new(OperatorKey::generate().room("contract").hash(), "contract".parse().unwrap(), now_ms)
}

/// A member of nobody else's.
#[must_use]
pub fn author() -> AuthorId {
    MemberSecret::generate().author()
}

/// A subscription of a member in a room, at an endpoint of its own.
#[must_use]
pub fn client(room: &RoomRecord, author: &AuthorId, install: &str, now_ms: i64) -> Client {
    let url =
        format!("https://updates.push.services.mozilla.com/wpush/v2/{}", base64url::encode(random::bytes::<18>()));
    let endpoint = Endpoint::parse(&url).unwrap();
    Client {
        id: endpoint.client(),
        room: room.hash.clone(),
        author: author.clone(),
        install: InstallId::parse(install).unwrap(),
        endpoint,
        keys: ReceiverKey::generate().keys(),
        page: None,
        seen_at: now_ms,
    }
}

/// A post of a member, now.
#[must_use]
pub fn post(room: &RoomRecord, author: &AuthorId, key: &str, text: &str, now_ms: i64) -> Post {
    let message = Draft::new("Ann", text).unwrap().into_message(MessageId::random(now_ms), author.clone());
    Post {
        room: room.hash.clone(),
        message,
        key: IdempotencyKey::parse(key).unwrap(),
        expires: room.message_expires(now_ms),
        trace: false,
    }
}

/// `Rooms`: `known` was made before the check began.
pub async fn rooms(port: &impl Rooms, known: &RoomRecord, now_ms: i64) {
    assert_eq!(port.find(&known.hash, now_ms).await.unwrap().as_ref(), Some(known), "a room is found as it was made");
    assert_eq!(port.find(&room(now_ms).hash, now_ms).await.unwrap(), None, "an unknown room is no error");
    let key: AddressKey = port.address_key(now_ms).await.unwrap();
    assert_eq!(port.address_key(now_ms).await.unwrap(), key, "the key of addresses stays");
}

/// `Messages`: a message is stored once under its key.
pub async fn posting(port: &impl Messages, now_ms: i64) {
    let (room, ann, bob) = (room(now_ms), author(), author());
    let first = post(&room, &ann, "key 1", "Grüße, \"world\"\n\t\u{1F980}", now_ms);
    assert_eq!(port.marker(&room.hash, &ann, &first.key, now_ms).await.unwrap(), None, "no marker before the post");
    assert_eq!(port.post(&first).await.unwrap(), Posted::New(first.message.clone()), "a new post is stored");
    let again = post(&room, &ann, "key 1", &first.message.text, now_ms + 1_000);
    assert_eq!(
        port.post(&again).await.unwrap(),
        Posted::Known(first.message.clone()),
        "a repeated post gets the first answer"
    );
    let other = post(&room, &ann, "key 1", "another text", now_ms + 2_000);
    assert_eq!(port.post(&other).await.unwrap(), Posted::Mismatch, "a known key with another body is told apart");
    assert_eq!(
        port.marker(&room.hash, &ann, &first.key, now_ms).await.unwrap(),
        Some(first.marker()),
        "the marker is found"
    );
    let later = now_ms + (MARKER_S + 1) * 1_000;
    assert_eq!(
        port.marker(&room.hash, &ann, &first.key, later).await.unwrap(),
        None,
        "a marker is kept for seven days"
    );
    let bobs = post(&room, &bob, "key 1", "another text", now_ms + 3_000);
    assert_eq!(port.post(&bobs).await.unwrap(), Posted::New(bobs.message.clone()), "a key belongs to its author");
    let elsewhere = post(&self::room(now_ms), &ann, "key 1", "another text", now_ms + 4_000);
    assert_eq!(
        port.post(&elsewhere).await.unwrap(),
        Posted::New(elsewhere.message.clone()),
        "a key belongs to its room"
    );
    let all = read(port, &room.hash, MessageId::first_at(0), None, false, 10).await;
    assert_eq!(all, [Item::Message(first.message), Item::Message(bobs.message)], "what was refused is not stored");
}

/// `Messages`: slices and pages.
pub async fn reading(port: &impl Messages, now_ms: i64) {
    let (room, ann) = (room(now_ms), author());
    let began = now_ms - 100_000;
    let mut posted = Vec::<Message>::new();
    for n in 0..7 {
        let one = post(&room, &ann, &format!("{n}"), &format!("text {n}"), began + n * 1_000);
        assert!(matches!(port.post(&one).await.unwrap(), Posted::New(_)));
        posted.push(one.message);
    }
    let ids = |items: &[Item]| items.iter().map(Item::id).collect::<Vec<_>>();
    let id = |n: usize| posted[n].id;
    let start = MessageId::first_at(0);
    assert_eq!(ids(&read(port, &room.hash, start, None, false, 3).await), [id(0), id(1), id(2)], "oldest first");
    assert_eq!(ids(&read(port, &room.hash, start, None, true, 3).await), [id(6), id(5), id(4)], "newest first");
    assert_eq!(
        ids(&read(port, &room.hash, id(1), Some(id(4)), false, 9).await),
        [id(2), id(3)],
        "both ends are left out"
    );
    assert_eq!(
        ids(&read(port, &room.hash, id(1), Some(id(4)), true, 9).await),
        [id(3), id(2)],
        "from the other end too"
    );
    assert_eq!(read(port, &room.hash, id(6), None, false, 9).await, [], "nothing after the last");

    let newest = port.page(&room, &PageQuery::new(PageFrom::Newest, Some(3)), now_ms).await.unwrap();
    assert_eq!((ids(&newest.items), newest.more), (vec![id(4), id(5), id(6)], true), "the newest page, oldest first");
    let before = newest.before.expect("there are earlier ones");
    let earlier = port.page(&room, &PageQuery::new(PageFrom::Before(before), Some(4)), now_ms).await.unwrap();
    assert_eq!(
        (ids(&earlier.items), earlier.more, earlier.before),
        (vec![id(0), id(1), id(2), id(3)], false, None),
        "what came before"
    );

    let late = post(&room, &ann, "late", "late", now_ms - LATE_MS + 1_000);
    assert!(matches!(port.post(&late).await.unwrap(), Posted::New(_)));
    let caught_up = port.page(&room, &PageQuery::new(PageFrom::After(newest.after), None), now_ms).await.unwrap();
    assert_eq!(
        (ids(&caught_up.items), caught_up.more),
        (vec![late.message.id], false),
        "catching up from the newest page"
    );
}

async fn read(
    port: &impl Messages,
    room: &RoomHash,
    above: MessageId,
    below: Option<MessageId>,
    newest_first: bool,
    limit: usize,
) -> Vec<Item> {
    port.read(room, &Slice { above, below, newest_first, limit }).await.unwrap()
}

/// `Rates`: a window is full after its posts, the next is empty, and counts are apart.
pub async fn rates(port: &impl Rates, now_ms: i64) {
    let limit = Limit { posts: 3, window_s: 10 };
    let (room, ann, bob) = (room(now_ms), Who::member(&author()), Who::member(&author()));
    let now_ms = limit.window(now_ms) * 1_000 + 2_500;
    for n in 0..3 {
        assert_eq!(
            port.admit(&room.hash, &ann, &limit, now_ms).await.unwrap(),
            Admission::Admitted,
            "post {n} is admitted"
        );
    }
    let refused = Admission::Refused { retry_after_s: 8 };
    assert_eq!(port.admit(&room.hash, &ann, &limit, now_ms).await.unwrap(), refused, "a full window refuses");
    assert_eq!(port.admit(&room.hash, &ann, &limit, now_ms).await.unwrap(), refused, "and goes on refusing");
    assert_eq!(
        port.admit(&room.hash, &bob, &limit, now_ms).await.unwrap(),
        Admission::Admitted,
        "another member is counted apart"
    );
    let elsewhere = self::room(now_ms);
    assert_eq!(
        port.admit(&elsewhere.hash, &ann, &limit, now_ms).await.unwrap(),
        Admission::Admitted,
        "another room too"
    );
    assert_eq!(
        port.admit(&room.hash, &ann, &limit, now_ms + 8_000).await.unwrap(),
        Admission::Admitted,
        "the next window is empty"
    );
}

/// `Queue`: more work than one call of a queue takes, and as large as a message can be.
pub async fn queueing(port: &impl Queue, now_ms: i64) {
    let (room, ann) = (room(now_ms), author());
    let text = "\"\u{1F980}\n".repeat(1_365);
    let work: Vec<Queued> = (0..23)
        .map(|n| {
            let message = post(&room, &ann, &format!("{n}"), &text, now_ms).message;
            let announcement =
                Announcement { room: room.hash.clone(), room_name: None, message, hops: Hops::default(), hop: 0 };
            Queued { work: Work::Announce(announcement), delay: Duration::from_secs(n % 2) }
        })
        .collect();
    let results = port.send(work).await.unwrap();
    assert_eq!(results.len(), 23, "one result for each");
    assert!(results.iter().all(Result::is_ok), "all are taken");
    assert_eq!(port.send(Vec::new()).await.unwrap(), [], "nothing is no error");
}
