//! Why no message came back, hop by hop. Must not know how one is sent.

use chat::client::{Endpoint, PushServices};

use super::Deploying;
use super::blame::Blame;
use crate::aws::CallError;
use crate::failure::{Exit, Explain};
use crate::member::{InboxError, MemberError};

/// No message came back: which hop it was.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum Unproven {
    #[error("deployed, but chatctl could not make a room for the proof")]
    Room { source: CallError },
    #[error("deployed, but chatctl could not become a push client")]
    Inbox { source: InboxError },
    #[error("deployed, but a client could not be registered (steps 1–2)")]
    Register { source: MemberError },
    #[error("deployed, but the stage does not send to where chatctl receives the proof (steps 1–2)")]
    Elsewhere { why: String, next: String },
    #[error("deployed, but a message could not be stored (steps 7–8)")]
    Post { source: MemberError },
    #[error("deployed, but {function} fails ({steps})")]
    Failing { function: &'static str, steps: &'static str, said: String },
    #[error("deployed, but the message did not come back: {hop}")]
    Lost { hop: &'static str, waited_s: u64, seen: String },
    #[error("deployed, but a push came back that cannot be read (steps 14–15)")]
    Unreadable,
    #[error("deployed, and stopped before the proof came back")]
    Stopped,
}

impl Explain for Unproven {
    fn exit(&self) -> Exit {
        match self {
            Self::Stopped => Exit::Stopped,
            // Credentials that ended are no word about what was deployed (A15).
            Self::Room { source } if source.is_denied() => source.exit(),
            _ => Exit::Unproven,
        }
    }

    fn why(&self) -> Option<String> {
        Some(match self {
            Self::Room { source } => source.to_string(),
            Self::Inbox { source } => chain(source),
            Self::Register { source } | Self::Post { source } => chain(source),
            Self::Elsewhere { why, .. } => why.clone(),
            Self::Lost { waited_s, seen, .. } => format!("{seen}, after {waited_s} s of waiting"),
            Self::Failing { said, .. } => format!("its log says: {said}"),
            Self::Unreadable => "it was sealed for another key, or is not what the chat sends".to_owned(),
            Self::Stopped => return None,
        })
    }

    /// What has to be done first. That `up` then proves it, because the history says that the proof is owed, is said by
    /// who knows the stage.
    fn next(&self) -> Option<String> {
        match self {
            Self::Room { source } => Explain::next(source),
            Self::Elsewhere { next, .. } => Some(next.clone()),
            _ => None,
        }
    }
}

impl Unproven {
    /// A client that was not registered. An endpoint that the stage's own settings shut out was refused rightly: then it
    /// is two settings that contradict each other, and no function's fault.
    pub(super) fn unregistered(source: MemberError, cx: &Deploying, endpoint: &str) -> Self {
        let (stage, service) = (&cx.stage, &cx.push_service);
        let sends = |hosts: &str| {
            Endpoint::check(endpoint, &PushServices::from_list(hosts, cx.aws.local_origin.clone())).is_ok()
        };
        if !source.is_of_the_endpoint() || sends(&stage.push_hosts.join(",")) {
            return Self::Register { source };
        }
        let parsed = Endpoint::parse(endpoint).ok();
        // The rest of an endpoint is a secret.
        let at = parsed.as_ref().map_or_else(|| "no https address".to_owned(), Endpoint::origin);
        let why = format!(
            "push_service and push_hosts contradict each other: chatctl listens at {service}, whose endpoint is at {at}, \
             and push_hosts allows https at {} only ({})",
            stage.push_hosts.join(", "),
            chain(&source)
        );
        let name = &stage.name;
        let next = match parsed.as_ref().map(Endpoint::host).filter(|host| sends(host)) {
            Some(host) => format!("add {host} to push_hosts of stage {name} in chatctl.toml"),
            None => {
                let correct = format!("correct push_service of stage {name} in chatctl.toml");
                format!("{correct}, or CHATCTL_PUSH_SERVICE if that is set")
            }
        };
        Self::Elsewhere { why, next }
    }

    /// A function that its log betrays.
    pub(super) fn failing(blame: Blame) -> Self {
        let steps = match blame.function {
            "register-client" => "steps 1–2",
            "store-message" => "steps 7–8",
            "forward-messages" => "steps 9–10",
            _ => "steps 11–15",
        };
        Self::Failing { function: blame.function, steps, said: blame.said }
    }

