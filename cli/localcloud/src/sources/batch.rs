//! A batch of records: handed to a function, and what its answer means for each of them. Pure but for the one call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::mapping::Mapping;
use crate::Cloud;
use crate::services::lambda::{Invoked, Invoking};

/// What an event may have.
pub(super) const EVENT_BYTES: usize = 6 * 1024 * 1024 - 1024;
/// How long a batch waits for a free place of its function.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between tries: from this on, doubling, up to that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is done.
    Done,
    /// These failed, by position; the others are done.
    Failed(Vec<usize>),
    /// All of it failed.
    AllFailed,
    /// The function was not called at all, and why.
    NotCalled(String),
}

/// A call of the function that was made, as it is told where records are given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) request_id: String,
    pub(super) version: String,
    /// `Unhandled`, unless the function answered.
    pub(super) error: Option<String>,
}

/// Hands records to the mapping's function, as a part of a trace if there is one.
pub(super) async fn deliver(
    cloud: &Arc<Cloud>,
    mapping: &Mapping,
    records: &[Value],
    ids: &[String],
    trace: Option<String>,
) -> (Verdict, Option<Call>) {
    if let Some(age) = age(records.last(), cloud.now_ms()) {
        cloud.cloudwatch.counters().read(&mapping.function, age, cloud.now_ms());
    }
    let payload = json!({ "Records": records }).to_string();
    let how = Invoking { patience: Some(PATIENCE), trace, ..Invoking::default() };
    let qualifier = mapping.qualifier.as_deref();
    match cloud.lambda.invoke_as(cloud, &mapping.function, qualifier, payload.into(), how).await {
        Ok(invoked) => {
            let verdict = judge(&invoked, ids, mapping.reports_failures);
            let Invoked { request_id, version, error, .. } = invoked;
            (verdict, Some(Call { request_id, version, error }))
        }
        Err(refusal) => (Verdict::NotCalled(refusal.message), None),
    }
}

/// How old a stream's record is; a queue's has no such age.
fn age(record: Option<&Value>, now_ms: i64) -> Option<Duration> {
    let made_at = record?["dynamodb"]["ApproximateCreationDateTime"].as_f64()?;
    Some(Duration::from_secs_f64((now_ms as f64 / 1000.0 - made_at).max(0.0)))
}

/// What an answer says of the records, by their ids.
fn judge(invoked: &Invoked, ids: &[String], reports_failures: bool) -> Verdict {
    if invoked.error.is_some() {
        return Verdict::AllFailed;
    }
    if !reports_failures {
        return Verdict::Done;
    }
    let answer: Value = match serde_json::from_slice(&invoked.payload) {
        Ok(answer) => answer,
        Err(_) if invoked.payload.is_empty() => Value::Null,
        Err(_) => return Verdict::AllFailed,
    };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Verdict::Done,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Verdict::AllFailed,
    };
    let mut failed = Vec::with_capacity(failures.len());
    for failure in failures {
        let id = failure.get("itemIdentifier").and_then(Value::as_str);
        match id.and_then(|id| ids.iter().position(|known| known == id)) {
            Some(at) => failed.push(at),
            None => return Verdict::AllFailed, // one that is not of this batch: nothing can be told apart
        }
    }
    failed.sort_unstable();
    failed.dedup();
    if failed.is_empty() { Verdict::Done } else { Verdict::Failed(failed) }
}

/// How long to wait after so many failures in a row.
pub(super) fn backoff(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// How many of these records fit into one event, at least one.
pub(super) fn fitting<'a>(records: impl Iterator<Item = &'a Value>, most: usize) -> usize {
    let mut bytes = 0;
    let fitting = records.take(most).take_while(|record| {
        bytes += record.to_string().len() + 1;
        bytes <= EVENT_BYTES
    });
    fitting.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoked(payload: &str, error: Option<&str>) -> Invoked {
        Invoked {
            request_id: "r".to_owned(),
            payload: payload.to_owned().into(),
            error: error.map(str::to_owned),
            log_tail: None,
            version: "1".to_owned(),
        }
    }

    fn judged(payload: &str) -> Verdict {
        judge(&invoked(payload, None), &["a", "b", "c"].map(str::to_owned), true)
    }

    #[test]
    fn an_answer_names_the_records_that_failed() {
        for (payload, verdict) in [
            ("null", Verdict::Done),
            ("", Verdict::Done),
            ("{}", Verdict::Done),
            (r#"{"batchItemFailures":null}"#, Verdict::Done),
            (r#"{"batchItemFailures":[]}"#, Verdict::Done),
            (r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"b"}]}"#, Verdict::Failed(vec![1, 2])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#, Verdict::AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, Verdict::AllFailed),
            (r#"{"batchItemFailures":[{}]}"#, Verdict::AllFailed),
            (r#"{"batchItemFailures":7}"#, Verdict::AllFailed),
            ("rubbish", Verdict::AllFailed),
        ] {
            assert_eq!(judged(payload), verdict, "{payload}");
        }
    }

    #[test]
    fn a_function_that_fails_has_done_nothing() {
        assert_eq!(judge(&invoked("{}", Some("Unhandled")), &["a".to_owned()], false), Verdict::AllFailed);
    }

    #[test]
    fn a_streams_record_has_an_age_and_a_queues_has_none() {
        let record = json!({ "dynamodb": { "ApproximateCreationDateTime": 10.5 } });
        assert_eq!(age(Some(&record), 12_000), Some(Duration::from_millis(1500)));
        assert_eq!(age(Some(&record), 0), Some(Duration::ZERO));
        assert_eq!(age(Some(&json!({ "body": "x" })), 0), None);
        assert_eq!(age(None, 0), None);
    }

    #[test]
    fn waiting_grows_to_a_bound() {
        assert_eq!(backoff(1), FIRST_PAUSE);
        assert_eq!(backoff(3), FIRST_PAUSE * 4);
        assert_eq!(backoff(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn an_event_is_cut_at_its_size_but_never_empty() {
        let large = json!("x".repeat(4 * 1024 * 1024));
        assert_eq!(fitting([&large, &large].into_iter(), 10), 1);
        let small = json!("x");
        assert_eq!(fitting(std::iter::repeat_n(&small, 20), 10), 10);
        let huge = json!("x".repeat(7 * 1024 * 1024));
        assert_eq!(fitting([&huge].into_iter(), 10), 1);
    }
}
