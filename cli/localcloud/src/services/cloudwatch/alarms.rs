//! Metric alarms: put, described with their state of this moment, tagged, deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::counters::MINUTE_MS;
use super::metrics::{self, Metric};
use super::state_of::{COMPARISONS, MISSING, Rule, state_of};
use super::{CloudWatch, invalid, number, text, texts, truth, whole};
use crate::{Cloud, Refusal};

const ALARMS: &str = "cloudwatch-alarm";
/// So many alarms one call may name.
const NAMED_MOST: usize = 100;
/// Kept as they are given, for those who ask.
const AS_GIVEN: &[&str] = &["AlarmActions", "AlarmDescription", "InsufficientDataActions", "OKActions", "Unit"];
const KNOWN: &[&str] = &[
    "ActionsEnabled",
    "AlarmName",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluationPeriods",
    "MetricName",
    "Namespace",
    "Period",
    "Statistic",
    "Tags",
    "Threshold",
    "TreatMissingData",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Alarm {
    name: String,
    arn: String,
    metric: Metric,
    statistic: String,
    period_ms: i64,
    comparison: String,
    threshold: f64,
    periods: usize,
    breaches: Option<usize>,
    missing: Option<String>,
    actions_enabled: bool,
    given: Map<String, Value>,
    updated_at: i64,
    state: String,
    reason: String,
    state_at: i64,
    tags: BTreeMap<String, String>,
}

impl Alarm {
    /// What the last periods say now; `true` where that is another state than before.
    fn look(&mut self, cloud: &Cloud) -> Result<bool, Refusal> {
        let now = cloud.now_ms();
        // Periods are whole minutes, and the last one ends with the minute that is running.
        let minute = now.div_euclid(MINUTE_MS) * MINUTE_MS;
        let points = self.metric.points(cloud, minute - self.period_ms * self.periods as i64 + 1, now + 1)?;
        let value = |back: i64| {
            let until = minute - back * self.period_ms;
            let inside = points.iter().filter(|(at, _)| *at > until - self.period_ms && *at <= until);
            let all = inside.map(|(_, point)| *point).reduce(|left, right| left.and(right));
            all.map(|all| metrics::statistic(all, &self.statistic))
        };
        let values: Vec<Option<f64>> = (0..self.periods as i64).map(value).collect();
        let rule = Rule {
            comparison: &self.comparison,
            threshold: self.threshold,
            breaches: self.breaches.unwrap_or(self.periods),
            missing: self.missing.as_deref().unwrap_or("missing"),
        };
        match state_of(&rule, &values) {
            Some((state, reason)) if state != self.state => {
                (self.state, self.reason, self.state_at) = (state.to_owned(), reason, now);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn shown(&self) -> Value {
        let mut shown = self.metric.shown();
        let more = json!({
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "ActionsEnabled": self.actions_enabled,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "Statistic": self.statistic,
            "Period": self.period_ms / 1000,
            "ComparisonOperator": self.comparison,
            "Threshold": self.threshold,
            "EvaluationPeriods": self.periods,
            "AlarmConfigurationUpdatedTimestamp": self.updated_at / 1000,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.state_at / 1000,
            "StateTransitionedTimestamp": self.state_at / 1000,
        });
        if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
            shown.extend(more);
            shown.extend(self.given.clone());
            shown.extend(self.breaches.map(|breaches| ("DatapointsToAlarm".to_owned(), breaches.into())));
            shown.extend(self.missing.as_ref().map(|missing| ("TreatMissingData".to_owned(), missing.as_str().into())));
        }
        shown
    }
}

fn get(own: &CloudWatch, name: &str) -> Result<Option<Alarm>, Refusal> {
    Ok(own.state.get(ALARMS, name)?)
}

pub(super) fn is_there(own: &CloudWatch, name: &str) -> Result<bool, Refusal> {
    get(own, name).map(|alarm| alarm.is_some())
}

/// `PutMetricAlarm`: of an alarm that is there, all but its tags.
pub(super) fn put(own: &CloudWatch, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let members = input.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let query = ["Action", "Version"];
    if let Some(other) =
        members.into_iter().find(|name| !KNOWN.contains(name) && !AS_GIVEN.contains(name) && !query.contains(name))
    {
        return Err(Refusal::unsupported(format!("{other} of CloudWatch PutMetricAlarm")));
    }
    let name = text(input, "AlarmName")?;
    if name.is_empty() || name.len() > 255 {
        return Err(invalid("The parameter AlarmName must be 1 to 255 characters long."));
    }
    let comparison = one_of(text(input, "ComparisonOperator")?, COMPARISONS, "ComparisonOperator")?;
    let missing =
        input["TreatMissingData"].as_str().map(|word| one_of(word, MISSING, "TreatMissingData")).transpose()?;
    let periods = whole(input, "EvaluationPeriods", 1, 1440)?
        .ok_or_else(|| invalid("The parameter EvaluationPeriods is required."))?;
    let breaches = whole(input, "DatapointsToAlarm", 1, periods)?;
    let threshold = number(input, "Threshold")?.ok_or_else(|| invalid("The parameter Threshold is required."))?;
    let former = get(own, name)?;
    let now = cloud.now_ms();
    let mut alarm = Alarm {
        name: name.to_owned(),
        arn: format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", cloud.place.region, cloud.place.account),
        metric: Metric::read(input)?,
        statistic: metrics::known_statistic(text(input, "Statistic")?)?.to_owned(),
        period_ms: metrics::period(input)?,
        comparison,
        threshold,
        periods: usize::try_from(periods).unwrap_or(1),
        breaches: breaches.and_then(|count| usize::try_from(count).ok()),
        missing,
        actions_enabled: truth(input, "ActionsEnabled", true),
        given: AS_GIVEN
            .iter()
            .filter(|name| !input[**name].is_null())
            .map(|name| ((*name).to_owned(), input[*name].clone()))
            .collect(),
        updated_at: now,
        state: "INSUFFICIENT_DATA".to_owned(),
        reason: "Unchecked: Initial alarm creation".to_owned(),
        state_at: now,
        tags: pairs(&input["Tags"])?,
    };
    if let Some(former) = former {
        (alarm.tags, alarm.state, alarm.reason, alarm.state_at) =
            (former.tags, former.state, former.reason, former.state_at);
    }
    own.state.put(ALARMS, name, &alarm)?;
    Ok(json!({}))
}

fn one_of(word: &str, known: &[&str], what: &str) -> Result<String, Refusal> {
    if known.contains(&word) {
        return Ok(word.to_owned());
    }
    Err(invalid(format!("The value {word} for parameter {what} is not one of: {}", known.join(", "))))
}

fn pairs(tags: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let pair = |tag: &Value| Ok((text(tag, "Key")?.to_owned(), text(tag, "Value")?.to_owned()));
    tags.as_array().into_iter().flatten().map(pair).collect()
}

/// `DescribeAlarms`.
pub(super) fn describe(own: &CloudWatch, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let (names, prefix) = (texts(&input["AlarmNames"]), input["AlarmNamePrefix"].as_str().unwrap_or_default());
    let mut shown = Vec::new();
    for (_, mut alarm) in own.state.list::<Alarm>(ALARMS)? {
        if (!names.is_empty() && !names.contains(&alarm.name.as_str())) || !alarm.name.starts_with(prefix) {
            continue;
        }
        if alarm.look(cloud)? {
            own.state.put(ALARMS, &alarm.name, &alarm)?;
        }
        if input["StateValue"].as_str().is_none_or(|state| alarm.state == state) {
            shown.push(alarm.shown());
        }
    }
    Ok(json!({ "MetricAlarms": shown, "CompositeAlarms": [] }))
}

/// `DescribeAlarmsForMetric`.
pub(super) fn of_metric(own: &CloudWatch, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let metric = Metric::read(input)?;
    let mut described = describe(own, cloud, &json!({}))?;
    if let Some(alarms) = described["MetricAlarms"].as_array_mut() {
        alarms.retain(|alarm| Metric::read(alarm).is_ok_and(|own| own == metric));
    }
    Ok(json!({ "MetricAlarms": described["MetricAlarms"] }))
}

/// `DeleteAlarms`: those that are not there are deleted.
pub(super) fn delete(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let names = texts(&input["AlarmNames"]);
    if names.is_empty() || names.len() > NAMED_MOST {
        return Err(invalid(format!("The parameter AlarmNames must have 1 to {NAMED_MOST} names.")));
    }
    for name in names {
        own.state.remove(ALARMS, name)?;
    }
    Ok(json!({}))
}

fn tagged(own: &CloudWatch, input: &Value) -> Result<Alarm, Refusal> {
    let arn = text(input, "ResourceARN")?;
    let found = arn.split_once(":alarm:").map(|(_, name)| get(own, name)).transpose()?.flatten();
    found.ok_or_else(|| Refusal::new(404, "ResourceNotFoundException", format!("{arn} does not exist")))
}

/// `ListTagsForResource`, of alarms.
pub(super) fn tags(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let tags = tagged(own, input)?.tags;
    Ok(json!({ "Tags": tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Value>() }))
}

/// `TagResource`, of alarms.
pub(super) fn tag(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let mut alarm = tagged(own, input)?;
    alarm.tags.extend(pairs(&input["Tags"])?);
    own.state.put(ALARMS, &alarm.name, &alarm)?;
    Ok(json!({}))
}

/// `UntagResource`, of alarms.
pub(super) fn untag(own: &CloudWatch, input: &Value) -> Result<Value, Refusal> {
    let mut alarm = tagged(own, input)?;
    for key in texts(&input["TagKeys"]) {
        alarm.tags.remove(key);
    }
    own.state.put(ALARMS, &alarm.name, &alarm)?;
    Ok(json!({}))
}
