//! A notice is one encrypted push: what it says (at most 3,993 bytes of JSON, a long text cut), in which form, and
//! with which headers. It must not know how it is sent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Client, Endpoint};
use crate::fanout::{Announcement, Hops, Test};
use crate::message::{AuthorId, MessageId};
use crate::rfc3339;
use crate::room::{RoomHash, RoomName};
use crate::webpush::{self, Ephemeral, SealError};

/// How much text a notification of the declarative form shows.
const BANNER_BYTES: usize = 400;

/// What a push says once it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    v: u8,
    /// Message or test.
    #[serde(flatten)]
    pub content: Content,
    /// Which room.
    pub room: RoomHash,
    /// What the room is called.
    pub room_name: RoomName,
    /// When it was said, in milliseconds since 1970.
    #[serde(rename = "at", with = "rfc3339")]
    pub at_ms: i64,
    /// When it passed the steps on its way, if its room is traced.
    #[serde(default, skip_serializing_if = "Hops::is_empty")]
    pub hops: Hops,
}

/// The part of a push that is peculiar to its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Content {
    /// A message.
    Message {
        /// Its id.
        id: MessageId,
        /// Who wrote it.
        author: AuthorId,
        /// What the author is called.
        name: String,
        /// What it says, or the beginning of it.
        text: String,
        /// Whether the text was cut.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// A test push.
    Test {
        /// The nonce of the test.
        id: String,
    },
}

impl Payload {
    /// What is told of a message.
    #[must_use]
    pub fn message(announcement: &Announcement, room_name: &RoomName) -> Self {
        let message = announcement.message.clone();
        Self {
            v: 1,
            content: Content::Message {
                id: message.id,
                author: message.author,
                name: message.name,
                text: message.text,
                more: false,
            },
            room: announcement.room.clone(),
            room_name: room_name.clone(),
            at_ms: message.at_ms,
            hops: announcement.hops,
        }
    }

    /// What a test push says.
    #[must_use]
    pub fn test(test: &Test, room_name: &RoomName, now_ms: i64) -> Self {
        Self {
            v: 1,
            content: Content::Test { id: test.nonce.clone() },
            room: test.room.clone(),
            room_name: room_name.clone(),
            at_ms: now_ms,
            hops: Hops::default(),
        }
    }

    /// A payload as it was opened: plain, or in the declarative form.
    pub fn parse(opened: &[u8]) -> Result<Self, serde_json::Error> {
        let mut value: Value = serde_json::from_slice(opened)?;
        if value.get("web_push").is_some() {
            value = value.get_mut("data").map(Value::take).unwrap_or_default();
        }
        serde_json::from_value(value)
    }

    /// The plain form, cut to what a push can hold.
    #[must_use]
    pub fn plain(&self) -> Vec<u8> {
        self.fitted(|payload| json!(payload))
    }

    /// The declarative form (`web_push: 8030`): shown by the browser itself, a click leads to `navigate`.
    #[must_use]
    pub fn declarative(&self, navigate: &str) -> Vec<u8> {
        self.fitted(|payload| {
            let body = match &payload.content {
                Content::Message { name, text, .. } => format!("{name}: {}", beginning(text, BANNER_BYTES)),
                Content::Test { .. } => "Notifications work".to_owned(),
            };
            let notification =
                json!({"title": payload.room_name, "body": body, "navigate": navigate, "tag": payload.room});
            json!({"web_push": 8030, "notification": notification, "data": payload})
        })
    }

    /// Draws the payload, with as much of its text as fits.
    fn fitted(&self, draw: impl Fn(&Self) -> Value) -> Vec<u8> {
        let whole = bytes(&draw(self));
        let Content::Message { text, .. } = &self.content else { return whole };
        let mut text = text.as_str();
        let mut drawn = whole;
        // Each round takes away what is too much: the first nearly always suffices, and each makes the text shorter.
        while drawn.len() > webpush::PLAINTEXT_MAX && !text.is_empty() {
            text = without(text, drawn.len() - webpush::PLAINTEXT_MAX);
            let mut cut = self.clone();
            if let Content::Message { text: kept, more, .. } = &mut cut.content {
                text.clone_into(kept);
                *more = true;
            }
            drawn = bytes(&draw(&cut));
        }
        drawn
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// How many bytes JSON spends on a character of a message.
fn drawn_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\t' => 2,
        _ => c.len_utf8(),
    }
}

/// The text without so many drawn bytes at its end, and at least one character.
fn without(text: &str, drawn: usize) -> &str {
    let mut gone = 0;
    let cut = text.char_indices().rev().find(|(_, c)| {
        gone += drawn_bytes(*c);
        gone >= drawn
    });
    cut.map_or("", |(at, _)| &text[..at])
}

fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// One encrypted push, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where to; not to be redirected.
    pub endpoint: Endpoint,
    /// The header `Authorization` (RFC 8292).
    pub authorization: Arc<str>,
    /// The header `TTL`, in seconds.
    pub ttl_s: u32,
    /// The header `Topic`: a later push of it replaces an undelivered earlier one.
    pub topic: Option<RoomHash>,
    /// The body (`Content-Encoding: aes128gcm`).
    pub body: Vec<u8>,
}

impl Notice {
    /// The header `Urgency`.
    pub const URGENCY: &'static str = "high";
    /// The header `Content-Encoding`.
    pub const ENCODING: &'static str = "aes128gcm";

    /// Seals a payload's bytes for a client.
    pub fn seal(client: &Client, plaintext: &[u8], authorization: Arc<str>, ttl_s: u32) -> Result<Self, SealError> {
        Ok(Self {
            endpoint: client.endpoint.clone(),
            authorization,
            ttl_s,
            topic: client.collapse().then(|| client.room.clone()),
            body: webpush::seal(plaintext, &client.keys, &Ephemeral::generate())?,
        })
    }
}

/// A payload drawn in each form at most once, for all clients of a job.
#[derive(Debug)]
pub struct Drawn {
    payload: Payload,
    plain: Vec<u8>,
}

impl Drawn {
    /// Draws the plain form, which nearly everybody gets.
    #[must_use]
    pub fn new(payload: Payload) -> Self {
        let plain = payload.plain();
        Self { payload, plain }
    }

    /// The bytes for this client: declarative for Apple's service if it is known where a click leads.
    #[must_use]
    pub fn for_client(&self, client: &Client) -> std::borrow::Cow<'_, [u8]> {
        match &client.page {
            Some(page) if client.endpoint.is_apple() => {
                self.payload.declarative(&format!("{page}/?room={}", client.room)).into()
            }
            _ => (&self.plain[..]).into(),
        }
    }
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
