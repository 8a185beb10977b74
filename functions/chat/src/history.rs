//! Pages of a room's history and the cursors between them, so that who catches up gets every message, also one
//! that was committed late. It must not know how items are stored.
//!
//! An id is minted just before the write, so an item may appear after items with later ids. Store-message ends
//! after 10 s at the latest; what is older than 15 s is complete. A catch-up over several pages therefore keeps
//! the watermark of its first page (now − 15 s), and its last page's cursor goes back to it if need be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::message::{Item, MessageId};
use crate::problem::{Code, Problem};
use crate::room::{RoomHash, RoomName, RoomRecord, short_hash};

/// How far back an item may still appear.
pub const LATE_MS: i64 = 15_000;
/// The items of a page unless asked otherwise.
pub const PAGE: usize = 50;
/// The most items of a page.
pub const PAGE_MAX: usize = 100;

const CURSOR_VERSION: u8 = 1;

/// A place in a room's history. Opaque to its holder.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    position: MessageId,
    /// Since when the catch-up that this cursor belongs to may have missed items.
    watermark_ms: Option<i64>,
}

/// The text is not a cursor of this chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not a place in this chat's history")]
pub struct BadCursor;

impl Cursor {
    /// The place at which the history begins.
    #[must_use]
    pub fn start() -> Self {
        Self::since(0)
    }

    /// The place of an instant.
    #[must_use]
    pub fn since(ms: i64) -> Self {
        Self { position: MessageId::first_at(ms), watermark_ms: None }
    }

    fn at(position: MessageId) -> Self {
        Self { position, watermark_ms: None }
    }

    /// A cursor as it was written.
    pub fn parse(text: &str) -> Result<Self, BadCursor> {
        // 1 + 16 bytes, and 6 more with a watermark: nothing longer is worth decoding.
        if text.len() > 32 {
            return Err(BadCursor);
        }
        let bytes = base64url::decode(text).ok_or(BadCursor)?;
        let (&version, rest) = bytes.split_first().ok_or(BadCursor)?;
        let (position, watermark) = rest.split_at_checked(16).ok_or(BadCursor)?;
        let position = position.try_into().ok().and_then(MessageId::from_bytes).ok_or(BadCursor)?;
        let watermark_ms = match watermark.len() {
            0 => None,
            6 => Some(watermark.iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte))),
            _ => return Err(BadCursor),
        };
        if version == CURSOR_VERSION { Ok(Self { position, watermark_ms }) } else { Err(BadCursor) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend(self.position.to_bytes());
        if let Some(ms) = self.watermark_ms {
            bytes.extend(&ms.max(0).to_be_bytes()[2..]);
        }
        f.write_str(&base64url::encode(bytes))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({}, {:?})", self.position, self.watermark_ms)
    }
}

impl TryFrom<String> for Cursor {
    type Error = BadCursor;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl From<BadCursor> for Problem {
    fn from(bad: BadCursor) -> Self {
        Self::new(Code::BadCursor, bad.to_string())
    }
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFrom {
    /// The newest.
    Newest,
    /// What came after a place.
    After(Cursor),
    /// What came before a place.
    Before(Cursor),
}

/// A page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    from: PageFrom,
    limit: usize,
}

/// The items that a page is made of: the ids strictly between two, from one end, so many at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Ids greater than this.
    pub above: MessageId,
    /// Ids less than this.
    pub below: Option<MessageId>,
    /// Whether the greatest ids are wanted, and first.
    pub newest_first: bool,
    /// How many at most.
    pub limit: usize,
}

impl PageQuery {
    /// A page from somewhere; the number of items is kept within its bounds.
    #[must_use]
    pub fn new(from: PageFrom, limit: Option<usize>) -> Self {
        Self { from, limit: limit.unwrap_or(PAGE).clamp(1, PAGE_MAX) }
    }

