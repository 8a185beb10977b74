//! Tests of `notice`.

use super::*;
use crate::contract;
use crate::webpush::{PLAINTEXT_MAX, ReceiverKey};

const NOW: i64 = 1_767_323_045_678;

fn announcement(text: &str) -> (Announcement, RoomName) {
    let room = contract::room(NOW);
    let message = contract::post(&room, &contract::author(), "k", text, NOW).message;
    (Announcement { room: room.hash, room_name: None, message, hops: Hops::default(), hop: 0 }, room.name)
}

fn payload(text: &str) -> Payload {
    let (announcement, name) = announcement(text);
    Payload::message(&announcement, &name)
}

fn text_of(payload: &Payload) -> (&str, bool) {
    match &payload.content {
        Content::Message { text, more, .. } => (text, *more),
        Content::Test { .. } => panic!("a message was sent"),
    }
}

#[test]
fn a_payload_has_the_fields_that_pages_read() {
    let (announcement, name) = announcement("hi");
    let json: Value = serde_json::from_slice(&Payload::message(&announcement, &name).plain()).unwrap();
    assert_eq!(
        json,
        json!({"v": 1, "kind": "message", "room": announcement.room, "room_name": "contract", "id": announcement.message.id,
            "author": announcement.message.author, "name": "Ann", "text": "hi", "at": "2026-01-02T03:04:05.678Z"})
    );
    let test = Test { room: announcement.room.clone(), clients: None, nonce: "n-1".into() };
    let json: Value = serde_json::from_slice(&Payload::test(&test, &name, NOW).plain()).unwrap();
    assert_eq!(
        json,
        json!({"v": 1, "kind": "test", "room": announcement.room, "room_name": "contract", "id": "n-1", "at": "2026-01-02T03:04:05.678Z"})
    );
}

#[test]
fn a_traced_message_carries_its_hops() {
    let (announcement, name) = announcement("hi");
    let hops = Hops { stored: Some(1), forwarded: Some(2), notified: Some(3) };
    let payload = Payload::message(&Announcement { hops, ..announcement }, &name);
    let json: Value = serde_json::from_slice(&payload.plain()).unwrap();
    assert_eq!(json["hops"], json!({"stored": 1, "forwarded": 2, "notified": 3}));
    assert_eq!(Payload::parse(&payload.plain()).unwrap(), payload);
}

#[test]
fn a_text_that_fits_is_whole_and_one_that_does_not_is_cut_as_little_as_possible() {
    let empty = payload("x").plain().len() - 1;
    let room = PLAINTEXT_MAX - empty;
    let whole = payload(&"x".repeat(room));
    assert_eq!(whole.plain().len(), PLAINTEXT_MAX);
    assert_eq!(Payload::parse(&whole.plain()).unwrap(), whole);
    let cut = Payload::parse(&payload(&"x".repeat(room + 1)).plain()).unwrap();
    // Two rounds at most: the first does not yet know of `"more":true`.
    assert_eq!(text_of(&cut), (&"x".repeat(room - ",\"more\":true".len())[..], true));
}

#[test]
fn every_kind_of_text_is_cut_to_what_a_push_holds_and_still_reads() {
    for text in ["x", "é", "\u{1F980}", "\"", "\\", "\n", "é\"\u{1F980}\n\\x", "日本"] {
        let long = text.repeat(8_192 / text.len());
        let long = if long.trim().is_empty() { format!("x{}", &long[1..]) } else { long };
        let sent = payload(&long);
        for drawn in [sent.plain(), sent.declarative("https://chat.example.org/")] {
            assert!((PLAINTEXT_MAX - 16..=PLAINTEXT_MAX).contains(&drawn.len()), "{text:?}: {}", drawn.len());
            let opened = Payload::parse(&drawn).unwrap();
            let (kept, more) = text_of(&opened);
            assert!(more && long.starts_with(kept) && kept.len() > 1_000, "{text:?}");
        }
    }
}

#[test]
fn the_declarative_form_shows_who_says_what_and_holds_the_same_content() {
    let sent = payload("hi");
    let drawn = sent.declarative("https://chat.example.org/?room=abc");
    let json: Value = serde_json::from_slice(&drawn).unwrap();
    assert_eq!(json["web_push"], 8030);
    assert_eq!(json["notification"]["title"], "contract");
    assert_eq!(json["notification"]["body"], "Ann: hi");
    assert_eq!(json["notification"]["navigate"], "https://chat.example.org/?room=abc");
    assert_eq!(Payload::parse(&drawn).unwrap(), sent);
}

#[test]
fn only_apples_clients_get_the_declarative_form() {
    let room = contract::room(NOW);
    let mozilla = contract::client(&room, &contract::author(), "install-1", NOW);
    let apple = Endpoint::parse("https://web.push.apple.com/abc").unwrap();
    let apple = Client { endpoint: apple, page: Some("https://chat.example.org".into()), ..mozilla.clone() };
    let drawn = Drawn::new(payload("hi"));
    let declarative = |client: &Client| {
        drawn.for_client(client).starts_with(b"{\"data\"")
            || drawn.for_client(client).windows(8).any(|w| w == b"web_push")
    };
    assert!(declarative(&apple));
    assert!(!declarative(&Client { page: None, ..apple }));
    assert!(!declarative(&Client { page: Some("https://chat.example.org".into()), ..mozilla }));
}

#[test]
fn a_notice_is_opened_by_the_client_it_was_sealed_for_and_by_no_other() {
    let (room, key) = (contract::room(NOW), ReceiverKey::generate());
    let client = Client { keys: key.keys(), ..contract::client(&room, &contract::author(), "install-1", NOW) };
    let sent = payload("Grüße");
    let notice = Notice::seal(&client, &sent.plain(), "vapid t=, k=".into(), 60).unwrap();
    assert_eq!((&notice.endpoint, notice.ttl_s, &notice.topic), (&client.endpoint, 60, &Some(room.hash.clone())));
    assert_eq!(Payload::parse(&key.open(&notice.body).unwrap()).unwrap(), sent);
    assert!(ReceiverKey::generate().open(&notice.body).is_err());
    let chatctl = Client { install: "chatctl-1".parse().unwrap(), ..client };
    assert_eq!(Notice::seal(&chatctl, b"", "".into(), 60).unwrap().topic, None);
}
