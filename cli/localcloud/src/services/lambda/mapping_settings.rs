//! What a call sets of a mapping, checked as AWS checks it: by range, and by whether a stream or a queue has it at all.

use serde_json::Value;

use super::input::Input;
use super::refusals;
use crate::sources::filter::Filter;
use crate::sources::mapping::{Kind, Mapping, Start, kind};
use crate::wire::Refusal;

const MOST_FILTERS: usize = 5;
/// The bounds of a record's age in seconds, and of a queue's batches at once (A33).
const LEAST_AGE: i64 = 60;
const MOST_AGE: i64 = 604_800;
const AT_ONCE: std::ops::RangeInclusive<usize> = 2..=1000;

/// Takes over what a call sets.
pub(super) fn change(mapping: &mut Mapping, input: &Input, kind: Kind) -> Result<(), Refusal> {
    if let Some(enabled) = input.flag("Enabled")? {
        mapping.enabled = enabled;
    }
    if let Some(size) = input.number("BatchSize", 1, 10_000)? {
        mapping.batch_size = usize::try_from(size).unwrap_or(1);
    }
    if let Some(window) = input.number("MaximumBatchingWindowInSeconds", 0, 300)? {
        mapping.window_s = window.unsigned_abs();
    }
    if kind == Kind::Queue && mapping.batch_size > 10 && mapping.window_s == 0 {
        return Err(refusals::invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    if let Some(criteria) = input.get("FilterCriteria") {
        mapping.filters = filters(criteria)?;
    }
    if let Some(types) = input.list("FunctionResponseTypes")? {
        if let Some(other) = types.iter().find(|kind| *kind != "ReportBatchItemFailures") {
            return Err(refusals::invalid(format!(
                "FunctionResponseTypes has {other}; only ReportBatchItemFailures is known"
            )));
        }
        mapping.reports_failures = !types.is_empty();
    }
    match kind {
        Kind::Stream => change_stream(mapping, input),
        Kind::Queue => change_queue(mapping, input),
    }
}

/// What only a stream's mapping has (A20).
fn change_stream(mapping: &mut Mapping, input: &Input) -> Result<(), Refusal> {
    if input.within("ScalingConfig", "MaximumConcurrency").is_some() {
        return Err(refusals::invalid(
            "ScalingConfig.MaximumConcurrency is for queues: a stream is read by its shards",
        ));
    }
    if let Some(retries) = input.number("MaximumRetryAttempts", -1, 10_000)? {
        mapping.retries = u32::try_from(retries).ok();
    }
    if let Some(bisects) = input.flag("BisectBatchOnFunctionError")? {
        mapping.bisects = bisects;
    }
    if let Some(age) = input.number("MaximumRecordAgeInSeconds", -1, MOST_AGE)? {
        if age != -1 && age < LEAST_AGE {
            return Err(refusals::invalid(format!(
                "MaximumRecordAgeInSeconds is {age}; it must be -1 or between {LEAST_AGE} and {MOST_AGE}"
            )));
        }
        mapping.most_age_s = (age > 0).then_some(age);
    }
    if input.number("ParallelizationFactor", 1, 10)?.is_some_and(|factor| factor > 1) {
        return Err(refusals::unsupported("ParallelizationFactor other than 1"));
    }
    if input.number("TumblingWindowInSeconds", 0, 900)?.is_some_and(|window| window > 0) {
        return Err(refusals::unsupported("TumblingWindowInSeconds other than 0"));
    }
    if input.get("DestinationConfig").is_some() {
        mapping.on_failure = destination(input)?;
    }
    Ok(())
}

/// What only a queue's mapping has.
fn change_queue(mapping: &mut Mapping, input: &Input) -> Result<(), Refusal> {
    const OF_STREAMS: [&str; 6] = [
        "MaximumRetryAttempts",
        "BisectBatchOnFunctionError",
        "MaximumRecordAgeInSeconds",
        "ParallelizationFactor",
        "TumblingWindowInSeconds",
        "DestinationConfig",
    ];
    if let Some(name) = OF_STREAMS.iter().find(|name| input.get(name).is_some()) {
        return Err(refusals::invalid(format!("{name} is for streams: a queue has its redrive policy")));
    }
    if let Some(scaling) = input.get("ScalingConfig") {
        // An empty one takes the bound away.
        mapping.at_once = match scaling.get("MaximumConcurrency").filter(|most| !most.is_null()) {
            None => None,
            Some(most) => match most.as_u64().and_then(|most| usize::try_from(most).ok()) {
                Some(most) if AT_ONCE.contains(&most) => Some(most),
                _ => {
                    let (least, most_of_all) = (AT_ONCE.start(), AT_ONCE.end());
                    return Err(refusals::invalid(format!(
                        "ScalingConfig.MaximumConcurrency is {most}; it must be between {least} and {most_of_all}"
                    )));
                }
            },
        };
    }
    Ok(())
}

/// The queue that is told of a stream's records that are given up; an empty destination takes it away.
fn destination(input: &Input) -> Result<Option<String>, Refusal> {
    let destination = input.within("DestinationConfig", "OnFailure").and_then(|target| target.get("Destination"));
    match destination.and_then(Value::as_str).filter(|arn| !arn.is_empty()) {
        None => Ok(None),
        Some(arn) if kind(arn) == Some(Kind::Queue) => Ok(Some(arn.to_owned())),
        Some(other) => {
            Err(refusals::unsupported(&format!("DestinationConfig.OnFailure {other}: it has SQS queues only")))
        }
    }
}

/// Where a stream is read from: must be said for a stream, and cannot for a queue.
pub(super) fn start(input: &Input, kind: Kind) -> Result<Option<Start>, Refusal> {
    match (kind, input.text("StartingPosition")?) {
        (Kind::Stream, Some("TRIM_HORIZON")) => Ok(Some(Start::TrimHorizon)),
        (Kind::Stream, Some("LATEST")) => Ok(Some(Start::Latest)),
        (Kind::Stream, Some(other)) => Err(refusals::unsupported(&format!("StartingPosition {other}"))),
        (Kind::Stream, None) => Err(refusals::invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
        )),
        (Kind::Queue, Some(_)) => Err(refusals::invalid("StartingPosition is not valid for SQS event sources")),
        (Kind::Queue, None) => Ok(None),
    }
}

fn filters(criteria: &Value) -> Result<Vec<Filter>, Refusal> {
    let empty = Vec::new();
    let filters = criteria.get("Filters").and_then(Value::as_array).unwrap_or(&empty);
    if filters.len() > MOST_FILTERS {
        return Err(refusals::invalid(format!("FilterCriteria has more than {MOST_FILTERS} filters")));
    }
    let mut read = Vec::with_capacity(filters.len());
    for filter in filters {
        let pattern = filter.get("Pattern").and_then(Value::as_str).unwrap_or_default();
        let filter = Filter::try_from(pattern.to_owned());
        read.push(filter.map_err(|why| refusals::invalid(format!("Invalid filter pattern definition: {why}")))?);
    }
    Ok(read)
}
