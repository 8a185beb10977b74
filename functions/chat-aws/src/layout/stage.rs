//! The Stage table: rooms, and what the stage itself keeps.

use chat::rates::AddressKey;
use chat::room::{Epoch, RoomHash, RoomRecord};

use super::attributes::{Reading, Writing};
use super::{BadItem, Item, Key, SK};

const STAGE: &str = "stage";
/// For how many days what is written in a room is kept.
pub const RETENTION_DAYS: &str = "retention_days";
/// A deploy's number, counted from 1.
pub const NUMBER: &str = "number";
/// The numbers of the deploys that a way back went from and to.
pub const BACK: [&str; 2] = ["back_from", "back_to"];

/// The partition of all rooms; sort keys are their hashes.
pub fn rooms() -> String {
    "rooms".to_owned()
}

/// The partition of all deploys; sort keys are UUIDv7, in the order of time.
pub fn deploys() -> String {
    "deploys".to_owned()
}

/// Where a room's record is.
pub fn room_key(room: &RoomHash) -> Key {
    Key::new(rooms(), room.as_str())
}

/// Where the key for hashing addresses is.
pub fn address_key() -> Key {
    Key::new(STAGE, "address-key")
}

/// Where the version of the layout is.
pub fn layout_key() -> Key {
    Key::new(STAGE, "layout")
}

/// Where the lease is: who may change the stage now.
pub fn lease_key() -> Key {
    Key::new(STAGE, "lease")
}

/// Where a deploy is.
pub fn deploy_key(id: &str) -> Key {
    Key::new(deploys(), id)
}

/// A room's record as it is stored.
pub fn room_item(room: &RoomRecord) -> Item {
    let item = Writing::at(&room_key(&room.hash))
        .kind("room")
        .text("name", room.name.as_str())
        .number("epoch", i64::from(room.epoch.0))
        .number("shards", i64::from(room.shards))
        .number(RETENTION_DAYS, i64::from(room.retention_days))
        .flag("trace", room.trace)
        .number("created_at", room.created_at);
    match room.expires {
        // A day more: a token of a room that has ended is told so, and not that there never was one.
        Some(at) => item.number("expires", at).ttl(at + 86_400).done(),
        None => item.done(),
    }
}

/// The record of an item.
pub fn stored_room(item: &Item) -> Result<RoomRecord, BadItem> {
    let has_end = item.contains_key("expires");
    let item = Reading(item);
    Ok(RoomRecord {
        hash: item.parsed(SK)?,
        name: item.parsed("name")?,
        epoch: Epoch(item.number("epoch")?),
        shards: item.number("shards")?,
        retention_days: item.number(RETENTION_DAYS)?,
        trace: item.flag("trace"),
        created_at: item.number("created_at")?,
        expires: if has_end { Some(item.number("expires")?) } else { None },
    })
}

/// The key for hashing addresses as it is stored.
pub fn address_key_item(key: &AddressKey) -> Item {
    Writing::at(&address_key()).kind("address-key").bytes("key", &key.to_bytes()).done()
}

/// The key of an item.
pub fn stored_address_key(item: &Item) -> Result<AddressKey, BadItem> {
    let bytes = Reading(item).bytes("key")?;
    bytes.try_into().map(AddressKey::from_bytes).map_err(|_| BadItem("key"))
}

/// The version of the layout as it is stored.
pub fn layout_item(version: u32) -> Item {
    Writing::at(&layout_key()).kind("layout").number("version", i64::from(version)).done()
}

/// The version of an item.
pub fn stored_layout(item: &Item) -> Result<u32, BadItem> {
    Reading(item).number("version")
}

#[cfg(test)]
mod tests {
    use chat::room::{RoomId, RoomName};

    use super::*;
    use crate::layout::{LAYOUT_VERSION, TTL};

    fn room() -> RoomRecord {
        RoomRecord::new(RoomId([1; 16]).hash(), RoomName::parse("lobby").unwrap(), 1_700_000_000_000)
    }

    #[test]
    fn a_room_is_read_as_it_was_written() {
        let changed = RoomRecord { epoch: Epoch(7), trace: true, expires: Some(1_700_000_600), ..room() };
        for room in [room(), changed] {
            assert_eq!(stored_room(&room_item(&room)), Ok(room));
        }
    }

    #[test]
    fn only_a_room_that_ends_by_itself_is_ever_swept() {
        assert!(!room_item(&room()).contains_key(TTL));
        assert!(room_item(&RoomRecord { expires: Some(1), ..room() }).contains_key(TTL));
    }

    #[test]
    fn the_address_key_and_the_layout_are_read_as_they_were_written() {
        let key = AddressKey::from_bytes([8; 32]);
        assert_eq!(stored_address_key(&address_key_item(&key)), Ok(key));
        assert_eq!(stored_layout(&layout_item(LAYOUT_VERSION)), Ok(LAYOUT_VERSION));
    }
}
