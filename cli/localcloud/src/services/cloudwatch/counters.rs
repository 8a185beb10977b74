//! What functions' invocations were, counted by minute in memory: a lock and a few additions an invocation. It is gone
//! when the cloud ends, as a metric of minutes that nobody looked at may be.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many minutes with invocations are kept of each function.
const MINUTES_KEPT: usize = 360;
pub(super) const MINUTE_MS: i64 = 60_000;

/// The numbers behind a metric over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Statistics {
    /// Of one value.
    pub(crate) fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, least: value, most: value }
    }

    /// Of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// One minute of a function.
#[derive(Debug, Default)]
struct Minute {
    at: i64,
    invocations: u32,
    errors: u32,
    throttles: u32,
    duration: Option<Statistics>,
    iterator_age: Option<Statistics>,
}

/// Every function's minutes, the last one last.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<HashMap<String, VecDeque<Minute>>>);

impl Counters {
    /// An invocation ended.
    pub(crate) fn invoked(&self, function: &str, failed: bool, took: Duration, now_ms: i64) {
        self.count(function, now_ms, |minute| {
            minute.invocations += 1;
            minute.errors += u32::from(failed);
            let took = Statistics::of(took.as_secs_f64() * 1000.0);
            minute.duration = Some(minute.duration.map_or(took, |so_far| so_far.and(took)));
        });
    }

    /// An invocation was refused, for as many ran as may.
    pub(crate) fn throttled(&self, function: &str, now_ms: i64) {
        self.count(function, now_ms, |minute| minute.throttles += 1);
    }

    /// A batch of a stream was handed over, its last record this old.
    pub(crate) fn read(&self, function: &str, age: Duration, now_ms: i64) {
        self.count(function, now_ms, |minute| {
            let age = Statistics::of(age.as_secs_f64() * 1000.0);
            minute.iterator_age = Some(minute.iterator_age.map_or(age, |so_far| so_far.and(age)));
        });
    }

    fn count(&self, function: &str, now_ms: i64, add: impl FnOnce(&mut Minute)) {
        let at = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let mut functions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !functions.contains_key(function) {
            functions.insert(function.to_owned(), VecDeque::new());
        }
        let Some(minutes) = functions.get_mut(function) else { return };
        if minutes.back().is_none_or(|last| last.at < at) {
            minutes.push_back(Minute { at, ..Minute::default() });
        }
        if minutes.len() > MINUTES_KEPT {
            minutes.pop_front();
        }
        if let Some(minute) = minutes.back_mut() {
            add(minute);
        }
    }

    /// The functions that were invoked.
    pub(super) fn functions(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        names.sort();
        names
    }

    /// A metric of a function, by minutes that begin in a span of time.
    pub(super) fn points(&self, function: &str, metric: &str, from: i64, to: i64) -> Vec<(i64, Statistics)> {
        let functions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minutes = functions.get(function).into_iter().flatten().filter(|one| (from..to).contains(&one.at));
        minutes.filter_map(|minute| Some((minute.at, value(minute, metric)?))).collect()
    }
}

/// Lambda gives a point of each of its counts in every minute with an attempt.
fn value(minute: &Minute, metric: &str) -> Option<Statistics> {
    let attempts = minute.invocations + minute.throttles;
    let counted = |count: u32| {
        (attempts > 0).then(|| Statistics {
            count: f64::from(attempts),
            sum: f64::from(count),
            least: 0.0,
            most: f64::from(count.min(1)),
        })
    };
    match metric {
        "Invocations" => counted(minute.invocations),
        "Errors" => counted(minute.errors),
        "Throttles" => counted(minute.throttles),
        "Duration" => minute.duration,
        "IteratorAge" => minute.iterator_age,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocations_are_counted_with_their_errors_throttles_and_times() {
        const NOW: i64 = 1_700_000_000_000;
        let counters = Counters::default();
        counters.invoked("f", false, Duration::from_millis(10), NOW);
        counters.invoked("f", true, Duration::from_millis(30), NOW);
        counters.throttled("f", NOW);
        counters.read("f", Duration::from_secs(2), NOW);
        let sum = |metric: &str| counters.points("f", metric, 0, i64::MAX).iter().map(|(_, s)| s.sum).sum::<f64>();
        assert_eq!(
            ["Invocations", "Errors", "Throttles", "Duration", "IteratorAge"].map(sum),
            [2.0, 1.0, 1.0, 40.0, 2000.0]
        );
        assert!(counters.points("g", "Errors", 0, i64::MAX).is_empty());
        assert!(counters.points("f", "Errors", 0, 1).is_empty());
        assert_eq!(counters.functions(), ["f"]);
    }
}
