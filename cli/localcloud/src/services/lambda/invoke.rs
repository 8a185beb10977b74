//! Invoking: from a name and a payload to the function's answer, through the API or from inside the cloud.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::function::{Function, arn};
use super::lineage::Trace;
use super::manage::{Query, named};
use super::store::locked;
use super::{Answered, Lambda, events, refusals};
use crate::Cloud;
use crate::runtime::launch::Launch;
use crate::runtime::pool::Busy;
use crate::runtime::process::Event;
use crate::wire::{Refusal, Rest, RestAnswer};

/// How many invocations a function has at once unless it reserved another number.
const AT_ONCE: usize = 10;
/// How long a caller waits for one of them to end before it is throttled.
const CALLER_WAITS: Duration = Duration::from_secs(2);
/// What a payload may have, going in.
const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// What came of an invocation that was carried out.
#[derive(Debug, Clone)]
pub(crate) struct Invoked {
    /// Its id, as the function was told it.
    pub(crate) request_id: String,
    /// What the function answered, or the error as JSON.
    pub(crate) payload: Bytes,
    /// `Unhandled` when the payload is an error.
    pub(crate) error: Option<String>,
    /// The last lines of its log, when they were asked for.
    pub(crate) log_tail: Option<String>,
    /// The version that ran.
    pub(crate) version: String,
}

/// How something is invoked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invoking {
    /// How long to wait for a free place; by default as long as a caller does.
    pub(crate) patience: Option<Duration>,
    /// Whether the end of the log is wanted.
    pub(crate) tail: bool,
    /// The trace that it belongs to.
    pub(crate) trace: Option<String>,
    /// What a caller's SDK says of itself, as JSON.
    pub(crate) client_context: Option<String>,
}

impl Lambda {
    /// Invokes a function in a given way and waits for its answer.
    pub(crate) async fn invoke_as(
        &self,
        cloud: &Arc<Cloud>,
        function: &str,
        qualifier: Option<&str>,
        payload: Bytes,
        how: Invoking,
    ) -> Result<Invoked, Refusal> {
        let (launch, limit) = self.launch(cloud, function, qualifier)?;
        if !cloud.runs {
            return Err(refusals::unsupported("invocations where nothing runs by itself"));
        }
        let trace = Trace::parse(&how.trace.unwrap_or_else(|| trace(cloud.now_ms())));
        if trace.stops(function) && self.stops_loops(function)? {
            return Err(refusals::recursive(function));
        }
        let request_id = crate::random::uuid();
        let event = Event {
            request_id: request_id.clone(),
            arn: arn(function, qualifier),
            payload,
            trace: trace.through(function).to_string(),
            client_context: how.client_context,
            tail: how.tail,
        };
        let version = launch.version.clone();
        let patience = how.patience.unwrap_or(CALLER_WAITS);
        let cloud = Arc::clone(cloud);
        // A task of its own: a caller that hangs up does not stop the function.
        let ran = tokio::spawn(async move {
            let (name, began) = (launch.function.clone(), tokio::time::Instant::now());
            let ran = cloud.lambda.pool.run(&cloud, launch, limit, patience, event).await;
            match &ran {
                Ok(outcome) => {
                    cloud.cloudwatch.counters().invoked(&name, outcome.failed, began.elapsed(), cloud.now_ms())
                }
                Err(Busy::NoPlace) => cloud.cloudwatch.counters().throttled(&name, cloud.now_ms()),
                Err(Busy::Closing) => {}
            }
            ran
        });
        match ran.await {
            Ok(Ok(outcome)) => Ok(Invoked {
                request_id,
                payload: outcome.payload,
                error: outcome.failed.then(|| "Unhandled".to_owned()),
                log_tail: outcome.log_tail,
                version,
            }),
            Ok(Err(Busy::NoPlace)) => Err(refusals::throttled()),
            Ok(Err(Busy::Closing)) => Err(refusals::broken("the local cloud is ending")),
            Err(error) => Err(refusals::broken(format!("the invocation: {error}"))),
        }
    }

    /// Whether a loop through a function is stopped (A25), as it is unless the function's settings allow it.
    pub(crate) fn stops_loops(&self, function: &str) -> Result<bool, Refusal> {
        self.read(function, |function| Ok(function.recursion != "Allow"))
    }

    /// How many invocations a function may have at once.
    pub(crate) fn limit(&self, function: &str, qualifier: Option<&str>) -> Result<usize, Refusal> {
        self.read(function, |function| function.resolve(qualifier).map(|_| limit(function)))
    }

