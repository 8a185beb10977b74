//! Metrics: what Lambda's functions counted, and what SQS's queues are like at the moment they are looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::counters::{MINUTE_MS, Statistics};
use super::{invalid, number, text, whole};
use crate::{Cloud, Refusal};

const LAMBDA: &str = "AWS/Lambda";
const SQS: &str = "AWS/SQS";
const OF_FUNCTIONS: &[&str] = &["Duration", "Errors", "Invocations", "IteratorAge", "Throttles"];
const OF_QUEUES: &[&str] = &[
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesVisible",
];
const STATISTICS: &[&str] = &["Average", "Maximum", "Minimum", "SampleCount", "Sum"];
const LONGEST_PERIOD: i64 = 86_400;

/// Which metric, of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// The metric that a call means.
    pub(super) fn read(input: &Value) -> Result<Self, Refusal> {
        let dimension = |one: &Value| Ok::<_, Refusal>((text(one, "Name")?.to_owned(), text(one, "Value")?.to_owned()));
        let dimensions =
            input["Dimensions"].as_array().into_iter().flatten().map(dimension).collect::<Result<_, _>>()?;
        Ok(Self {
            namespace: text(input, "Namespace")?.to_owned(),
            name: text(input, "MetricName")?.to_owned(),
            dimensions,
        })
    }

    pub(super) fn shown(&self) -> Value {
        let dimensions = self.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        json!({ "Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions.collect::<Value>() })
    }

    /// Its points in a span of time, by minute; one that this cloud does not know has none, as on AWS.
    pub(super) fn points(&self, cloud: &Cloud, from: i64, to: i64) -> Result<Vec<(i64, Statistics)>, Refusal> {
        let only = |dimension: &str| self.dimensions.get(dimension).filter(|_| self.dimensions.len() == 1);
        match self.namespace.as_str() {
            LAMBDA => {
                let function = only("FunctionName");
                Ok(function
                    .map(|name| cloud.cloudwatch.counters().points(name, &self.name, from, to))
                    .unwrap_or_default())
            }
            SQS => {
                let Some(gauges) = only("QueueName").map(|name| cloud.sqs.gauges(name)).transpose()?.flatten() else {
                    return Ok(Vec::new());
                };
                let value = match self.name.as_str() {
                    "ApproximateNumberOfMessagesVisible" => gauges.visible,
                    "ApproximateNumberOfMessagesNotVisible" => gauges.in_flight,
                    "ApproximateNumberOfMessagesDelayed" => gauges.delayed,
                    "ApproximateAgeOfOldestMessage" => gauges.oldest_s,
                    _ => return Ok(Vec::new()),
                };
                // A queue is looked at now: of the minutes before nothing is known.
                let now = cloud.now_ms();
                let minute = now.div_euclid(MINUTE_MS) * MINUTE_MS;
                let inside = (from..to).contains(&minute) || (from..to).contains(&now);
                Ok(if inside { vec![(minute, Statistics::of(value as f64))] } else { Vec::new() })
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// A statistic by its name.
pub(super) fn statistic(of: Statistics, name: &str) -> f64 {
    match name {
        "Sum" => of.sum,
        "Average" => of.sum / of.count,
        "Minimum" => of.least,
        "Maximum" => of.most,
        _ => of.count,
    }
}

/// A statistic that this cloud can give.
pub(super) fn known_statistic(name: &str) -> Result<&str, Refusal> {
    if STATISTICS.contains(&name) { Ok(name) } else { Err(Refusal::unsupported(format!("the statistic {name}"))) }
}

/// A period in milliseconds.
pub(super) fn period(input: &Value) -> Result<i64, Refusal> {
    let seconds =
        whole(input, "Period", 10, LONGEST_PERIOD)?.ok_or_else(|| invalid("The parameter Period is required."))?;
    if seconds % 60 != 0 {
        return Err(Refusal::unsupported(format!("a period of {seconds} s, which is no whole number of minutes,")));
    }
    Ok(seconds * 1000)
}

fn time(input: &Value, name: &str) -> Result<i64, Refusal> {
    let written = input[name].as_str().and_then(crate::clock::parse_iso);
    let counted = || number(input, name).ok().flatten().map(|seconds| (seconds * 1000.0) as i64);
    written.or_else(counted).ok_or_else(|| invalid(format!("The parameter {name} must be a time.")))
}

/// The points of a span, put together by period.
fn by_period(points: Vec<(i64, Statistics)>, period: i64) -> BTreeMap<i64, Statistics> {
    let mut periods: BTreeMap<i64, Statistics> = BTreeMap::new();
    for (at, point) in points {
        let start = at.div_euclid(period) * period;
        periods.entry(start).and_modify(|so_far| *so_far = so_far.and(point)).or_insert(point);
    }
    periods
}

fn unit(metric: &str) -> &'static str {
    match metric {
        "Duration" | "IteratorAge" => "Milliseconds",
        "ApproximateAgeOfOldestMessage" => "Seconds",
        _ => "Count",
    }
}

/// `GetMetricStatistics`.
pub(super) fn statistics(cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let (metric, period) = (Metric::read(input)?, period(input)?);
    let (from, to) = (time(input, "StartTime")?, time(input, "EndTime")?);
    if from >= to {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    let wanted = super::texts(&input["Statistics"]);
    for name in &wanted {
        known_statistic(name)?;
    }
    if wanted.is_empty() {
        return Err(invalid("At least one of the parameters Statistics and ExtendedStatistics must be specified."));
    }
    let points = by_period(metric.points(cloud, from, to)?, period);
    let shown = points.into_iter().map(|(at, point)| {
        let mut shown = json!({ "Timestamp": at / 1000, "Unit": unit(&metric.name) });
        for name in &wanted {
            shown[*name] = statistic(point, name).into();
        }
        shown
    });
    Ok(json!({ "Label": metric.name, "Datapoints": shown.collect::<Value>() }))
}

/// `GetMetricData`: metrics, no expressions.
pub(super) fn data(cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let (from, to) = (time(input, "StartTime")?, time(input, "EndTime")?);
    let mut results = Vec::new();
    for query in input["MetricDataQueries"].as_array().into_iter().flatten() {
        let (id, of) = (text(query, "Id")?, &query["MetricStat"]);
        if !of.is_object() {
            return Err(Refusal::unsupported("metric expressions"));
        }
        if !super::truth(query, "ReturnData", true) {
            continue;
        }
        let metric = Metric::read(&of["Metric"])?;
        let (period, name) = (period(of)?, known_statistic(text(of, "Stat")?)?);
        let points = by_period(metric.points(cloud, from, to)?, period);
        let descending = input["ScanBy"].as_str() != Some("TimestampAscending");
        let mut points: Vec<(i64, f64)> =
            points.into_iter().map(|(at, point)| (at / 1000, statistic(point, name))).collect();
        if descending {
            points.reverse();
        }
        let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
        let label = query["Label"].as_str().unwrap_or(&metric.name);
        results
            .push(json!({ "Id": id, "Label": label, "Timestamps": times, "Values": values, "StatusCode": "Complete" }));
    }
    Ok(json!({ "MetricDataResults": results, "Messages": [] }))
}

/// `ListMetrics`: of the functions that were invoked, and of every queue.
pub(super) fn list(cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let mut all = Vec::new();
    let mut add = |namespace: &str, names: &[&str], dimension: &str, of: &str| {
        all.extend(names.iter().map(|name| Metric {
            namespace: namespace.to_owned(),
            name: (*name).to_owned(),
            dimensions: BTreeMap::from([(dimension.to_owned(), of.to_owned())]),
        }));
    };
    for function in cloud.cloudwatch.counters().functions() {
        add(LAMBDA, OF_FUNCTIONS, "FunctionName", &function);
    }
    for queue in cloud.sqs.names()? {
        add(SQS, OF_QUEUES, "QueueName", &queue);
    }
    let asked = |name: &str| input[name].as_str();
    let dimensions: Vec<(Option<&str>, Option<&str>)> = input["Dimensions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| (one["Name"].as_str(), one["Value"].as_str()))
        .collect();
    all.retain(|metric| {
        asked("Namespace").is_none_or(|namespace| metric.namespace == namespace)
            && asked("MetricName").is_none_or(|name| metric.name == name)
            && dimensions.iter().all(|(name, value)| {
                let found = name.and_then(|name| metric.dimensions.get(name));
                found.is_some_and(|found| value.is_none_or(|value| found == value))
            })
    });
    Ok(json!({ "Metrics": all.iter().map(Metric::shown).collect::<Value>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_one_period_are_put_together() {
        let points = vec![(0, Statistics::of(1.0)), (60_000, Statistics::of(5.0)), (300_000, Statistics::of(2.0))];
        let periods = by_period(points, 300_000);
        assert_eq!(periods.keys().copied().collect::<Vec<_>>(), [0, 300_000]);
        let first = periods[&0];
        let all = ["Sum", "Average", "Minimum", "Maximum", "SampleCount"].map(|name| statistic(first, name));
        assert_eq!(all, [6.0, 3.0, 1.0, 5.0, 2.0]);
    }
}
