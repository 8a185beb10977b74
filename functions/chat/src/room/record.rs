//! A room's record: what the operator has set for it, and which tokens it still admits. It must not know where it is kept.

use serde::{Deserialize, Serialize};

use super::{Epoch, RoomHash, RoomName};

/// What the operator has set for a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRecord {
    /// Its name in tables.
    pub hash: RoomHash,
    /// Its name for people.
    pub name: RoomName,
    /// The least epoch that is still valid.
    pub epoch: Epoch,
    /// Into how many partitions its clients are spread.
    pub shards: u16,
    /// How long its messages are kept.
    pub retention_days: u32,
    /// Whether its messages carry the time of each hop.
    pub trace: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ends by itself, in seconds since 1970 (the room of a proof).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The token was good once; its room was revoked, rotated or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link is no longer valid")]
pub struct Revoked;

impl RoomRecord {
    /// The partitions of a room's clients unless the operator says otherwise: one query, one job, while a room is small.
    pub const SHARDS: u16 = 1;
    /// How long messages are kept unless the operator says otherwise.
    pub const RETENTION_DAYS: u32 = 30;

    /// A room with the settings that every room starts with.
    #[must_use]
    pub fn new(hash: RoomHash, name: RoomName, now_ms: i64) -> Self {
        Self {
            hash,
            name,
            epoch: Epoch::default(),
            shards: Self::SHARDS,
            retention_days: Self::RETENTION_DAYS,
            trace: false,
            created_at: now_ms,
            expires: None,
        }
    }

    /// Whether a token of this epoch still opens the room.
    pub fn admit(&self, epoch: Epoch) -> Result<(), Revoked> {
        if epoch < self.epoch { Err(Revoked) } else { Ok(()) }
    }

    /// Whether the room has ended by itself.
    #[must_use]
    pub fn ended(&self, now_ms: i64) -> bool {
        self.expires.is_some_and(|at| at <= now_ms / 1_000)
    }

    /// When a message of now is no longer kept, in seconds since 1970.
    #[must_use]
    pub fn message_expires(&self, now_ms: i64) -> i64 {
        now_ms / 1_000 + i64::from(self.retention_days) * 86_400
    }
}
