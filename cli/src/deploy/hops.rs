//! The way of one traced message, from the times that its payload carries. Must not know how it
//! was sent or received.

use chat::fanout::Hops;

use crate::event::Hop;

/// When it was posted and received, by our own clock, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) posted: i64,
    pub(super) received: i64,
}

/// What happened between two times, in the order of the fifteen steps.
const STEPS: [&str; 4] = [
    "posted, admitted and stored (7–8)",
    "read from the stream and queued (9–10)",
    "taken from the queue (11)",
    "sealed, pushed, received and decrypted (12–15)",
];

/// The hops in order; a time that is missing joins its hop to the next one.
pub(super) fn hops(times: &Hops, ends: Ends) -> Vec<Hop> {
    let marks = [times.stored, times.forwarded, times.notified, Some(ends.received)];
    let mut hops = Vec::with_capacity(STEPS.len());
    let mut from = ends.posted;
    for (step, mark) in STEPS.iter().zip(marks) {
        let Some(at) = mark else { continue };
        // The clocks of several computers: a step never ends before it began.
        let at = at.max(from);
        hops.push(Hop { step: (*step).to_owned(), start_ms: ms(from - ends.posted), ms: ms(at - from) });
        from = at;
    }
    hops
}

/// From the post to the decrypted push.
pub(super) fn total_ms(ends: Ends) -> f64 {
    ms(ends.received - ends.posted)
}

fn ms(us: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "microseconds of a few minutes fit a float exactly")]
    let us = us.max(0) as f64;
    us / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends { posted: 1_000_000, received: 1_010_000 };

    fn drawn(times: &Hops) -> Vec<(f64, f64)> {
        hops(times, ENDS).iter().map(|hop| (hop.start_ms, hop.ms)).collect()
    }

    #[test]
    fn each_hop_begins_where_the_one_before_ended_and_together_they_are_the_whole() {
        let times = Hops { stored: Some(1_004_000), forwarded: Some(1_006_000), notified: Some(1_007_500) };
        assert_eq!(drawn(&times), [(0.0, 4.0), (4.0, 2.0), (6.0, 1.5), (7.5, 2.5)]);
        assert!((total_ms(ENDS) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_time_that_is_missing_joins_its_hop_to_the_next() {
        assert_eq!(drawn(&Hops { stored: None, forwarded: Some(1_006_000), notified: None }), [(0.0, 6.0), (6.0, 4.0)]);
        assert_eq!(drawn(&Hops::default()), [(0.0, 10.0)]);
    }

    #[test]
    fn clocks_that_differ_never_make_a_negative_time() {
        let times = Hops { stored: Some(900_000), forwarded: Some(1_006_000), notified: Some(1_005_000) };
        assert_eq!(drawn(&times), [(0.0, 0.0), (0.0, 6.0), (6.0, 0.0), (6.0, 4.0)]);
    }
}