    /// The page that the parameters `after`, `before` and `limit` of a request ask for.
    pub fn parse(after: Option<&str>, before: Option<&str>, limit: Option<&str>) -> Result<Self, Problem> {
        let from = match (after, before) {
            (None, None) => PageFrom::Newest,
            (Some(cursor), None) => PageFrom::After(Cursor::parse(cursor)?),
            (None, Some(cursor)) => PageFrom::Before(Cursor::parse(cursor)?),
            (Some(_), Some(_)) => {
                return Err(Problem::new(Code::BadCursor, "ask for what is after a place or before it, not both"));
            }
        };
        let limit = match limit {
            None => None,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=PAGE_MAX) => Some(limit),
                _ => return Err(Problem::new(Code::BadBody, format!("limit is a number from 1 to {PAGE_MAX}"))),
            },
        };
        Ok(Self::new(from, limit))
    }

    /// The items to read for it: one more than asked for, so that it is known whether there are more.
    /// What is older than the room's retention is not read, whether or not it has been swept.
    #[must_use]
    pub fn slice(&self, room: &RoomRecord, now_ms: i64) -> Slice {
        let kept = MessageId::first_at(now_ms - i64::from(room.retention_days) * 86_400_000);
        let (above, below, newest_first) = match self.from {
            PageFrom::Newest => (kept, None, true),
            PageFrom::After(cursor) => (cursor.position.max(kept), None, false),
            PageFrom::Before(cursor) => (kept, Some(cursor.position), true),
        };
        Slice { above, below, newest_first, limit: self.limit + 1 }
    }

    /// The page of the items that `slice` asked for, in the order in which they were read.
    #[must_use]
    pub fn page(&self, room: &RoomRecord, mut items: Vec<Item>, now_ms: i64) -> Page {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        if !matches!(self.from, PageFrom::After(_)) {
            items.reverse();
        }
        let (first, last) = (items.first().map(Item::id), items.last().map(Item::id));
        let now_mark = now_ms - LATE_MS;
        let (after, before) = match self.from {
            PageFrom::After(cursor) => {
                // A cursor is not signed: a watermark from the future would only make its holder miss items.
                let mark = cursor.watermark_ms.unwrap_or(now_mark).min(now_mark);
                let last = last.unwrap_or(cursor.position);
                let after =
                    if more { Cursor { position: last, watermark_ms: Some(mark) } } else { complete(last, mark) };
                (after, Some(Cursor::at(first.unwrap_or(cursor.position))))
            }
            PageFrom::Newest => (last.map_or(Cursor::start(), |last| complete(last, now_mark)), earlier(more, first)),
            PageFrom::Before(cursor) => {
                let last = last.unwrap_or(MessageId::first_at(cursor.position.at_ms()));
                (complete(last, now_mark), earlier(more, first))
            }
        };
        Page { room: PageRoom { id: room.hash.clone(), name: room.name.clone() }, items, after, before, more }
    }
}

/// The cursor behind a catch-up's last page: never beyond what is complete.
fn complete(last: MessageId, watermark_ms: i64) -> Cursor {
    Cursor::at(last.min(MessageId::first_at(watermark_ms)))
}

fn earlier(more: bool, first: Option<MessageId>) -> Option<Cursor> {
    first.filter(|_| more).map(Cursor::at)
}

/// The room that a page is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRoom {
    /// The hash of its id.
    pub id: RoomHash,
    /// Its name for people.
    pub name: RoomName,
}

/// A part of a room's history, the oldest item first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Which room.
    pub room: PageRoom,
    /// What was said.
    pub items: Vec<Item>,
    /// Where to catch up from.
    pub after: Cursor,
    /// Where earlier items begin, unless there are none.
    pub before: Option<Cursor>,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
}

impl Page {
    /// The value of `ETag`. The cursor `after` is left out: with time alone it only moves on, and whoever keeps an
    /// older one sees items again that it knows, and misses none.
    #[must_use]
    pub fn etag(&self) -> String {
        let content = serde_json::to_vec(&(&self.room, &self.items, &self.before, self.more)).unwrap_or_default();
        format!("\"{}\"", short_hash::<18>(&[b"chatctl page", &content]))
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