    /// Whether it failed inside our functions, and not at a push service or a mapping that is still starting.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Failing { .. } | Self::Unreadable => true,
            Self::Register { source } | Self::Post { source } => source.is_the_functions(),
            Self::Room { .. } | Self::Inbox { .. } | Self::Elsewhere { .. } | Self::Lost { .. } | Self::Stopped => {
                false
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// Which hop it was, by what stands in the queues.
pub(super) fn where_lost(waiting: Option<u64>, dead: Option<u64>) -> (&'static str, &'static str) {
    match (waiting, dead) {
        (_, Some(1..)) => ("notify-clients gave it up (11–15)", "the dead letters are not empty"),
        (Some(1..), _) => ("notify-clients does not take it, or fails (11–15)", "the new-message queue is not empty"),
        (Some(0), _) => (
            "either forward-messages has not read the stream (9–10), or the push service has not delivered (14–15)",
            "the message is stored and the queue is empty",
        ),
        (None, _) => ("somewhere behind the table (9–15)", "the message is stored, and the queue cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Aws, Kind, LocalEndpoint};
    use crate::member::Refusal;
    use crate::stage::{MOZILLAS_PUSH, Overrides, Stage};

    #[test]
    fn a_lost_message_is_looked_for_in_the_queues() {
        for (waiting, dead, hop) in [
            (Some(0), Some(1), "gave it up"),
            (Some(2), Some(0), "does not take it"),
            (Some(0), Some(0), "has not read the stream"),
            (None, None, "behind the table"),
        ] {
            assert!(where_lost(waiting, dead).0.contains(hop), "{waiting:?} {dead:?}");
        }
    }

    #[test]
    fn only_what_fails_inside_our_functions_is_a_reason_to_go_back() {
        let blame = Blame { function: "notify-clients", said: "Runtime exited with error: exit status 1".to_owned() };
        let failing = Unproven::failing(blame);
        assert_eq!(failing.to_string(), "deployed, but notify-clients fails (steps 11–15)");
        assert!(failing.is_ours() && Unproven::Unreadable.is_ours());
        let lost = Unproven::Lost { hop: "somewhere", waited_s: 20, seen: String::new() };
        assert!(!lost.is_ours() && !Unproven::Stopped.is_ours());
    }

    #[tokio::test]
    async fn an_endpoint_that_the_settings_shut_out_is_no_reason_to_go_back_and_one_that_they_allow_is() {
        let variables = |name: &str| (name == "CHATCTL_STATE_DIR").then(|| "/nowhere".to_owned());
        let stage = Stage::load(&Overrides::default(), &variables, std::path::Path::new("/")).unwrap();
        let text = |text: &str| text.to_owned();
        let local = LocalEndpoint {
            endpoint: text("http://127.0.0.1:9"),
            account: text("000000000000"),
            access_key: text("a"),
            secret_key: text("b"),
        };
        let aws = Aws::open(&stage, Some(&local)).await.unwrap();
        let (_, stop) = tokio::sync::watch::channel(false);
        let nobody = crate::event::nobody();
        let cx = Deploying::new(aws, stage, MOZILLAS_PUSH.to_owned(), nobody, std::sync::Arc::new(|| 0), stop);
        let asked = |code: &str, host: &str, endpoint: &str| {
            let stage = Stage { push_hosts: vec![text(host)], ..cx.stage.clone() };
            let source = Refusal { status: 400, code: text(code), detail: text("not one of ours"), retry_after: None };
            let source = MemberError::Refused { what: "register a client", source };
            Unproven::unregistered(source, &Deploying { stage, ..cx.clone() }, endpoint)
        };
        let mozillas = "https://updates.push.services.mozilla.com/wpush/v2/a-secret";
        let shut = asked("bad_endpoint", "fcm.googleapis.com", mozillas);
        assert!(!shut.is_ours(), "{shut:?}");
        let why = Explain::why(&shut).unwrap();
        for words in ["push_service and push_hosts contradict", MOZILLAS_PUSH, "fcm.googleapis.com", "not one of ours"]
        {
            assert!(why.contains(words), "{words}: {why}");
        }
        assert!(why.contains("at https://updates.push.services.mozilla.com,") && !why.contains("secret"), "{why}");
        let add = "add updates.push.services.mozilla.com to push_hosts of stage dev in chatctl.toml";
        assert_eq!(Explain::next(&shut).unwrap(), add);
        let plain = asked("bad_endpoint", "fcm.googleapis.com", "http://127.0.0.1:10/push/a-secret");
        assert!(Explain::next(&plain).unwrap().starts_with("correct push_service of stage dev"), "{plain:?}");
        // Whatever else is refused is right by the settings: then it is a function that refused it.
        assert!(asked("bad_endpoint", "*.push.services.mozilla.com", mozillas).is_ours());
        assert!(asked("bad_endpoint", "fcm.googleapis.com", "http://127.0.0.1:9/push/x").is_ours(), "the cloud's own");
        assert!(asked("bad_keys", "fcm.googleapis.com", mozillas).is_ours());
    }

    #[test]
    fn a15_credentials_that_ended_before_the_proof_are_what_is_said() {
        let source = |kind| CallError {
            service: "DynamoDB",
            call: "PutItem",
            resource: "chat-dev-stage".to_owned(),
            code: None,
            message: String::new(),
            request_id: None,
            kind,
        };
        for (kind, exit, next) in [
            (Kind::Expired, Exit::Denied, Some("aws sso login")),
            (Kind::Credentials, Exit::Denied, Some("aws configure")),
            (Kind::Denied, Exit::Denied, None),
            (Kind::Throttled, Exit::Unproven, None),
        ] {
            let room = Unproven::Room { source: source(kind) };
            assert_eq!(room.exit(), exit, "{kind:?}");
            let said = Explain::next(&room);
            assert_eq!(said.is_some(), next.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().starts_with(next.unwrap_or_default()), "{kind:?}");
        }
    }

    #[test]
    fn a26_an_unproven_deploy_exits_with_six_and_a_stopped_one_with_130() {
        let lost = Unproven::Lost {
            hop: "notify-clients gave it up (11–15)",
            waited_s: 20,
            seen: "the dead letters are not empty".to_owned(),
        };
        assert_eq!(lost.exit(), Exit::Unproven);
        assert_eq!(Explain::why(&lost).unwrap(), "the dead letters are not empty, after 20 s of waiting");
        assert_eq!(Unproven::Stopped.exit(), Exit::Stopped);
    }
}
