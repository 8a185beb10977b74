//! What was drawn, and until when it lasts: one book for all services, because one's weather is another's trouble.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{Span, Wait};

/// Times are milliseconds since 1970, by the cloud's clock.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    random: u64,
    /// Every wait that there was, for whoever asks how long a run had to take.
    pub(super) waits: Vec<Wait>,
    pub(super) roles: BTreeMap<String, Role>,
    /// How many roles there ever were: the number of one is its identity (A1).
    pub(super) identities: u64,
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) functions: BTreeMap<String, Function>,
    /// Until when a log group is not found.
    pub(super) log_groups: BTreeMap<String, i64>,
    pub(super) mappings: BTreeMap<String, Mapping>,
    /// Tables and mappings that are on their way out, as they are shown until then.
    pub(super) leaving: BTreeMap<String, (i64, Value)>,
    /// Until when a queue is not found, and until when a name is blocked.
    pub(super) queues: BTreeMap<String, i64>,
    pub(super) blocked: BTreeMap<String, i64>,
    /// Until when an API is being written, and when all were.
    pub(super) apis: BTreeMap<String, i64>,
    pub(super) written: VecDeque<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Role {
    pub(super) identity: u64,
    pub(super) found: i64,
    pub(super) believed: i64,
    /// Until when what it may do is not known everywhere.
    pub(super) permitted: i64,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) found: i64,
    pub(super) busy: i64,
    pub(super) status: &'static str,
    pub(super) backups: i64,
    pub(super) ttl_set: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) found: i64,
    pub(super) pending: i64,
    pub(super) busy: i64,
    pub(super) role: String,
    /// Which of the roles of that name it was given (A1).
    pub(super) identity: u64,
}

#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) until: i64,
    pub(super) state: String,
}

impl Drawn {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self { random: seed, ..Self::default() }
    }

    /// The next number (splitmix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether something happens that does so often in a thousand.
    pub(super) fn happens(&mut self, in_a_thousand: u64) -> bool {
        in_a_thousand > 0 && self.next() % 1000 < in_a_thousand
    }

    /// A moment from `now` on, inside the span.
    pub(super) fn until(&mut self, now: i64, span: &Span) -> i64 {
        let (from, to) = (span.start().as_millis(), span.end().as_millis());
        let room = u64::try_from(to.saturating_sub(from)).unwrap_or_default();
        let more = if room == 0 { 0 } else { self.next() % (room + 1) };
        let from = u64::try_from(from).unwrap_or_default();
        now.saturating_add_unsigned(from + more)
    }

    /// The same, noted as a wait of this kind for this thing.
    pub(super) fn lasts(&mut self, now: i64, span: &Span, what: &'static str, of: &str) -> i64 {
        let until = self.until(now, span);
        self.waits.push(Wait { what, of: of.to_owned(), ms: until - now });
        until
    }

    /// What is shown of something that is on its way out.
    pub(super) fn leaves(&self, now: i64, what: &str) -> Option<&Value> {
        self.leaving.get(what).filter(|(until, _)| now < *until).map(|(_, shown)| shown)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_stays_inside_its_span() {
        let span = Duration::from_millis(5)..=Duration::from_millis(9);
        let draw = |seed| {
            let mut drawn = Drawn::from_seed(seed);
            (0..100).map(|_| drawn.until(100, &span)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mut all = draw(7);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, [105, 106, 107, 108, 109]);
    }
}
