//! An event source mapping as it is kept: what reads what, for which function, and how. Knows no API and no process.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// Records go to a function from a stream or a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mapping {
    pub(crate) uuid: String,
    pub(crate) source_arn: String,
    /// The function's name, and the alias or version if one is named.
    pub(crate) function: String,
    pub(crate) qualifier: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) batch_size: usize,
    pub(crate) window_s: u64,
    pub(crate) filters: Vec<Filter>,
    /// Whether the function's answer names the records that failed (`ReportBatchItemFailures`).
    pub(crate) reports_failures: bool,
    /// Where a stream is read from at first.
    pub(crate) start: Option<Start>,
    /// After so many tries again a stream's record is left; `None` is never.
    pub(crate) retries: Option<u32>,
    /// Whether a stream's batch that failed is cut in two.
    #[serde(default)]
    pub(crate) bisects: bool,
    /// A stream's record that is older than this is left; `None` is none.
    #[serde(default)]
    pub(crate) most_age_s: Option<i64>,
    /// The queue that is told what a stream left, by its ARN.
    #[serde(default)]
    pub(crate) on_failure: Option<String>,
    /// How many of a queue's batches may be with the function at once.
    #[serde(default)]
    pub(crate) at_once: Option<usize>,
    pub(crate) modified: i64,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Where a mapping starts to read a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Start {
    /// At the oldest record.
    #[serde(rename = "TRIM_HORIZON")]
    TrimHorizon,
    /// After the newest record.
    #[serde(rename = "LATEST")]
    Latest,
}

/// What a mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Queue,
}

impl Mapping {
    /// What it reads, by its source's ARN.
    pub(crate) fn kind(&self) -> Option<Kind> {
        kind(&self.source_arn)
    }

    /// How long a batch may wait to become full.
    pub(super) fn window(&self) -> Duration {
        Duration::from_secs(self.window_s)
    }

    /// Whether a record is for the function: without filters each one is.
    pub(super) fn wants(&self, record: &serde_json::Value) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(record))
    }
}

/// What a source's ARN stands for, if a mapping can read it.
pub(crate) fn kind(source_arn: &str) -> Option<Kind> {
    if source_arn.starts_with("arn:aws:dynamodb:") && source_arn.contains("/stream/") {
        return Some(Kind::Stream);
    }
    source_arn.starts_with("arn:aws:sqs:").then_some(Kind::Queue)
}
