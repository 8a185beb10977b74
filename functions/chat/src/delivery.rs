//! What a push service's answer means and when a try is repeated. It must not know how pushes travel.
//! A 201 is no proof that anybody saw the message; a 401 or 403 is never a reason to forget a client, since one wrong
//! key or clock would wipe them all (RFC 8030, RFC 8292, PUSH.md section 4).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rfc3339;

/// How often one client is tried for one message.
pub const TRIES: u8 = 6;
/// The longest pause between two tries that is waited for: the longest delay of a queue.
pub const PAUSE_MAX: Duration = Duration::from_secs(900);

/// What a push service answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// What that means for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// The service took it.
    Delivered,
    /// The subscription is over: forget the client.
    Gone,
    /// Try again, at the earliest after so many seconds if the service said so.
    Later(#[serde(with = "seconds")] Option<Duration>),
    /// Never to be sent like this again; the client stays.
    Refused(Refused),
    /// Too large for this service: never again with these bytes.
    TooLarge,
}

/// Why a service refuses for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// A 3xx: redirects are not followed.
    #[error("it redirects, which is not followed")]
    Redirect,
    /// A 400: a header or the keys are not as it wants them.
    #[error("it calls the request malformed: the subscription's keys or a header are wrong")]
    Malformed,
    /// A 401 or 403: the VAPID key is not the one that the client subscribed with, or the clock is wrong.
    #[error("it does not accept the signature: another VAPID key than the client subscribed with, or a wrong clock")]
    Signature,
    /// Any other status.
    #[error("it refuses for a reason of its own")]
    Other,
    /// The endpoint is no longer on the stage's list of push services.
    #[error("the stage does not send to this push service")]
    NotAllowed,
    /// The keys of the client can't be used.
    #[error("the client's keys can't be used")]
    Keys,
}

impl PushAnswer {
    /// What the answer of the service at this host means.
    #[must_use]
    pub fn verdict(&self, host: &str) -> Verdict {
        match self.status {
            200..=299 => Verdict::Delivered,
            404 | 410 => Verdict::Gone,
            413 => Verdict::TooLarge,
            429 | 408 | 425 => Verdict::Later(self.retry_after),
            // Microsoft's word for 429.
            406 if host.ends_with(".notify.windows.com") => Verdict::Later(self.retry_after),
            500..=599 => Verdict::Later(self.retry_after),
            300..=399 => Verdict::Refused(Refused::Redirect),
            400 => Verdict::Refused(Refused::Malformed),
            401 | 403 => Verdict::Refused(Refused::Signature),
            _ => Verdict::Refused(Refused::Other),
        }
    }
}

/// How long to wait before the next try, or `None` when it is given up: out of tries, or asked to wait longer than
/// a queue can hold a message. `spread` is a random byte: it keeps those who failed together from coming together.
#[must_use]
pub fn pause(tries: u8, asked: Option<Duration>, spread: u8) -> Option<Duration> {
    if tries >= TRIES || asked.is_some_and(|asked| asked > PAUSE_MAX) {
        return None;
    }
    // 1, 4, 16, 64, 256 seconds, halved at the most by chance.
    let step = Duration::from_secs(1 << (2 * u32::from(tries.saturating_sub(1)).min(5)));
    let chance = step / 2 + step.mul_f32(f32::from(spread) / 510.0);
    Some(asked.unwrap_or_default().max(chance).min(PAUSE_MAX))
}

/// The header `Retry-After`: seconds, or a date as RFC 9110 writes it.
#[must_use]
pub fn retry_after(header: &str, now_s: i64) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let at = http_date(header)?;
    Some(Duration::from_secs(at.saturating_sub(now_s).max(0).unsigned_abs()))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, in seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let time: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = time[..] else { return None };
    let text = format!("{year:0>4}-{month:02}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}.000Z");
    Some(rfc3339::parse(&text)? / 1_000)
}

/// A duration as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(|d| d.as_secs()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_secs))
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
