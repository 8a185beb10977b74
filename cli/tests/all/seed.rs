//! Random numbers of a seed that is printed, so that a failing run can be had again: `CHATCTL_TEST_SEED=…`.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator.
pub(crate) struct Seed(u64);

impl Seed {
    /// Of the seed that was given, or of the time; it is printed, and shown where the test fails.
    pub(crate) fn said() -> Self {
        let given = std::env::var("CHATCTL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
        let seed = given.unwrap_or_else(now);
        eprintln!("CHATCTL_TEST_SEED={seed}");
        Self(seed)
    }

    /// The next number below this limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
