//! The bounded wait. Nothing else in a walk sleeps; time is tokio's, so that a test can pause it.
use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{Fault, Result, Stop};

/// The first interval between two looks, where a resource has none of its own.
pub(crate) const FIRST: Duration = Duration::from_millis(25);
/// Doubling ends here: half of it is what a wait lasts longer than it had to.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);
/// The same where each look does something, and costs more than a look.
pub(crate) const LONGEST_OF_TRIES: Duration = Duration::from_secs(2);

pub(crate) struct Bound<'a> {
    pub(crate) what: &'a str,
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    pub(crate) limit: Duration,
}

pub(crate) async fn settle<T, F, L>(
    bound: Bound<'_>,
    stop: &Stop,
    waiting: impl Fn(Duration) + Send,
    mut look: L,
) -> Result<T>
where
    F: Future<Output = Result<Option<T>>> + Send,
    L: FnMut() -> F + Send,
{
    let start = Instant::now();
    let mut interval = bound.first;
    loop {
        let reason = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(fault) if fault.is_passing() => Some(fault),
            Err(fault) => return Err(fault),
        };
        let waited = start.elapsed();
        let left = bound.limit.saturating_sub(waited);
        if left.is_zero() {
            let reason = reason.unwrap_or_else(|| Fault::new(format!("waiting for {} did not end", bound.what)));
            return Err(reason.passing(false).after(waited));
        }
        waiting(waited);
        tokio::select! {
            () = sleep(interval.min(left)) => {}
            () = stop.wait() => return Err(Fault::stopped()),
        }
        interval = (interval * 2).min(bound.longest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    const BOUND: Bound<'static> = Bound {
        what: "the moon",
        first: Duration::from_millis(250),
        longest: Duration::from_secs(2),
        limit: Duration::from_secs(10),
    };

    #[tokio::test(start_paused = true)]
    async fn a_wait_looks_again_at_doubling_intervals_up_to_the_longest() {
        let (start, at) = (Instant::now(), Mutex::new(Vec::new()));
        let limit = Duration::from_secs(8);
        let end: Result<()> = settle(
            Bound { limit, ..BOUND },
            &Stop::default(),
            |_| {},
            || async {
                at.lock().unwrap().push(start.elapsed().as_millis());
                Ok(None)
            },
        )
        .await;
        assert_eq!(end.unwrap_err().to_string(), "waiting for the moon did not end after 8 s of waiting");
        assert_eq!(*at.lock().unwrap(), [0, 250, 750, 1750, 3750, 5750, 7750, 8000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_fault_is_waited_out_and_quoted_when_it_stays() {
        let looks = AtomicU32::new(0);
        let found = settle(
            BOUND,
            &Stop::default(),
            |_| {},
            || async {
                match looks.fetch_add(1, Ordering::Relaxed) {
                    0..3 => Err(Fault::new("too early").passing(true)),
                    n => Ok(Some(n)),
                }
            },
        )
        .await;
        assert_eq!(found.unwrap(), 3);
        let stays: Result<()> =
            settle(BOUND, &Stop::default(), |_| {}, || async { Err(Fault::new("too early").passing(true)) }).await;
        assert_eq!(stays.unwrap_err().to_string(), "too early after 10 s of waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_fault_ends_the_wait_at_once() {
        let start = Instant::now();
        let end: Result<()> = settle(BOUND, &Stop::default(), |_| {}, || async { Err(Fault::new("no")) }).await;
        assert_eq!(end.unwrap_err().to_string(), "no");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_signal_ends_the_wait() {
        let stop = Stop::default();
        let asked = stop.clone();
        let end: Result<()> = settle(BOUND, &stop, |_| asked.ask(), || async { Ok(None) }).await;
        assert!(end.unwrap_err().is_stopped());
    }
}
