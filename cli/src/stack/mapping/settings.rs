//! What can be set of a mapping: as it is wanted, as it is listed, and as a call says it. A stream's mapping has its own
//! bounds (A20), a queue's has another (A33); what the other kind has is never said.

use std::time::Duration;

use aws_sdk_lambda::types::{
    DestinationConfig, EventSourceMappingConfiguration, Filter, FilterCriteria, FunctionResponseType, OnFailure,
    ScalingConfig,
};
use reconcile::Fields;
use serde_json::Value;

/// What both kinds have, and what each has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) struct Settings {
    pub(in crate::stack) function: String,
    pub(in crate::stack) batch: i32,
    pub(in crate::stack) window: i32,
    pub(in crate::stack) filter: Option<Value>,
    pub(in crate::stack) reports_items: bool,
    pub(in crate::stack) enabled: bool,
    pub(in crate::stack) bounds: Bounds,
}

/// What keeps one bad record, or too many of them, from doing harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) enum Bounds {
    /// A20: a batch that fails is cut in two; what was tried too often or is too old goes to a queue.
    Stream { bisects: bool, retries: Option<i32>, age: Option<Duration>, on_failure: Option<String> },
    /// A33: so many batches at once, by the mapping and not by reserved concurrency. Tries are the queue's own business.
    Queue { at_once: Option<i32> },
}

impl Settings {
    /// Those of a mapping that is listed.
    pub(super) fn of(it: &EventSourceMappingConfiguration) -> Option<Self> {
        let filters = it.filter_criteria().map(FilterCriteria::filters).unwrap_or_default();
        let filter = filters.first().and_then(Filter::pattern);
        Some(Self {
            function: it.function_arn.clone()?,
            batch: it.batch_size.unwrap_or_default(),
            window: it.maximum_batching_window_in_seconds.unwrap_or_default(),
            filter: filter.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))),
            reports_items: it.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures),
            enabled: !it.state().unwrap_or_default().starts_with("Disabl"),
            bounds: Bounds::of(it),
        })
    }

    pub(super) fn filters(&self) -> FilterCriteria {
        let filter = self.filter.as_ref().map(|pattern| Filter::builder().pattern(pattern.to_string()).build());
        FilterCriteria::builder().set_filters(Some(filter.into_iter().collect())).build()
    }

    pub(super) fn reports(&self) -> Vec<FunctionResponseType> {
        self.reports_items.then_some(FunctionResponseType::ReportBatchItemFailures).into_iter().collect()
    }
}

/// How a call says that there is no bound.
const NO_BOUND: i32 = -1;

impl Bounds {
    fn of(it: &EventSourceMappingConfiguration) -> Self {
        if !it.event_source_arn().is_some_and(|arn| arn.contains("/stream/")) {
            return Self::Queue { at_once: it.scaling_config().and_then(ScalingConfig::maximum_concurrency) };
        }
        let age = it.maximum_record_age_in_seconds.and_then(|age| u64::try_from(age).ok()).filter(|age| *age > 0);
        let on_failure = it.destination_config().and_then(DestinationConfig::on_failure);
        let on_failure = on_failure.and_then(OnFailure::destination).filter(|arn| !arn.is_empty());
        Self::Stream {
            bisects: it.bisect_batch_on_function_error.unwrap_or_default(),
            retries: it.maximum_retry_attempts.filter(|retries| *retries >= 0),
            age: age.map(Duration::from_secs),
            on_failure: on_failure.map(str::to_owned),
        }
    }

    pub(super) fn bisects(&self) -> Option<bool> {
        match self {
            Self::Stream { bisects, .. } => Some(*bisects),
            Self::Queue { .. } => None,
        }
    }

    pub(super) fn retries(&self) -> Option<i32> {
        match self {
            Self::Stream { retries, .. } => Some(retries.unwrap_or(NO_BOUND)),
            Self::Queue { .. } => None,
        }
    }

    pub(super) fn age(&self) -> Option<i32> {
        match self {
            Self::Stream { age, .. } => Some(age.map_or(NO_BOUND, seconds)),
            Self::Queue { .. } => None,
        }
    }

    /// An empty destination takes away the one that is set.
    pub(super) fn destination(&self) -> Option<DestinationConfig> {
        match self {
            Self::Stream { on_failure, .. } => {
                let target = OnFailure::builder().set_destination(on_failure.clone()).build();
                Some(DestinationConfig::builder().on_failure(target).build())
            }
            Self::Queue { .. } => None,
        }
    }

    /// An empty scaling takes away the bound that is set.
    pub(super) fn scaling(&self) -> Option<ScalingConfig> {
        match self {
            Self::Stream { .. } => None,
            Self::Queue { at_once } => Some(ScalingConfig::builder().set_maximum_concurrency(*at_once).build()),
        }
    }
}

fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

impl Fields for Settings {
    fn fields(&self) -> Vec<(String, String)> {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        let mut fields = vec![
            ("function".into(), self.function.clone()),
            ("batch".into(), self.batch.to_string()),
            ("window".into(), format!("{} s", self.window)),
            ("filter".into(), or_none(self.filter.as_ref().map(Value::to_string))),
            ("reports items".into(), self.reports_items.to_string()),
            ("enabled".into(), self.enabled.to_string()),
        ];
        match &self.bounds {
            Bounds::Stream { bisects, retries, age, on_failure } => fields.extend([
                ("bisects".into(), bisects.to_string()),
                ("retries".into(), or_none(retries.map(|retries| retries.to_string()))),
                ("record age".into(), or_none(age.map(|age| format!("{} s", age.as_secs())))),
                ("on failure".into(), or_none(on_failure.clone())),
            ]),
            Bounds::Queue { at_once } => {
                fields.push(("batches at once".into(), or_none(at_once.map(|most| most.to_string()))));
            }
        }
        fields
    }
}
