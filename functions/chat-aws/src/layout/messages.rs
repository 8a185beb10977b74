//! The Messages table: messages, deletions, markers and rate windows.

use std::str::FromStr;

use chat::message::{
    AuthorId, Deletion, Fingerprint, IdempotencyKey, Item as HistoryItem, Marker, Message, MessageId, Post,
};
use chat::rates::Who;
use chat::room::RoomHash;

use super::attributes::{Reading, Writing};
use super::{BadItem, Item, KIND, Key, PK, SK, TTL};

const ROOM: &str = "room#";
/// The form of a stored message. Another form (sealed by its writer, say) will carry another number.
const ENVELOPE: i64 = 1;

/// The partition of a room's history; sort keys are ids, in the order of time.
pub fn history_of(room: &RoomHash) -> String {
    format!("{ROOM}{room}")
}

/// Where a message is.
pub fn message_key(room: &RoomHash, id: &MessageId) -> Key {
    Key::new(history_of(room), id.to_string())
}

/// Where the marker of a post is.
pub fn marker_key(room: &RoomHash, author: &AuthorId, key: &IdempotencyKey) -> Key {
    Key::new(format!("key#{room}#{author}"), key.as_str())
}

/// Where somebody's posts of a window are counted.
pub fn rate_key(room: &RoomHash, who: &Who, window: i64) -> Key {
    Key::new(format!("rate#{room}#{}", who.as_str()), window.to_string())
}

/// A message as it is stored.
pub fn message_item(post: &Post) -> Item {
    let message = &post.message;
    let item = Writing::at(&message_key(&post.room, &message.id))
        .kind("message")
        .number("v", ENVELOPE)
        .text("author", message.author.as_str())
        .text("name", &message.name)
        .text("text", &message.text)
        .ttl(post.expires);
    if post.trace { item.flag("trace", true).done() } else { item.done() }
}

/// The marker of a post.
pub fn marker_item(post: &Post) -> Item {
    let marker = post.marker();
    Writing::at(&marker_key(&post.room, &post.message.author, &post.key))
        .kind("marker")
        .text("id", marker.id.to_string())
        .text("fingerprint", marker.fingerprint.as_str())
        .ttl(post.marker_expires())
        .done()
}

/// A marker that has not expired.
pub fn stored_marker(item: &Item, now_ms: i64) -> Result<Option<Marker>, BadItem> {
    let item = Reading(item);
    if item.number::<i64>(TTL)? <= now_ms / 1_000 {
        return Ok(None);
    }
    let id = MessageId::parse(item.text("id")?).map_err(|_| BadItem("id"))?;
    Ok(Some(Marker { id, fingerprint: Fingerprint::stored(item.text("fingerprint")?.to_owned()) }))
}

/// An entry of a room's history; a kind that this version does not know is none.
pub fn stored_history_item(item: &Item) -> Result<Option<HistoryItem>, BadItem> {
    let reading = Reading(item);
    match reading.text(KIND)? {
        "message" => Ok(Some(HistoryItem::Message(message(&reading)?))),
        "deletion" => {
            let id = id(&reading, SK)?;
            Ok(Some(HistoryItem::Deletion(Deletion { id, of: self::id(&reading, "of")?, at_ms: id.at_ms() })))
        }
        _ => Ok(None),
    }
}

/// A message with its room, as the table's stream shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Where it was said.
    pub room: RoomHash,
    /// What was said.
    pub message: Message,
    /// Whether the time of each hop is asked for.
    pub trace: bool,
}

/// The message of a stream record's image; any other kind of item is none.
pub fn stored_message(item: &Item) -> Result<Option<StoredMessage>, BadItem> {
    let reading = Reading(item);
    if reading.text(KIND)? != "message" {
        return Ok(None);
    }
    let room = reading.text(PK)?.strip_prefix(ROOM).ok_or(BadItem(PK))?;
    let room = RoomHash::from_str(room).map_err(|_| BadItem(PK))?;
    Ok(Some(StoredMessage { room, message: message(&reading)?, trace: reading.flag("trace") }))
}

fn message(item: &Reading<'_>) -> Result<Message, BadItem> {
    let id = id(item, SK)?;
    Ok(Message {
        id,
        author: item.parsed("author")?,
        name: item.text("name")?.to_owned(),
        text: item.text("text")?.to_owned(),
        at_ms: id.at_ms(),
    })
}

fn id(item: &Reading<'_>, name: &'static str) -> Result<MessageId, BadItem> {
    MessageId::parse(item.text(name)?).map_err(|_| BadItem(name))
}

#[cfg(test)]
mod tests {
    use chat::message::MemberSecret;
    use chat::room::RoomId;
    use serde_json::json;

    use super::*;
    use crate::layout::image;

    fn post() -> Post {
        let id = MessageId::new(1_700_000_000_123, [7; 10]);
        let author = MemberSecret::generate().author();
        let message = Message { id, author, name: "Ann".into(), text: "hello\n\"there\"".into(), at_ms: id.at_ms() };
        let key = IdempotencyKey::parse("k-1").unwrap();
        Post { room: RoomId([3; 16]).hash(), message, key, expires: 1_702_592_000, trace: true }
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let post = post();
        let item = message_item(&post);
        assert_eq!(stored_history_item(&item), Ok(Some(HistoryItem::Message(post.message.clone()))));
        let stored = StoredMessage { room: post.room, message: post.message, trace: true };
        assert_eq!(stored_message(&item), Ok(Some(stored)));
    }

    #[test]
    fn a_message_is_read_from_a_streams_json() {
        let post = post();
        let json = json!({
            "pk": { "S": history_of(&post.room) }, "sk": { "S": post.message.id.to_string() }, "kind": { "S": "message" },
            "v": { "N": "1" }, "author": { "S": post.message.author.as_str() }, "name": { "S": "Ann" },
            "text": { "S": post.message.text }, "ttl": { "N": "1702592000" }, "trace": { "BOOL": true }
        });
        let item = image(&json).unwrap();
        assert_eq!(item, message_item(&post));
    }

    #[test]
    fn a_marker_is_remembered_until_it_expires() {
        let post = post();
        let item = marker_item(&post);
        assert_eq!(stored_marker(&item, post.message.at_ms), Ok(Some(post.marker())));
        assert_eq!(stored_marker(&item, post.marker_expires() * 1_000), Ok(None));
    }

    #[test]
    fn the_keys_of_a_room_never_meet_those_of_another_kind() {
        let post = post();
        let pks = [
            message_key(&post.room, &post.message.id).pk,
            marker_key(&post.room, &post.message.author, &post.key).pk,
            rate_key(&post.room, &Who::member(&post.message.author), 0).pk,
        ];
        assert!(pks[0].starts_with("room#") && pks[1].starts_with("key#") && pks[2].starts_with("rate#"));
    }

    #[test]
    fn other_kinds_of_items_are_no_messages_and_a_broken_one_is_an_error() {
        assert_eq!(stored_message(&marker_item(&post())), Ok(None));
        let mut item = message_item(&post());
        item.remove("text");
        assert_eq!(stored_message(&item), Err(BadItem("text")));
    }
}
