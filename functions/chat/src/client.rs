//! A client is one push subscription: an endpoint that is allowed, keys that are valid, an install that replaces
//! its old endpoint by its new one. It must not know how clients are stored or reached.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

pub use crate::endpoint::{BadEndpoint, ENDPOINT_BYTES, Endpoint, PushServices};
use crate::message::AuthorId;
use crate::problem::{Code, Problem};
use crate::room::{RoomHash, short_hash};
use crate::{base64url, text};

/// How many subscriptions a member may have in a room.
pub const CLIENTS_A_MEMBER: usize = 16;
/// How long a client is kept after it was last seen, in seconds.
pub const CLIENT_S: i64 = 60 * 86_400;
/// A known client is written again at most once in this time.
pub const REFRESH_MS: i64 = 86_400_000;
/// What a message to a client is sealed with: a point on P-256 and 16 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionKeys {
    p256dh: [u8; 65],
    auth: [u8; 16],
}

/// The keys are not a point on P-256 and 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("p256dh must be an uncompressed point on P-256 (65 bytes) and auth 16 bytes, both base64url")]
pub struct BadKeys;

impl SubscriptionKeys {
    /// Keys as bytes.
    pub fn new(p256dh: &[u8], auth: &[u8]) -> Result<Self, BadKeys> {
        let p256dh: [u8; 65] = p256dh.try_into().map_err(|_| BadKeys)?;
        let auth = auth.try_into().map_err(|_| BadKeys)?;
        if p256dh[0] != 4 {
            return Err(BadKeys);
        }
        // Parsing puts the point on the curve or fails.
        ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, &p256dh[..])).map_err(|_| BadKeys)?;
        Ok(Self { p256dh, auth })
    }

    /// Keys as `PushSubscription.toJSON()` spells them (padding is tolerated).
    pub fn parse(p256dh: &str, auth: &str) -> Result<Self, BadKeys> {
        let bytes = |text: &str| base64url::decode(text.trim_end_matches('=')).ok_or(BadKeys);
        Self::new(&bytes(p256dh)?, &bytes(auth)?)
    }

    /// The client's public key.
    #[must_use]
    pub fn p256dh(&self) -> &[u8; 65] {
        &self.p256dh
    }

    /// The client's authentication secret.
    #[must_use]
    pub fn auth(&self) -> &[u8; 16] {
        &self.auth
    }
}

impl fmt::Debug for SubscriptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionKeys(hidden)")
    }
}

impl From<BadKeys> for Problem {
    fn from(bad: BadKeys) -> Self {
        Self::new(Code::BadKeys, bad.to_string())
    }
}

/// Which installation of the page (or of `chatctl`) a client is: 8 to 64 characters of `A-Za-z0-9_-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstallId(String);

text::checked_text!(InstallId, "an install id is 8 to 64 characters of A-Z, a-z, 0-9, _ and -", |text| {
    (8..=64).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
});

impl InstallId {
    /// Whether older undelivered messages of a room may be replaced by the newest: for browsers, not for `chatctl`.
    #[must_use]
    pub fn collapses(&self) -> bool {
        !self.0.starts_with("chatctl-")
    }

    /// The name of one member's installation in the tables: the same install of another member is another.
    #[must_use]
    pub fn of(&self, member: &AuthorId) -> String {
        short_hash::<24>(&[b"chatctl install", member.as_str().as_bytes(), self.0.as_bytes()])
    }
}

/// The hash of an endpoint: the client's name (32 characters).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

text::checked_text!(ClientId, "a client's id is 32 characters of base64url", |text| base64url::decode_array::<24>(
    text
)
.is_some());

impl ClientId {
    /// The id of the client with this endpoint.
    #[must_use]
    pub fn of(endpoint: &str) -> Self {
        Self(short_hash::<24>(&[b"chatctl client", endpoint.as_bytes()]))
    }

    /// In which of a room's partitions it is.
    #[must_use]
    pub fn shard(&self, shards: u16) -> u16 {
        let hash = base64url::decode(&self.0).unwrap_or_default();
        let number = hash.iter().take(2).fold(0_u16, |n, byte| n << 8 | u16::from(*byte));
        number % shards.max(1)
    }
}

/// One push subscription in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The hash of its endpoint.
    pub id: ClientId,
    /// In which room.
    pub room: RoomHash,
    /// Whose.
    pub author: AuthorId,
    /// Which installation of the page it is.
    pub install: InstallId,
    /// Where its push service takes messages.
    pub endpoint: Endpoint,
    /// What messages to it are sealed with.
    pub keys: SubscriptionKeys,
    /// The origin of the page that it belongs to, for notifications that name where a click leads.
    pub page: Option<String>,
    /// When it was last written, in milliseconds since 1970.
    pub seen_at: i64,
}

impl Client {
    /// Whether an undelivered message may be replaced by the room's next.
    #[must_use]
    pub fn collapse(&self) -> bool {
        self.install.collapses()
    }

    /// When it is no longer kept, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.seen_at / 1_000 + CLIENT_S
    }

    /// Whether it is still to be told.
    #[must_use]
    pub fn live(&self, now_ms: i64) -> bool {
        self.expires() > now_ms / 1_000
    }

    /// Whether a registration that says `again` needs a write: something changed, or a day has passed.
    #[must_use]
    pub fn outdated_by(&self, again: &Client) -> bool {
        let same = self.keys == again.keys
            && self.author == again.author
            && self.install == again.install
            && self.page == again.page;
        !same || again.seen_at - self.seen_at >= REFRESH_MS
    }
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// A new subscription.
    New,
    /// The subscription was known.
    Known,
    /// The member has as many subscriptions as it may have.
    TooMany,
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
