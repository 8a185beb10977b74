//! The weather of a cloud in process: what AWS does besides what it is asked, drawn from a seed. Roles that are believed
//! late, tables that are being made, conflicts, cooldowns, throttling, answers that are lost (rows A1, A2, A6, A8, A9,
//! A13, A16, A19, A21, A22, A26, A28 of docs/aws-behaviour.md). It stands around the services, sees what is asked and
//! answered, and knows nothing of what they keep. Off where a cloud is served.

mod drawn;
mod functions;
mod log_groups;
mod mappings;
mod queues;
mod roles;
mod routes;
mod tables;

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::wire::{Refusal, RestAnswer};
use drawn::Drawn;

/// From so long to so long.
pub type Span = RangeInclusive<Duration>;

/// How bad it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weather {
    /// What all is drawn from: the same calls under the same seed meet the same weather.
    pub seed: u64,
    /// Until a new role, or what it may do, is believed by Lambda (A2).
    pub roles: Span,
    /// How long a table is made, changed or deleted (A13, A22).
    pub tables: Span,
    /// How long a function is made or changed (A6).
    pub functions: Span,
    /// How long a mapping is made, changed or deleted (A26).
    pub mappings: Span,
    /// How long an operation on a stack takes (A16).
    pub stacks: Span,
    /// How long one write to an HTTP API keeps others from it (A8).
    pub api_writes: Span,
    /// How many writes to HTTP APIs there may be in a second (A8); 0 is no bound.
    pub api_writes_a_second: usize,
    /// Until a read, or a write to it, finds what was made, and a look at a stack shows what is done to it (A21).
    pub reads: Span,
    /// How long a deleted queue's name stays blocked (A9).
    pub queue_names: Duration,
    /// How long a table's time to live cannot be set again (A13).
    pub ttl_again: Duration,
    /// Until the backups of a new table can be set (A28).
    pub backups: Span,
    /// Of a thousand calls, so many are throttled (A19).
    pub throttled: u64,
    /// Of a thousand answers, so many are lost (A12).
    pub lost: u64,
}

const AT_ONCE: Span = Duration::ZERO..=Duration::ZERO;

impl Weather {
    /// Nothing but what was asked.
    #[must_use]
    pub fn fair() -> Self {
        Self {
            seed: 0,
            roles: AT_ONCE,
            tables: AT_ONCE,
            functions: AT_ONCE,
            mappings: AT_ONCE,
            stacks: AT_ONCE,
            api_writes: AT_ONCE,
            api_writes_a_second: 0,
            reads: AT_ONCE,
            queue_names: Duration::ZERO,
            ttl_again: Duration::ZERO,
            backups: AT_ONCE,
            throttled: 0,
            lost: 0,
        }
    }

    /// As people who deploy to AWS report it; no promise about AWS.
    #[must_use]
    pub fn aws_like(seed: u64) -> Self {
        let s = Duration::from_secs;
        Self {
            seed,
            roles: s(2)..=s(15),
            tables: s(5)..=s(20),
            functions: s(1)..=s(5),
            mappings: s(5)..=s(90),
            stacks: s(15)..=s(30),
            api_writes: Duration::from_millis(100)..=Duration::from_millis(600),
            api_writes_a_second: 5,
            reads: Duration::ZERO..=s(4),
            queue_names: s(60),
            ttl_again: s(3600),
            backups: s(5)..=s(30),
            throttled: 20,
            lost: 10,
        }
    }
}

/// A wait that was drawn: what is not yet so of which thing, for how many milliseconds from when that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for.
    pub what: &'static str,
    /// Of which thing, by its name or id.
    pub of: String,
    /// For how long.
    pub ms: i64,
}

/// A call as the weather sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The service as requests are signed for it.
    pub(crate) service: &'static str,
    pub(crate) call: String,
    /// What it is about: a name or an id.
    pub(crate) of: String,
    pub(crate) input: Value,
}

impl Asked {
    /// A call whose input is not looked at.
    pub(crate) fn of(service: &'static str, call: &str, of: &str) -> Self {
        Self { service, call: call.to_owned(), of: of.to_owned(), input: Value::Null }
    }

    /// A call whose input says what it is about.
    pub(crate) fn json(service: &'static str, call: &str, input: &Value) -> Self {
        Self { input: input.clone(), ..Self::of(service, call, "") }
    }

    /// A text of the input.
    fn text(&self, member: &str) -> &str {
        self.input[member].as_str().unwrap_or_default()
    }
}

/// What comes of a call before its service sees it.
enum Met {
    /// It is done.
    Passed,
    /// It is not done, and this is why.
    Refused(Refusal),
    /// It is answered so, from what is on its way out.
    Answered(Value),
}

/// What a call comes to.
pub(crate) type Outcome = Result<Value, Refusal>;

/// The weather that a cloud is in.
pub(crate) struct Conditions {
    weather: Mutex<Weather>,
    drawn: Mutex<Drawn>,
}

