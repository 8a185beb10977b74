//! Posting once: the key that makes a repeated post one message, and the marker that remembers it for seven days.
//! It must not know how either is stored.

use serde::{Deserialize, Serialize};

use crate::message::{Message, MessageId};
use crate::room::{RoomHash, short_hash};
use crate::{base64url, random, text};

/// How long a repeated post is known, in seconds.
pub const MARKER_S: i64 = 7 * 86_400;

/// Makes a repeated post one message: 1 to 64 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

text::checked_text!(IdempotencyKey, "an idempotency key is 1 to 64 printable ASCII characters", |text| {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, 0x20..=0x7e))
});

impl IdempotencyKey {
    /// A key for a post that nobody will repeat by name.
    #[must_use]
    pub fn random() -> Self {
        Self(base64url::encode(random::bytes::<16>()))
    }
}

/// The hash of what was posted: tells a repeated post from another one under the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a name and a text.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        Self(short_hash::<32>(&[b"chatctl post", name.as_bytes(), b"\0", text.as_bytes()]))
    }

    /// As it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Everything that is stored when a message is posted, in one transaction with its marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where.
    pub room: RoomHash,
    /// What.
    pub message: Message,
    /// Under which key.
    pub key: IdempotencyKey,
    /// When the message is no longer kept, in seconds since 1970.
    pub expires: i64,
    /// Whether the time of each hop is asked for.
    pub trace: bool,
}

impl Post {
    /// What its marker remembers.
    #[must_use]
    pub fn marker(&self) -> Marker {
        Marker { id: self.message.id, fingerprint: Fingerprint::of(&self.message.name, &self.message.text) }
    }

    /// When its marker is no longer kept, in seconds since 1970.
    #[must_use]
    pub fn marker_expires(&self) -> i64 {
        self.message.at_ms / 1_000 + MARKER_S
    }
}

/// What is remembered of a post under its key (scoped to room and author) for seven days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The message that the first post became.
    pub id: MessageId,
    /// What was posted.
    pub fingerprint: Fingerprint,
}

impl Marker {
    /// What a post under a known key is answered: the first answer, or that this is another post.
    #[must_use]
    pub fn answer(&self, again: &Message) -> Posted {
        if self.fingerprint != Fingerprint::of(&again.name, &again.text) {
            return Posted::Mismatch;
        }
        // The same author, name and text: only the id and its time are those of the first.
        Posted::Known(Message { id: self.id, at_ms: self.id.at_ms(), ..again.clone() })
    }
}

/// What came of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It was stored.
    New(Message),
    /// It had been stored before: the first answer.
    Known(Message),
    /// Its key belongs to another post.
    Mismatch,
}
