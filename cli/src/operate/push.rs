//! A test push: invokes the notifier with a test job and explains what each push service answered, and what to do about it.
//! Must not know how pushes are sealed or sent.

use aws_sdk_lambda::primitives::Blob;
use chat::client::ClientId;
use chat::delivery::{Refused, Verdict};
use chat::fanout::{self, Tested};
use chat_aws::routes::Function;

use crate::aws::{Aws, CallError, call};
use crate::event::Told;
use crate::failure::{Exit, Explain, Failure};
use crate::stage::Stage;

use super::rooms::Room;

/// The alias that every caller uses.
const LIVE: &str = "live";

/// Why a test push did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The notifier could not be invoked.
    #[error("cannot invoke the notifier")]
    Call {
        /// The call.
        source: CallError,
        /// What to type.
        next: String,
    },
    /// It failed.
    #[error("the notifier failed: {what}")]
    Crashed {
        /// What it said.
        what: String,
        /// What to type.
        next: String,
    },
}

impl Explain for PushError {
    fn exit(&self) -> Exit {
        match self {
            PushError::Call { source, .. } => source.exit(),
            PushError::Crashed { .. } => Exit::Failed,
        }
    }
    fn next(&self) -> Option<String> {
        match self {
            PushError::Call { source, next } => Explain::next(source).or_else(|| Some(next.clone())),
            PushError::Crashed { next, .. } => Some(next.clone()),
        }
    }
}

/// Client ids, checked before anything is called.
pub fn clients(ids: &[String]) -> Result<Option<Vec<ClientId>>, Failure> {
    let parse = |id: &String| {
        ClientId::parse(id).map_err(|bad| Failure::usage(format!("{id:?} is no client's id")).why(bad.to_string()))
    };
    let ids = ids.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok((!ids.is_empty()).then_some(ids))
}

/// What each push service answered.
pub async fn test(
    aws: &Aws,
    stage: &Stage,
    room: &Room,
    clients: Option<Vec<ClientId>>,
) -> Result<Vec<Told>, PushError> {
    let nonce = chat::base64url::encode(chat::random::bytes::<12>());
    let job = fanout::Test { room: room.record.hash.clone(), clients, nonce };
    let function = stage.names().function(Function::NotifyClients.name());
    let payload = Blob::new(serde_json::json!({ "test": job }).to_string());
    let invoked = aws.lambda.invoke().function_name(&function).qualifier(LIVE).payload(payload).send().await;
    let invoked = invoked
        .map_err(call("Lambda", "Invoke", &function))
        .map_err(|source| PushError::Call { source, next: stage.command("up") })?;
    let answer = invoked.payload.map(Blob::into_inner).unwrap_or_default();
    let crashed = |what: String| PushError::Crashed { what, next: stage.command("logs notify-clients --since 5m") };
    if invoked.function_error.is_some() {
        return Err(crashed(error_message(&answer)));
    }
    let tested: Tested =
        serde_json::from_slice(&answer).map_err(|error| crashed(format!("its answer can't be read: {error}")))?;
    let gone = tested.unknown.iter().map(unknown);
    Ok(tested.told.iter().map(|told| explained(told, stage)).chain(gone).collect())
}

/// Lambda's own form of a function's error.
fn error_message(answer: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    value.get("errorMessage").and_then(|message| message.as_str()).unwrap_or("without a word").to_string()
}

/// A client that was asked for and is not there.
fn unknown(id: &ClientId) -> Told {
    Told {
        client: id.to_string(),
        service: "none".into(),
        status: None,
        verdict: "unknown".into(),
        meaning: "there is no such client in this room".into(),
        next: Some("without an id every client of the room is told".into()),
        took_ms: 0,
    }
}

/// An answer in words, and what to do about it.
fn explained(told: &fanout::Told, stage: &Stage) -> Told {
    let (verdict, meaning, next) = match told.verdict {
        Verdict::Delivered => (
            "delivered",
            "the push service took it; the browser shows a notification when it is reachable".to_string(),
            None,
        ),
        Verdict::Gone => (
            "gone",
            "the subscription has ended (permission withdrawn, or browser data cleared); the client was removed".into(),
            Some("that person opens the page again, which registers a new subscription".to_string()),
        ),
        Verdict::Later(after) => (
            "later",
            match (told.status, after) {
                (None, _) => "the push service could not be reached".to_string(),
                (_, Some(after)) => format!("the push service is busy and asks to wait {} s", after.as_secs()),
                (_, None) => "the push service is busy or broken at the moment".into(),
            },
            Some("messages are tried again by themselves; for a test, try again in a minute".into()),
        ),
        Verdict::Refused(why) => ("refused", why.to_string(), Some(mended(why, stage))),
        Verdict::TooLarge => (
            "too large",
            "the push service takes less than 4 KB, which RFC 8030 promises".into(),
            Some("nothing can be done here: long messages are cut before they are sent".into()),
        ),
    };
    Told {
        client: told.id.to_string(),
        service: told.host.clone(),
        status: told.status,
        verdict: verdict.into(),
        meaning,
        next,
        took_ms: told.took_ms,
    }
}

/// What mends a refusal.
fn mended(why: Refused, stage: &Stage) -> String {
    match why {
        Refused::Signature => "check this computer's clock; if it is right, the page must be opened again to subscribe with the stage's key".into(),
        Refused::NotAllowed => format!("add its host to push_hosts of stage {} in chatctl.toml, then: {}", stage.name, stage.command("up")),
        Refused::Malformed | Refused::Keys => "that person opens the page again, which registers a new subscription".into(),
        Refused::Redirect | Refused::Other => stage.command("logs notify-clients --since 5m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_none_is_bad_usage() {
        assert_eq!(clients(&["nonsense".to_string()]).unwrap_err().exit, Exit::Usage);
        assert_eq!(clients(&[]).unwrap(), None);
    }

    #[test]
    fn a_functions_error_is_quoted() {
        assert_eq!(error_message(br#"{"errorType":"Unhandled","errorMessage":"no table"}"#), "no table");
        assert_eq!(error_message(b"rubbish"), "without a word");
    }
}
