//! How a message reaches all clients of a room: an announcement becomes jobs of a bounded number of clients; what
//! is left of a job goes back on the queue, with a bound on how often. It must not know the queue or the clients' store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::ClientId;
use crate::delivery::Verdict;
use crate::message::Message;
use crate::room::{RoomHash, RoomName};

/// How many clients one job tells at most.
pub const CLIENTS_A_JOB: usize = 300;
/// How often work may come back to the queue that it came from.
pub const HOPS: u16 = 512;
/// How long a message is worth telling, in seconds: the TTL of its pushes.
pub const TTL_S: u32 = 86_400;

const VERSION: u8 = 1;

/// When a message passed the steps on its way, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// Stored in the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<i64>,
    /// Taken from the stream and put on the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<i64>,
    /// Taken from the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified: Option<i64>,
}

impl Hops {
    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A message that is to be told to its room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Where.
    pub room: RoomHash,
    /// What the room is called, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_name: Option<RoomName>,
    /// What.
    pub message: Message,
    /// When it passed the steps so far; empty unless the room is traced.
    #[serde(default, skip_serializing_if = "Hops::is_empty")]
    pub hops: Hops,
    /// How often this work came from the notifier itself.
    #[serde(default)]
    pub hop: u16,
}

/// The work came back too often: a loop is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work came back to its queue {HOPS} times")]
pub struct TooManyHops;

impl Announcement {
    /// The jobs that it becomes: one a shard, from the shard's beginning.
    #[must_use]
    pub fn shares(&self, shards: u16) -> Vec<Share> {
        (0..shards.max(1)).map(|shard| Share { announcement: self.clone(), shard, from: None }).collect()
    }

    /// Whether it is too late to tell.
    #[must_use]
    pub fn stale(&self, now_ms: i64) -> bool {
        self.seconds_left(now_ms) == 0
    }

    /// How long it is still worth telling: what the TTL of a push is now.
    #[must_use]
    pub fn seconds_left(&self, now_ms: i64) -> u32 {
        let age_s = (now_ms - self.message.at_ms).max(0) / 1_000;
        TTL_S.saturating_sub(u32::try_from(age_s).unwrap_or(u32::MAX))
    }

    fn again(&self) -> Result<Self, TooManyHops> {
        if self.hop >= HOPS {
            return Err(TooManyHops);
        }
        Ok(Self { hop: self.hop + 1, ..self.clone() })
    }
}

/// A job: tell at most `CLIENTS_A_JOB` clients of a shard, from a place on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What is told.
    #[serde(flatten)]
    pub announcement: Announcement,
    /// Which of the room's partitions.
    pub shard: u16,
    /// The clients after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ClientId>,
}

impl Share {
    /// What is left of the shard after a client: the next job, for the queue.
    pub fn rest(&self, from: ClientId) -> Result<Self, TooManyHops> {
        Ok(Self { announcement: self.announcement.again()?, shard: self.shard, from: Some(from) })
    }
}

/// A client that was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which client.
    pub id: ClientId,
    /// How often it was tried.
    pub tries: u8,
}

/// A job: tell these clients, that could not be told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// What is told.
    #[serde(flatten)]
    pub announcement: Announcement,
    /// To whom, each with its own tries.
    pub clients: Vec<Tried>,
}

impl Retry {
    /// The jobs for clients that could not be told, each with the pause it needs. Pauses are rounded up to a few
    /// lengths, so that many clients become few jobs, and one service's pause delays nobody else's.
    pub fn jobs(
        announcement: &Announcement,
        failed: Vec<(Tried, Duration)>,
    ) -> Result<Vec<(Self, Duration)>, TooManyHops> {
        let mut by_pause = std::collections::BTreeMap::<Duration, Vec<Tried>>::new();
        for (tried, pause) in failed {
            by_pause.entry(rounded(pause)).or_default().push(tried);
        }
        let again = announcement.again();
        let mut jobs = Vec::new();
        for (pause, clients) in by_pause {
            for clients in clients.chunks(CLIENTS_A_JOB) {
                jobs.push((Self { announcement: again.clone()?, clients: clients.to_vec() }, pause));
            }
        }
        Ok(jobs)
    }
}

/// The next of 1, 2, 4 … 512, 900 seconds.
fn rounded(pause: Duration) -> Duration {
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    Duration::from_secs(seconds.clamp(1, 900).next_power_of_two().min(900))
}

/// A test push, to see what each push service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// In which room.
    pub room: RoomHash,
    /// To these clients, or to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<ClientId>>,
    /// What names this test; it comes back as the id of the push.
    pub nonce: String,
}

/// What came of a test push to one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which client.
    pub id: ClientId,
    /// The host of its push service.
    pub host: String,
    /// What the service answered, if it did.
    pub status: Option<u16>,
    /// What that means.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What came of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// Each client that was tried.
    pub told: Vec<Told>,
    /// Clients that were asked for and are not there.
    #[serde(default)]
    pub unknown: Vec<ClientId>,
}

/// What the notifier can be given to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// A message that is to be told.
    Announce(Announcement),
    /// A share of the clients.
    Share(Share),
    /// Clients that could not be told before.
    Retry(Retry),
    /// A test push.
    Test(Test),
}

/// The body of a message on the queue can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BadWork {
    /// Not of the form that this version writes.
    #[error("the work on the queue can't be read: {0}")]
    Form(#[from] serde_json::Error),
    /// Written by a version with another form.
    #[error("the work on the queue is of version {0}, not {VERSION}")]
    Version(u8),
}

#[derive(Serialize)]
struct Out<'a> {
    v: u8,
    #[serde(flatten)]
    work: &'a Work,
}

#[derive(Deserialize)]
struct In {
    v: u8,
}

impl Work {
    /// As it stands on the queue.
    #[must_use]
    pub fn to_body(&self) -> String {
        match serde_json::to_string(&Out { v: VERSION, work: self }) {
            Ok(body) => body,
            Err(_) => unreachable!("work is made of texts and numbers"),
        }
    }

    /// As it stood on the queue.
    pub fn parse(body: &str) -> Result<Self, BadWork> {
        let In { v } = serde_json::from_str(body)?;
        if v != VERSION {
            return Err(BadWork::Version(v));
        }
        Ok(serde_json::from_str(body)?)
    }

    /// Of which room it is: the group in which the queue is fair.
    #[must_use]
    pub fn room(&self) -> &RoomHash {
        match self {
            Self::Announce(announcement) => &announcement.room,
            Self::Share(share) => &share.announcement.room,
            Self::Retry(retry) => &retry.announcement.room,
            Self::Test(test) => &test.room,
        }
    }
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