impl Conditions {
    pub(crate) fn new(weather: Weather) -> Self {
        Self { drawn: Mutex::new(Drawn::from_seed(weather.seed)), weather: Mutex::new(weather) }
    }

    /// From now on it is this one.
    pub(crate) fn turn(&self, weather: Weather) {
        let fresh = Self::new(weather);
        *self.drawn() = fresh.drawn.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.weather() = fresh.weather.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    /// Every wait that was drawn since the weather turned, in order.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        self.drawn().waits.clone()
    }

    /// What a call is, where there is any weather to meet it.
    pub(crate) fn sees(&self, asked: impl FnOnce() -> Asked) -> Option<Asked> {
        let fair = *self.weather() == Weather::fair();
        (!fair).then(asked)
    }

    /// Whether this answer is lost, although the call was done.
    pub(crate) fn lose_an_answer(&self) -> bool {
        let often = self.weather().lost;
        self.drawn().happens(often)
    }

    /// How long the operation on a stack that begins now takes.
    pub(crate) fn of_a_stack(&self) -> Duration {
        let stacks = self.weather().stacks.clone();
        Duration::from_millis(self.drawn().until(0, &stacks).unsigned_abs())
    }

    /// How long a look at a stack still shows how it was before what begins now (A21).
    pub(crate) fn of_a_look_at_a_stack(&self) -> Duration {
        let reads = self.weather().reads.clone();
        Duration::from_millis(self.drawn().until(0, &reads).unsigned_abs())
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self, now: i64, asked: &Asked) -> Met {
        let (weather, mut drawn) = (self.weather().clone(), self.drawn());
        if drawn.happens(weather.throttled) {
            return Met::Refused(throttled(asked.service));
        }
        match asked.service {
            "dynamodb" => tables::before(&drawn, &weather, now, asked),
            "sqs" => queues::before(&drawn, now, asked),
            "iam" => roles::before(&drawn, now, asked),
            "logs" => log_groups::before(&drawn, now, asked),
            "lambda" if asked.call.ends_with("EventSourceMapping") => mappings::before(&drawn, now, asked),
            "lambda" => functions::before(&drawn, now, asked),
            "apigateway" => routes::before(&mut drawn, &weather, now, asked),
            _ => Met::Passed,
        }
    }

    fn after(&self, now: i64, asked: &Asked, outcome: &mut Outcome) {
        let (weather, mut drawn) = (self.weather().clone(), self.drawn());
        match asked.service {
            "dynamodb" => tables::after(&mut drawn, &weather, now, asked, outcome),
            "sqs" => queues::after(&mut drawn, &weather, now, asked, outcome),
            "iam" => roles::after(&mut drawn, &weather, now, asked, outcome),
            "logs" => log_groups::after(&mut drawn, &weather, now, asked, outcome),
            "lambda" if asked.call.contains("EventSourceMapping") => {
                mappings::after(&mut drawn, &weather, now, asked, outcome);
            }
            "lambda" => functions::after(&mut drawn, &weather, now, asked, outcome),
            "apigateway" => routes::after(&mut drawn, &weather, now, asked, outcome),
            _ => {}
        }
    }
}

/// Does a call in the weather of its cloud.
pub(crate) async fn around(cloud: &crate::Cloud, asked: Option<Asked>, work: impl Future<Output = Outcome>) -> Outcome {
    let Some(asked) = asked else { return work.await };
    match cloud.weather.before(cloud.now_ms(), &asked) {
        Met::Passed => {}
        Met::Refused(refusal) => return Err(refusal),
        Met::Answered(answer) => return Ok(answer),
    }
    let mut outcome = work.await;
    cloud.weather.after(cloud.now_ms(), &asked, &mut outcome);
    outcome
}

/// The same for a REST call, whose answer is JSON or nothing.
pub(crate) async fn around_rest(
    cloud: &crate::Cloud,
    asked: Option<Asked>,
    work: impl Future<Output = Result<RestAnswer, Refusal>>,
) -> Result<RestAnswer, Refusal> {
    if asked.is_none() {
        return work.await;
    }
    // What the weather answers by itself is a success with a body.
    let (mut status, mut headers, mut empty) = (200, None, false);
    let value = async {
        let answer = work.await?;
        (status, empty) = (answer.status, answer.body.is_empty());
        headers = Some(answer.headers);
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    };
    let value = around(cloud, asked, value).await?;
    let mut answer = RestAnswer::json(status, &value);
    if let Some(headers) = headers {
        answer.headers = headers;
    }
    if empty {
        answer.body = bytes::Bytes::new();
    }
    Ok(answer)
}

/// Throttling in each service's words (A19).
fn throttled(service: &str) -> Refusal {
    let (status, code) = match service {
        "lambda" | "apigateway" => (429, "TooManyRequestsException"),
        "sqs" => (400, "RequestThrottled"),
        "iam" | "sts" => (400, "Throttling"),
        _ => (400, "ThrottlingException"),
    };
    Refusal::new(status, code, "Rate exceeded")
}

/// The last part of an ARN, or a name as it is.
fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
