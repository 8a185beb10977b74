//! A room is a capability: who holds its token is in. Here tokens are minted, parsed and verified, and a room's
//! record says which tokens it still admits. It must not know how a token travels or where records are kept.

mod record;

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use serde::{Deserialize, Serialize};

pub use record::{Revoked, RoomRecord};

use crate::ports::Rooms;
use crate::problem::{Code, Problem};
use crate::{base64url, random, text};

const TOKEN_VERSION: u8 = 1;
const SIGNED: usize = 1 + 16 + 2;
const TOKEN_BYTES: usize = SIGNED + 64;
/// How long a function may believe a room's record.
pub const RECORD_CACHE_MS: i64 = 10_000;

/// The secret from which a stage's rooms and tokens come; only `chatctl` holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorKey([u8; 32]);

impl OperatorKey {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// The secret bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The key as it is kept.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }

    /// The secret bytes, as they are kept.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64url::encode(self.0)
    }

    /// The public half: it verifies tokens and can mint none.
    #[must_use]
    pub fn room_key(&self) -> RoomKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.signer().public_key().as_ref());
        RoomKey(key)
    }

    /// The id of the room with this name, the same for ever.
    #[must_use]
    pub fn room(&self, name: &str) -> RoomId {
        let mac = self.mac(&[b"room\0", name.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&mac.as_ref()[..16]);
        RoomId(id)
    }

    /// The token that opens a room.
    #[must_use]
    pub fn token(&self, room: RoomId, epoch: Epoch) -> Token {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[0] = TOKEN_VERSION;
        bytes[1..17].copy_from_slice(&room.0);
        bytes[17..SIGNED].copy_from_slice(&epoch.0.to_be_bytes());
        let signature = self.signer().sign(&bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(signature.as_ref());
        Token(bytes)
    }

    fn signer(&self) -> Ed25519KeyPair {
        match Ed25519KeyPair::from_seed_unchecked(self.mac(&[b"sign"]).as_ref()) {
            Ok(pair) => pair,
            Err(_) => unreachable!("any 32 bytes are an Ed25519 seed"),
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        for part in parts {
            mac.update(part);
        }
        mac.sign()
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(hidden)")
    }
}

/// The public half of the operator's key: what functions verify tokens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomKey([u8; 32]);

impl RoomKey {
    /// The key as settings hold it.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }

    /// The key as settings hold it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64url::encode(self.0)
    }
}

/// A room's secret id. Tables, logs and traces hold only its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RoomId(pub [u8; 16]);

impl RoomId {
    /// The name under which the room is stored.
    #[must_use]
    pub fn hash(&self) -> RoomHash {
        RoomHash(short_hash::<24>(&[b"chatctl room", &self.0]))
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId(of {})", self.hash())
    }
}

/// Base64url of the first `N` bytes of the SHA-256 of the parts.
pub(crate) fn short_hash<const N: usize>(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    base64url::encode(&context.finish().as_ref()[..N])
}

/// Counts how often a room's link was made anew; an older one than the record's is void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u16);

/// The hash of a room's id: its name in tables, queues and push topics (32 characters).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomHash(String);

text::checked_text!(RoomHash, "a room's hash is 32 characters of base64url", |text| base64url::decode_array::<24>(
    text
)
.is_some());

/// What a room is called: 1 to 64 characters of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

text::checked_text!(RoomName, "a room's name is 1 to 64 characters of a-z, 0-9 and -", |text| {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
});

/// The bearer's right to a room: version, room id, epoch and a signature over them.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; TOKEN_BYTES]);

/// The token opens no room here: malformed, forged, or of another stage. Deliberately one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token opens no room here")]
pub struct InvalidToken;

impl Token {
    /// A token as it was written; not yet verified.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let bytes = base64url::decode_array(text).ok_or(InvalidToken)?;
        if bytes[0] != TOKEN_VERSION {
            return Err(InvalidToken);
        }
        Ok(Self(bytes))
    }

    /// Which room it opens, if the operator signed it.
    pub fn verify(&self, key: &RoomKey) -> Result<(RoomId, Epoch), InvalidToken> {
        let (signed, signature) = self.0.split_at(SIGNED);
        UnparsedPublicKey::new(&ED25519, key.0).verify(signed, signature).map_err(|_| InvalidToken)?;
        let mut id = [0; 16];
        id.copy_from_slice(&signed[1..17]);
        Ok((RoomId(id), Epoch(u16::from_be_bytes([signed[17], signed[18]]))))
    }

    /// The page's link to the room; the fragment is in no log.
    #[must_use]
    pub fn link(&self, origin: &str) -> String {
        format!("{}/#{self}", origin.trim_end_matches('/'))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Opens a room with the `Authorization` header of a request: the one door of all functions.
pub async fn enter<R: Rooms>(
    authorization: Option<&str>,
    key: &RoomKey,
    rooms: &R,
    now_ms: i64,
) -> Result<RoomRecord, Problem> {
    let (id, epoch) = bearer(authorization)
        .and_then(Token::parse)
        .and_then(|token| token.verify(key))
        .map_err(|e| Problem::new(Code::UnknownRoom, e.to_string()))?;
    let record = rooms.find(&id.hash(), now_ms).await?;
    let Some(record) = record else { return Err(Problem::new(Code::UnknownRoom, InvalidToken.to_string())) };
    if record.ended(now_ms) {
        return Err(Revoked.into());
    }
    record.admit(epoch)?;
    Ok(record)
}

fn bearer(authorization: Option<&str>) -> Result<&str, InvalidToken> {
    let (scheme, token) = authorization.unwrap_or_default().split_once(' ').ok_or(InvalidToken)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(InvalidToken) }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
