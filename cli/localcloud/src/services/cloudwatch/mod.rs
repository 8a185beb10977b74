//! CloudWatch: alarms, dashboards, and the metrics that this cloud can give. An alarm's state is found when it is asked
//! for; what its actions would tell is told to nobody, for there is no such service here.

mod alarms;
mod counters;
mod dashboards;
mod metrics;
mod state_of;
pub(crate) mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::{Cloud, Refusal, State};
use counters::Counters;

const CALLS: &[&str] = &[
    "DeleteAlarms",
    "DeleteDashboards",
    "DescribeAlarms",
    "DescribeAlarmsForMetric",
    "GetDashboard",
    "GetMetricData",
    "GetMetricStatistics",
    "ListDashboards",
    "ListMetrics",
    "ListTagsForResource",
    "PutDashboard",
    "PutMetricAlarm",
    "TagResource",
    "UntagResource",
];

/// CloudWatch's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// Alarms, dashboards, and what the functions counted.
pub(crate) struct CloudWatch {
    state: State,
    /// What invocations were counted, minute by minute, in memory.
    counters: Counters,
    /// One change at a time.
    changing: Mutex<()>,
}

impl CloudWatch {
    /// Opens the alarms and dashboards.
    pub(crate) fn open(state: &State) -> Self {
        Self { state: state.clone(), counters: Counters::default(), changing: Mutex::default() }
    }

    /// What the functions' invocations are counted in.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Does a call.
    pub(crate) fn call(&self, cloud: &Cloud, action: &str, input: &Value) -> Result<Value, Refusal> {
        let _alone = self.alone();
        match action {
            "PutMetricAlarm" => alarms::put(self, cloud, input),
            "DescribeAlarms" => alarms::describe(self, cloud, input),
            "DescribeAlarmsForMetric" => alarms::of_metric(self, cloud, input),
            "DeleteAlarms" => alarms::delete(self, input),
            "ListTagsForResource" => alarms::tags(self, input),
            "TagResource" => alarms::tag(self, input),
            "UntagResource" => alarms::untag(self, input),
            "PutDashboard" => dashboards::put(self, cloud, input),
            "GetDashboard" => dashboards::get(self, input),
            "ListDashboards" => dashboards::list(self, input),
            "DeleteDashboards" => dashboards::delete(self, input),
            "GetMetricStatistics" => metrics::statistics(cloud, input),
            "GetMetricData" => metrics::data(cloud, input),
            "ListMetrics" => metrics::list(cloud, input),
            _ => Err(Refusal::unknown_call("CloudWatch", action)),
        }
    }

    /// Whether there is an alarm of that name.
    pub(crate) fn has_alarm(&self, name: &str) -> Result<bool, Refusal> {
        alarms::is_there(self, name)
    }

    /// Whether there is a dashboard of that name.
    pub(crate) fn has_dashboard(&self, name: &str) -> Result<bool, Refusal> {
        dashboards::is_there(self, name)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    input[name].as_str().ok_or_else(|| invalid(format!("The parameter {name} is required.")))
}

/// A number, which the query protocol and templates may write as a text.
fn number(input: &Value, name: &str) -> Result<Option<f64>, Refusal> {
    match &input[name] {
        Value::Null => Ok(None),
        value => {
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            number.map(Some).ok_or_else(|| invalid(format!("The parameter {name} is not a number.")))
        }
    }
}

/// A whole number inside its bounds.
fn whole(input: &Value, name: &str, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
    let Some(given) = number(input, name)? else { return Ok(None) };
    let whole = given as i64;
    if whole as f64 == given && (least..=most).contains(&whole) {
        return Ok(Some(whole));
    }
    Err(invalid(format!("The parameter {name} must be a whole number from {least} to {most}.")))
}

/// A truth value, which the query protocol writes as a text.
fn truth(input: &Value, name: &str, default: bool) -> bool {
    input[name].as_bool().or_else(|| input[name].as_str()?.parse().ok()).unwrap_or(default)
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
