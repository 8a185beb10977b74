//! Where the time and the dice come from: the one place of the functions that reads the clock and
//! draws random bytes. Handlers take both as values, so that a test can choose them.

use std::time::{SystemTime, UNIX_EPOCH};

/// An instant, in microseconds since 1970, and random bytes drawn for it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Microseconds since 1970-01-01 UTC.
    pub micros: i64,
    /// Random bytes, enough for one message id.
    pub random: [u8; 10],
}

impl Moment {
    /// The present.
    pub fn present() -> Self {
        Self { micros: now_micros(), random: chat::random::bytes() }
    }

    /// A moment of a test's choosing.
    pub const fn at_ms(ms: i64) -> Self {
        Self { micros: ms * 1_000, random: [7; 10] }
    }

    /// Milliseconds since 1970.
    pub const fn ms(&self) -> i64 {
        self.micros / 1_000
    }

    /// Seconds since 1970.
    pub const fn secs(&self) -> i64 {
        self.micros / 1_000_000
    }
}

/// Microseconds since 1970, by the system's clock.
#[allow(clippy::disallowed_methods, reason = "the functions' clock")]
pub fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
