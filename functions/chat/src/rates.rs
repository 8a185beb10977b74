//! How much one member or one address may post: a fixed window for each. It must not know where counts are kept.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::message::AuthorId;

/// So many posts in a window of so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Posts in a window.
    pub posts: u32,
    /// The length of a window.
    pub window_s: u32,
}

/// What a member may post.
pub const MEMBER: Limit = Limit { posts: 30, window_s: 10 };
/// What an address may post; many members may share one.
pub const ADDRESS: Limit = Limit { posts: 120, window_s: 10 };

impl Limit {
    /// When the window of now began, in seconds since 1970.
    #[must_use]
    pub fn window(&self, now_ms: i64) -> i64 {
        let now_s = now_ms.div_euclid(1_000);
        now_s - now_s.rem_euclid(i64::from(self.window_s.max(1)))
    }

    /// In how many seconds the next window begins, at least one.
    #[must_use]
    pub fn retry_after_s(&self, now_ms: i64) -> u32 {
        let end_ms = (self.window(now_ms) + i64::from(self.window_s.max(1))) * 1_000;
        u32::try_from((end_ms - now_ms + 999) / 1_000).unwrap_or(1).max(1)
    }

    /// When a window's count is no longer kept, in seconds since 1970.
    #[must_use]
    pub fn expires(&self, now_ms: i64) -> i64 {
        self.window(now_ms) + i64::from(self.window_s) + 60
    }
}

/// The stage's key for hashing addresses: without it a table would tell who was there.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressKey([u8; 32]);

impl AddressKey {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(hidden)")
    }
}

/// Who is counted: a member, or an address by its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Who(String);

impl Who {
    /// A member.
    #[must_use]
    pub fn member(author: &AuthorId) -> Self {
        Self(format!("m-{author}"))
    }

    /// An address; of IPv6 the network of 64 bits, since one household has all of it.
    #[must_use]
    pub fn address(key: &AddressKey, address: &str) -> Self {
        let known = match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Ok(IpAddr::V6(ip)) => ip.octets()[..8].to_vec(),
            Err(_) => address.as_bytes().to_vec(),
        };
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.0), &known);
        Self(format!("a-{}", base64url::encode(&mac.as_ref()[..18])))
    }

    /// As it stands in a key of the tables.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether one more post is counted in or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Counted.
    Admitted,
    /// The window is full.
    Refused {
        /// When to come again.
        retry_after_s: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_fixed_and_its_end_is_told_in_whole_seconds() {
        let limit = Limit { posts: 1, window_s: 10 };
        assert_eq!(limit.window(1_700_000_009_999), 1_700_000_000);
        assert_eq!(limit.window(1_700_000_010_000), 1_700_000_010);
        assert_eq!(limit.retry_after_s(1_700_000_000_000), 10);
        assert_eq!(limit.retry_after_s(1_700_000_009_001), 1);
        assert_eq!(limit.retry_after_s(1_700_000_008_999), 2);
    }

    #[test]
    fn an_address_is_counted_by_a_hash_that_only_the_stage_can_make() {
        let (one, other) = (AddressKey::from_bytes([1; 32]), AddressKey::from_bytes([2; 32]));
        let who = Who::address(&one, "192.0.2.1");
        assert_eq!(who, Who::address(&one, "::ffff:192.0.2.1"));
        assert_ne!(who, Who::address(&other, "192.0.2.1"));
        assert_ne!(who, Who::address(&one, "192.0.2.2"));
        assert!(!who.as_str().contains("192"));
    }

    #[test]
    fn a_household_with_ipv6_is_one_address() {
        let key = AddressKey::from_bytes([1; 32]);
        assert_eq!(Who::address(&key, "2001:db8:1:2::1"), Who::address(&key, "2001:db8:1:2:ffff::9"));
        assert_ne!(Who::address(&key, "2001:db8:1:2::1"), Who::address(&key, "2001:db8:1:3::1"));
    }

    #[test]
    fn a_member_and_an_address_never_share_a_count() {
        let author = crate::message::MemberSecret::parse(&base64url::encode([7; 32])).unwrap().author();
        assert!(Who::member(&author).as_str().starts_with("m-"));
        assert!(Who::address(&AddressKey::from_bytes([0; 32]), "x").as_str().starts_with("a-"));
    }
}
