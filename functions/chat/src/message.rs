//! What people say: drafts are checked and become messages with an id and an author.
//! It must not know how messages are stored or told.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid, Variant, Version};

pub use crate::post::{Fingerprint, IdempotencyKey, MARKER_S, Marker, Post, Posted};
use crate::problem::{Code, Problem};
use crate::room::short_hash;
use crate::{base64url, random, rfc3339, text};

/// The longest text, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 8_192;
/// The longest name, in characters.
pub const NAME_CHARS: usize = 64;

/// A UUIDv7: ids are in the order of their time, and so is their text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id of something that happens now.
    #[must_use]
    pub fn new(now_ms: i64, random: [u8; 10]) -> Self {
        Self(Builder::from_unix_timestamp_millis(now_ms.max(0).unsigned_abs(), &random).into_uuid())
    }

    /// The same with random bytes of the system.
    #[must_use]
    pub fn random(now_ms: i64) -> Self {
        Self::new(now_ms, random::bytes())
    }

    /// The least id of a millisecond: a place in the history, nobody's id.
    #[must_use]
    pub fn first_at(ms: i64) -> Self {
        Self::new(ms, [0; 10])
    }

    /// When it happened, in milliseconds since 1970.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        let bytes = self.0.as_bytes();
        bytes[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte))
    }

    /// The id of its canonical text.
    pub fn parse(text: &str) -> Result<Self, text::Malformed> {
        let refused = text::Malformed("an id is a UUIDv7 in lower case");
        let id = Uuid::try_parse(text).map_err(|_| refused)?;
        // Only one spelling: ids are compared as text in the tables.
        if id.as_hyphenated().to_string() == text {
            Self::from_bytes(id.into_bytes()).ok_or(refused)
        } else {
            Err(refused)
        }
    }

    /// The id of its 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let id = Uuid::from_bytes(bytes);
        (id.get_version() == Some(Version::SortRand) && id.get_variant() == Variant::RFC4122).then_some(Self(id))
    }

    /// Its 16 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 16] {
        *self.0.as_bytes()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for MessageId {
    type Error = text::Malformed;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

/// What a member proves to be itself with: 32 random bytes that the page made once.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberSecret([u8; 32]);

impl MemberSecret {
    /// A new member.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// The secret of the header `Chat-Member`.
    pub fn parse(text: &str) -> Result<Self, text::Malformed> {
        base64url::decode_array(text)
            .map(Self)
            .ok_or(text::Malformed("a member's secret is 43 characters of base64url"))
    }

    /// The secret, for the header `Chat-Member` and for nothing else.
    #[must_use]
    pub fn expose(&self) -> String {
        base64url::encode(self.0)
    }

    /// Under which id the others know this member.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        AuthorId(short_hash::<12>(&[b"chatctl member", &self.0]))
    }
}

impl fmt::Debug for MemberSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberSecret(of {})", self.author())
    }
}

/// The hash of a member's secret: who wrote a message (16 characters).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuthorId(String);

text::checked_text!(AuthorId, "an author's id is 16 characters of base64url", |text| base64url::decode_array::<12>(
    text
)
.is_some());

/// A message as it was posted, checked: a name and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    name: String,
    text: String,
}

/// Why a draft is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDraft {
    /// Nothing that can be seen.
    #[error("the text is empty")]
    EmptyText,
    /// Over 8 KiB.
    #[error("the text is over {TEXT_BYTES} bytes")]
    TextTooLong,
    /// A control or bidirectional character.
    #[error("the text holds a control character or one that turns the reading direction (character {at})")]
    TextCharacter {
        /// Which character, counted from 1.
        at: usize,
    },
    /// No name, or one too long, or one with characters that names may not hold.
    #[error(
        "a name is 1 to {NAME_CHARS} characters without line breaks, control characters and ones that turn the reading direction"
    )]
    Name,
}

impl Draft {
    /// Checks a name and a text; line ends become `\n`, the name is trimmed.
    pub fn new(name: &str, text: &str) -> Result<Self, BadDraft> {
        Ok(Self { name: checked_name(name)?, text: checked_text(text)? })
    }

    /// Who says it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is said.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash that tells this post from another one.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.name, &self.text)
    }

    /// The message it becomes.
    #[must_use]
    pub fn into_message(self, id: MessageId, author: AuthorId) -> Message {
        Message { id, author, name: self.name, text: self.text, at_ms: id.at_ms() }
    }
}

fn checked_name(name: &str) -> Result<String, BadDraft> {
    let name = name.trim();
    let refused = |c: char| c.is_control() || text::turns_direction(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if name.chars().count() > NAME_CHARS || !text::shows_something(name) || name.chars().any(refused) {
        return Err(BadDraft::Name);
    }
    Ok(name.to_owned())
}

fn checked_text(text: &str) -> Result<String, BadDraft> {
    let text = text.replace("\r\n", "\n");
    if text.len() > TEXT_BYTES {
        return Err(BadDraft::TextTooLong);
    }
    let refused = |c: char| (c.is_control() && c != '\n' && c != '\t') || text::turns_direction(c);
    if let Some(at) = text.chars().position(refused) {
        return Err(BadDraft::TextCharacter { at: at + 1 });
    }
    if !text::shows_something(&text) {
        return Err(BadDraft::EmptyText);
    }
    Ok(text)
}

impl From<BadDraft> for Problem {
    fn from(bad: BadDraft) -> Self {
        let code = match bad {
            BadDraft::EmptyText | BadDraft::TextCharacter { .. } => Code::BadText,
            BadDraft::TextTooLong => Code::TextTooLong,
            BadDraft::Name => Code::BadName,
        };
        Self::new(code, bad.to_string())
    }
}

/// A message as it is stored, read and told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, which is its place in the history.
    pub id: MessageId,
    /// Who wrote it.
    pub author: AuthorId,
    /// What the author is called.
    pub name: String,
    /// What it says.
    pub text: String,
    /// When it was stored, in milliseconds since 1970.
    #[serde(rename = "at", with = "rfc3339")]
    pub at_ms: i64,
}

/// That a message was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Its own id, which is its place in the history.
    pub id: MessageId,
    /// The message that was deleted.
    pub of: MessageId,
    /// When, in milliseconds since 1970.
    #[serde(rename = "at", with = "rfc3339")]
    pub at_ms: i64,
}

/// One entry of a room's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Item {
    /// Something said.
    Message(Message),
    /// Something taken back.
    Deletion(Deletion),
}

impl Item {
    /// Its place in the history.
    #[must_use]
    pub fn id(&self) -> MessageId {
        match self {
            Self::Message(message) => message.id,
            Self::Deletion(deletion) => deletion.id,
        }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
