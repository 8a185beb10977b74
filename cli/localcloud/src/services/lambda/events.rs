//! Asynchronous invocations: taken on disk before they are answered, tried three times, then left with a line in the
//! function's log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Answered, Invoking, refusals};
use crate::Cloud;
use crate::wire::{Refusal, RestAnswer};

const EVENTS: &str = "lambda.event";
/// Between one try and the next, as AWS waits.
const PAUSES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// How long an event waits for a free place before it counts as throttled and waits again.
const PATIENCE: Duration = Duration::from_secs(60);
/// And then so long, before it asks again.
const THROTTLED: Duration = Duration::from_secs(5);
/// What an event's payload may have.
const PAYLOAD_BYTES: usize = 1024 * 1024;

/// An event that was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Taken {
    function: String,
    qualifier: Option<String>,
    payload: String,
    tries: usize,
    /// The trace that it belongs to.
    #[serde(default)]
    trace: Option<String>,
}

/// Takes an event: from here on it is not lost.
pub(super) fn take(
    cloud: &Arc<Cloud>,
    function: &str,
    qualifier: Option<String>,
    payload: &[u8],
    trace: Option<String>,
) -> Answered {
    if payload.len() > PAYLOAD_BYTES {
        let message = format!(
            "{} byte payload is too large for the Event invocation type (limit {PAYLOAD_BYTES} bytes)",
            payload.len()
        );
        return Err(Refusal::new(413, "RequestTooLargeException", message));
    }
    let payload = String::from_utf8(payload.to_vec()).map_err(|_| refusals::bad_content("the payload is not UTF-8"))?;
    let id = crate::random::uuid();
    let event = Taken { function: function.to_owned(), qualifier, payload, tries: 0, trace };
    cloud.state.put(EVENTS, &id, &event)?;
    tokio::spawn(carry_out(Arc::clone(cloud), id, event));
    Ok(RestAnswer { status: 202, headers: Vec::new(), body: Bytes::new() })
}

/// Goes on with the events of an earlier life.
pub(super) fn resume(cloud: &Arc<Cloud>) {
    for (id, event) in cloud.state.list::<Taken>(EVENTS).unwrap_or_default() {
        tokio::spawn(carry_out(Arc::clone(cloud), id, event));
    }
}

async fn carry_out(cloud: Arc<Cloud>, id: String, event: Taken) {
    let mut stop = cloud.stop.subscribe();
    tokio::select! {
        () = tries(&cloud, &id, event) => drop(cloud.state.remove(EVENTS, &id)),
        _ = stop.wait_for(|stop| *stop) => {} // it is on disk for the next life
    }
}

async fn tries(cloud: &Arc<Cloud>, id: &str, mut event: Taken) {
    loop {
        let how = Invoking { patience: Some(PATIENCE), trace: event.trace.clone(), ..Invoking::default() };
        let payload = Bytes::from(event.payload.clone());
        let invoked = cloud.lambda.invoke_as(cloud, &event.function, event.qualifier.as_deref(), payload, how).await;
        match invoked {
            Ok(invoked) if invoked.error.is_none() => return,
            Err(refusal) if refusal.status == 404 => return,
            Err(refusal) if refusal.status == 429 => {
                tokio::time::sleep(THROTTLED).await; // not its fault: as long as it takes
                continue;
            }
            Err(refusal) if refusal.code == refusals::RECURSIVE => {
                return leave(cloud, &event, &format!("{}; the event is left", refusal.message));
            }
            _ => {}
        }
        let Some(pause) = PAUSES.get(event.tries) else {
            return leave(cloud, &event, &format!("an event was tried {} times and is left", PAUSES.len() + 1));
        };
        event.tries += 1;
        let _ = cloud.state.put(EVENTS, id, &event);
        tokio::time::sleep(*pause).await;
    }
}

/// What is not tried any more ends in the function's log.
fn leave(cloud: &Cloud, event: &Taken, why: &str) {
    let group = format!("/aws/lambda/{}", event.function);
    let _ = cloud.logs.append(&group, "events", vec![(cloud.now_ms(), format!("{why}: {}", event.payload))]);
}