    /// Starts a process ahead of demand, if the function has none that waits.
    pub(super) fn warm(&self, cloud: &Arc<Cloud>, function: &str, qualifier: Option<&str>) {
        if cloud.runs
            && let Ok((launch, limit)) = self.launch(cloud, function, qualifier)
            && limit > 0
        {
            self.pool.warm(cloud, &launch);
        }
    }

    /// Ends the processes of a revision that nothing runs any more.
    pub(super) fn retire(&self, revision: &str) {
        locked(&self.launches).remove(revision);
        self.pool.retire(revision);
    }

    /// What to start for a name, and how many of it may run.
    fn launch(&self, cloud: &Cloud, function: &str, qualifier: Option<&str>) -> Result<(Arc<Launch>, usize), Refusal> {
        self.read(function, |function| {
            let version = function.resolve(qualifier)?;
            let mut launches = locked(&self.launches);
            let launch = launches.entry(version.revision.clone()).or_insert_with(|| {
                let settings = &version.settings;
                Arc::new(Launch {
                    function: function.name.clone(),
                    version: version.label(),
                    revision: version.revision.clone(),
                    folder: self.codes().unwrap_or_default().join(&version.code.folder),
                    handler: settings.handler.clone(),
                    variables: settings.environment.clone().unwrap_or_default(),
                    timeout: Duration::from_secs(u64::from(settings.timeout)),
                    memory_mb: settings.memory,
                    log_group: settings.log_group(&function.name),
                    port: cloud.place.port,
                })
            });
            Ok((Arc::clone(launch), limit(function)))
        })
    }

    pub(super) async fn invoke_call(&self, cloud: &Arc<Cloud>, asked: &str, query: &Query, request: &Rest) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let trace = header("x-amzn-trace-id").map(str::to_owned);
        let payload = payload(&request.body)?;
        self.limit(&name, qualifier.as_deref())?;
        match header("x-amz-invocation-type").unwrap_or("RequestResponse") {
            "DryRun" => return Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() }),
            "Event" => return events::take(cloud, &name, qualifier, &payload, trace),
            "RequestResponse" => {}
            other => return Err(refusals::invalid(format!("{other} is not an invocation type"))),
        }
        let context = header("x-amz-client-context").map(|text| BASE64_STANDARD.decode(text));
        let context = context.map(|bytes| bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()));
        let how = Invoking {
            patience: None,
            tail: header("x-amz-log-type") == Some("Tail"),
            trace,
            client_context: match context {
                Some(None) => return Err(refusals::bad_content("the client context is not base64 of a text")),
                given => given.flatten(),
            },
        };
        let invoked = self.invoke_as(cloud, &name, qualifier.as_deref(), payload, how).await?;
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-amz-executed-version".to_owned(), invoked.version),
        ];
        if let Some(error) = invoked.error {
            headers.push(("x-amz-function-error".to_owned(), error));
        }
        if let Some(tail) = invoked.log_tail {
            headers.push(("x-amz-log-result".to_owned(), BASE64_STANDARD.encode(tail)));
        }
        Ok(RestAnswer { status: 200, headers, body: invoked.payload })
    }
}

/// What is said of a function that is not there.
pub(super) fn no_function(name: &str, qualifier: Option<&str>) -> Refusal {
    refusals::not_found(format!("Function not found: {}", arn(name, qualifier)))
}

fn limit(function: &Function) -> usize {
    function.reserved.unwrap_or(AT_ONCE)
}

/// A payload that a function can be given: JSON, of a bounded size; none is an empty object.
fn payload(body: &Bytes) -> Result<Bytes, Refusal> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    if body.len() > PAYLOAD_BYTES {
        let message = format!("Request must be smaller than {PAYLOAD_BYTES} bytes for the InvokeFunction operation");
        return Err(Refusal::new(413, "RequestTooLargeException", message));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => Ok(body.clone()),
        Err(error) => Err(refusals::bad_content(format!("Could not parse request body into json: {error}"))),
    }
}

/// A new trace of its own, not sampled.
fn trace(now_ms: i64) -> String {
    let id = crate::random::hex(&crate::random::bytes::<12>());
    let parent = crate::random::hex(&crate::random::bytes::<8>());
    format!("Root=1-{:08x}-{id};Parent={parent};Sampled=0", now_ms / 1000)
}
