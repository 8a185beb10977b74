//! What a store of clients must hold. It must not know a provider.

use super::{author, client, room};
use crate::client::{CLIENT_S, CLIENTS_A_MEMBER, Client, REFRESH_MS, Registered};
use crate::ports::Clients;
use crate::room::RoomRecord;
use crate::webpush::ReceiverKey;

/// `Clients`: registration.
pub async fn registering(port: &impl Clients, now_ms: i64) {
    let (room, ann, bob) = (room(now_ms), author(), author());
    let first = client(&room, &ann, "install-1", now_ms);
    assert_eq!(port.register(&room, &first).await.unwrap(), Registered::New, "a new subscription");
    assert_eq!(everyone(port, &room, now_ms).await, std::slice::from_ref(&first), "it is kept as it was given");
    let soon = Client { seen_at: now_ms + 60_000, ..first.clone() };
    assert_eq!(port.register(&room, &soon).await.unwrap(), Registered::Known, "the same again is known");
    assert_eq!(everyone(port, &room, now_ms).await[0].seen_at, now_ms, "and not written again within a day");
    let next_day = Client { seen_at: now_ms + REFRESH_MS, ..first.clone() };
    assert_eq!(port.register(&room, &next_day).await.unwrap(), Registered::Known);
    assert_eq!(everyone(port, &room, now_ms).await[0].seen_at, next_day.seen_at, "a day later its life is prolonged");
    let rekeyed = Client { keys: ReceiverKey::generate().keys(), ..next_day };
    assert_eq!(port.register(&room, &rekeyed).await.unwrap(), Registered::Known);
    assert_eq!(everyone(port, &room, now_ms).await, std::slice::from_ref(&rekeyed), "other keys are written at once");
    let rotated = client(&room, &ann, "install-1", now_ms);
    assert_eq!(port.register(&room, &rotated).await.unwrap(), Registered::New, "a rotated endpoint is new");
    assert_eq!(
        everyone(port, &room, now_ms).await,
        std::slice::from_ref(&rotated),
        "and replaces its install's old one"
    );
    let bobs = client(&room, &bob, "install-1", now_ms);
    assert_eq!(port.register(&room, &bobs).await.unwrap(), Registered::New);
    assert_eq!(everyone(port, &room, now_ms).await.len(), 2, "the same install of another member replaces nothing");
    let over = now_ms + (CLIENT_S + 1) * 1_000;
    assert_eq!(everyone(port, &room, over).await, [], "after sixty days it is no longer told");
}

/// `Clients`: the bound for a member.
pub async fn too_many(port: &impl Clients, now_ms: i64) {
    let (room, ann) = (room(now_ms), author());
    for n in 0..CLIENTS_A_MEMBER {
        let one = client(&room, &ann, &format!("install-{n}"), now_ms);
        assert_eq!(port.register(&room, &one).await.unwrap(), Registered::New, "subscription {n}");
    }
    let more = client(&room, &ann, "one-too-many", now_ms);
    assert_eq!(port.register(&room, &more).await.unwrap(), Registered::TooMany, "one too many is refused");
    let rotated = client(&room, &ann, "install-3", now_ms);
    assert_eq!(port.register(&room, &rotated).await.unwrap(), Registered::New, "a rotated endpoint still replaces");
    assert_eq!(everyone(port, &room, now_ms).await.len(), CLIENTS_A_MEMBER);
    port.leave(&room, &rotated.id).await.unwrap();
    assert_eq!(port.register(&room, &more).await.unwrap(), Registered::New, "who leaves makes room");
}

/// `Clients`: lists, look-ups and removals.
pub async fn telling(port: &impl Clients, now_ms: i64) {
    let (room, elsewhere) = (room(now_ms), super::room(now_ms));
    let mut all = Vec::new();
    for n in 0..23 {
        let one = client(&room, &author(), &format!("install-{n}"), now_ms);
        port.register(&room, &one).await.unwrap();
        all.push(one);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(everyone(port, &room, now_ms).await, all, "each client is in exactly one shard, and listed once");
    let missing = client(&room, &author(), "not-there", now_ms);
    let mut found = port.get(&room, &[all[4].id.clone(), missing.id.clone(), all[9].id.clone()], now_ms).await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, [all[4].clone(), all[9].clone()], "those that are there are found");
    assert_eq!(port.get(&elsewhere, &[all[4].id.clone()], now_ms).await.unwrap(), [], "not in another room");
    port.leave(&room, &missing.id).await.unwrap();

    let twice = Client { room: elsewhere.hash.clone(), ..all[4].clone() };
    assert_eq!(port.register(&elsewhere, &twice).await.unwrap(), Registered::New, "one endpoint in two rooms");
    port.leave(&elsewhere, &twice.id).await.unwrap();
    assert_eq!(everyone(port, &room, now_ms).await.len(), 23, "leaving one room is not leaving the other");
    assert_eq!(port.register(&elsewhere, &twice).await.unwrap(), Registered::New);
    let renewed = Client { keys: ReceiverKey::generate().keys(), ..all[4].clone() };
    port.forget(&renewed).await.unwrap();
    assert_eq!(everyone(port, &room, now_ms).await.len(), 23, "other keys: it was renewed meanwhile and stays");
    port.forget(&all[4]).await.unwrap();
    assert_eq!(everyone(port, &room, now_ms).await.len(), 22, "one that is gone is removed");
    assert_eq!(everyone(port, &elsewhere, now_ms).await, [], "from every room");
}

async fn everyone(port: &impl Clients, room: &RoomRecord, now_ms: i64) -> Vec<Client> {
    let mut all = Vec::new();
    for shard in 0..room.shards {
        let mut from = None;
        loop {
            let some = port.list(room, shard, from.as_ref(), 2, now_ms).await.unwrap();
            assert!(some.clients.len() <= 2, "never more than asked for");
            all.extend(some.clients);
            from = some.next;
            if from.is_none() {
                break;
            }
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}
