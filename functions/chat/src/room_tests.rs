//! Tests of `room`: the known answers were computed with Python's hashlib and OpenSSL's Ed25519.

use super::*;
use crate::memory::{Memory, Port};
use crate::ready::ready;

const NOW: i64 = 1_767_323_045_678;
const TOKEN: &str =
    "AUH0sJQZ5cpWul8J0xP7Q6IAByNL38pxCCFLprPSNBpIsmYh-Q4xToKklv4tYy6DMmLUsqgr16Z5K6MNr6KuWXAbXOGlqADLJaTauPhjh1YWjwI";

fn operator() -> OperatorKey {
    OperatorKey::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

fn record() -> RoomRecord {
    RoomRecord::new(operator().room("lobby").hash(), RoomName::parse("lobby").unwrap(), NOW)
}

#[test]
fn ids_keys_and_tokens_are_those_of_an_independent_implementation() {
    let key = operator();
    assert_eq!(key.room("lobby").0, *b"\x41\xf4\xb0\x94\x19\xe5\xca\x56\xba\x5f\x09\xd3\x13\xfb\x43\xa2");
    assert_eq!(key.room("lobby").hash().as_str(), "Bi3ZYvzJwu6Q9wo2LsgZm21keh-3boAL");
    assert_eq!(key.room_key().to_base64(), "aqJJb0I-9PFZZOePqCoj4vTRYzMAUPA4wwxARy3vL7Y");
    assert_eq!(key.token(key.room("lobby"), Epoch(7)).to_string(), TOKEN);
    assert_eq!(TOKEN.len(), 111);
}

#[test]
fn a_token_opens_its_room_and_tells_its_epoch() {
    let key = operator();
    let token = Token::parse(TOKEN).unwrap();
    assert_eq!(token.verify(&key.room_key()), Ok((key.room("lobby"), Epoch(7))));
}

#[test]
fn a_token_with_any_changed_character_opens_nothing() {
    let key = operator().room_key();
    for at in 0..TOKEN.len() {
        let mut text = TOKEN.as_bytes().to_vec();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(text).unwrap();
        assert_eq!(Token::parse(&text).and_then(|token| token.verify(&key)), Err(InvalidToken), "character {at}");
    }
}

#[test]
fn a_token_of_another_operator_opens_nothing() {
    let other = OperatorKey::generate();
    let token = other.token(operator().room("lobby"), Epoch(0));
    assert_eq!(token.verify(&operator().room_key()), Err(InvalidToken));
}

#[test]
fn what_is_no_token_is_refused() {
    for text in [
        "",
        "A",
        "lobby",
        &TOKEN[1..],
        &format!("{TOKEN}A"),
        &format!("{TOKEN}="),
        &TOKEN.replace('-', "+"),
        &"é".repeat(111),
    ] {
        assert_eq!(Token::parse(text), Err(InvalidToken), "{text}");
    }
}

#[test]
fn secrets_are_not_shown_by_debug() {
    let shown = format!("{:?} {:?} {:?}", operator(), Token::parse(TOKEN).unwrap(), operator().room("lobby"));
    assert_eq!(shown, "OperatorKey(hidden) Token(hidden) RoomId(of Bi3ZYvzJwu6Q9wo2LsgZm21keh-3boAL)");
}

#[test]
fn a_link_carries_the_token_in_its_fragment() {
    let token = Token::parse(TOKEN).unwrap();
    assert_eq!(token.link("http://127.0.0.1:4567/"), format!("http://127.0.0.1:4567/#{TOKEN}"));
}

#[test]
fn keys_are_kept_as_text() {
    let key = OperatorKey::generate();
    assert_eq!(OperatorKey::from_base64(&key.to_base64()), Some(key.clone()));
    assert_eq!(RoomKey::from_base64(&key.room_key().to_base64()), Some(key.room_key()));
    assert_eq!(RoomKey::from_base64("short"), None);
}

#[test]
fn names_and_hashes_are_checked_also_when_they_are_read() {
    for name in ["lobby", "a", "room-2", &"x".repeat(64)] {
        assert!(RoomName::parse(name).is_ok(), "{name}");
    }
    for name in ["", "Lobby", "a b", "a_b", "é", &"x".repeat(65)] {
        assert!(RoomName::parse(name).is_err(), "{name}");
    }
    assert!(serde_json::from_str::<RoomName>("\"NO\"").is_err());
    assert!(serde_json::from_str::<RoomHash>("\"Bi3ZYvzJwu6Q9wo2LsgZm21keh-3boA\"").is_err());
    assert!("Bi3ZYvzJwu6Q9wo2LsgZm21keh-3boAL".parse::<RoomHash>().is_ok());
}

#[test]
fn an_older_epoch_is_revoked_and_a_newer_one_is_not() {
    let record = RoomRecord { epoch: Epoch(3), ..record() };
    assert_eq!(record.admit(Epoch(2)), Err(Revoked));
    assert_eq!(record.admit(Epoch(3)), Ok(()));
    // The record may be ten seconds old, the token new.
    assert_eq!(record.admit(Epoch(4)), Ok(()));
}

#[test]
fn the_door_opens_to_a_good_token_and_tells_the_others_why_not() {
    let (memory, key) = (Memory::new(), operator());
    memory.put_room(record());
    memory.put_room(RoomRecord { hash: key.room("old").hash(), epoch: Epoch(9), ..record() });
    memory.put_room(RoomRecord { hash: key.room("over").hash(), expires: Some(NOW / 1_000), ..record() });
    let header = |name: &str| format!("Bearer {}", key.token(key.room(name), Epoch(0)));
    let enter = |header: Option<&str>| ready(super::enter(header, &key.room_key(), &memory, NOW)).map_err(|p| p.code());
    assert_eq!(enter(Some(&header("lobby"))), Ok(record()));
    assert_eq!(enter(Some(&header("lobby").replace("Bearer", "bearer"))), Ok(record()));
    assert_eq!(enter(None), Err("unknown_room"));
    assert_eq!(enter(Some("Bearer")), Err("unknown_room"));
    assert_eq!(enter(Some("Basic abc")), Err("unknown_room"));
    assert_eq!(enter(Some(&header("never-made"))), Err("unknown_room"));
    assert_eq!(enter(Some(&header("old"))), Err("room_gone"));
    assert_eq!(enter(Some(&header("over"))), Err("room_gone"));
    memory.break_port(Port::Rooms);
    assert_eq!(enter(Some(&header("lobby"))), Err("unavailable"));
}

#[test]
fn a_record_without_an_end_is_read_as_such() {
    let json = serde_json::to_value(record()).unwrap();
    assert!(json.get("expires").is_none());
    assert_eq!(serde_json::from_value::<RoomRecord>(json).unwrap(), record());
}
