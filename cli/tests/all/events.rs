//! What `--json` prints is what docs/events.md says: the document is made from the code, and so is held to be true of it.

use std::fmt::Write as _;

use chatctl::event::{
    Act, CertifiedKind, Credentials, DeployShown, Event, FieldChange, FunctionShown, Hop, LogLine, Place, PlannedStep,
    Queues, ResourceShown, RoomShown, Status, Told, Via, Went,
};
use serde_json::Value;

use crate::schema::{Schema, Shape};
use crate::world::{World, events};
use crate::written;

/// What every line has besides its event's own fields.
const OWN: [&str; 3] = ["v", "at", "event"];
const AT: &str = "2026-01-02T03:04:05.678Z";

const INTRODUCTION: &str = "# What `--json` prints

One event a line on standard output, as it happens (NDJSON); nothing else is printed there. Every line begins with `v`, the schema's version
(1), `at`, when it was said (RFC 3339, UTC), and `event`, its name. New events and new fields may come within a version; what is here
stays. A command that fails ends with `failed`, whose `exit` is the process's exit code.
";

/// Each kind of event with its example: a new kind without one does not compile.
macro_rules! examples {
    ($($kind:pat => $example:expr,)*) => {
        fn examples() -> Vec<Event> {
            vec![$($example,)*]
        }

        /// Whether an example is of the kind that it stands for.
        fn in_order(examples: &[Event]) -> bool {
            let mut examples = examples.iter();
            $(matches!(examples.next(), Some($kind)) &&)* examples.next().is_none()
        }

        /// Names every kind, so that none is forgotten.
        fn known(event: &Event) {
            match event { $($kind => {})* }
        }
    };
}

examples! {
    Event::Acting { .. } => Event::Acting {
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        who: "arn:aws:iam::123456789012:user/ann".into(),
        endpoint: Some("http://127.0.0.1:4566".into()),
        until: Some("2026-01-02T04:04:05Z".into()),
    },
    Event::Building => Event::Building,
    Event::BuildProgress { .. } => Event::BuildProgress { line: "Compiling chat v0.1.0".into() },
    Event::Built { .. } => Event::Built { function: "store-message".into(), bytes: 23_456_789 },
    Event::CloudStarted { .. } => Event::CloudStarted {
        endpoint: "http://127.0.0.1:4566".into(),
        restarted_because: Some("it had been killed".into()),
    },
    Event::CloudStopped => Event::CloudStopped,
    Event::Planned { .. } => Event::Planned { steps: vec![step()] },
    Event::Forecast { .. } => Event::Forecast { place: place(), steps: vec![step()] },
    Event::StepStarted { .. } => Event::StepStarted { id: "queue/new-messages".into(), change: Act::Create },
    Event::Waiting { .. } => Event::Waiting {
        id: "queue/new-messages".into(),
        what: "its name to be free".into(),
        since_ms: 12_000,
    },
    Event::StepDone { .. } => Event::StepDone { id: "queue/new-messages".into(), change: Act::Create, ms: 412 },
    Event::StepFailed { .. } => Event::StepFailed {
        id: "queue/new-messages".into(),
        error: "SQS CreateQueue answered QueueDeletedRecently".into(),
    },
    Event::Proving { .. } => Event::Proving { what: "sending a message".into() },
    Event::ProofHop(_) => Event::ProofHop(hop()),
    Event::Proved { .. } => Event::Proved { hops: vec![hop()], total_ms: 11.5 },
    Event::Deployed { .. } => Event::Deployed {
        stage: "dev".into(),
        target: "local".into(),
        flags: String::new(),
        endpoint: "http://127.0.0.1:18231".into(),
        page: page(),
        changed: 38,
        proved: true,
        warnings: vec!["Lambda PutFunctionRecursionConfig is not offered here".into()],
        ms: 1_640,
    },
    Event::RollingBack { .. } => Event::RollingBack {
        from: 5,
        to: 4,
        because: Some("deployed, but store-message fails (steps 7–8)".into()),
    },
    Event::History { .. } => Event::History { stage: "dev".into(), deploys: vec![deploy()] },
    Event::Watching { .. } => Event::Watching { folder: "/home/ann/chat".into() },
    Event::Saved { .. } => Event::Saved { files: vec!["web/app.js".into()], more: 0 },
    Event::Live { .. } => Event::Live { functions: vec!["serve-page".into()], built_ms: 1_310, live_ms: 240 },
    Event::NothingNew => Event::NothingNew,
    Event::NotLive { .. } => Event::NotLive {
        error: "cannot build the functions".into(),
        why: Some("cargo build failed".into()),
        next: vec!["cargo build".into()],
    },
    Event::NothingToChange { .. } => Event::NothingToChange { stage: "dev".into(), resources: 38 },
    Event::Sent { .. } => Event::Sent {
        room: "lobby".into(),
        id: message(),
        name: "Ann".into(),
        text: "hello".into(),
        time: AT.into(),
        repeated: false,
    },
    Event::Message { .. } => Event::Message {
        room: "lobby".into(),
        id: message(),
        author: "pD3kX0Jb1rYw".into(),
        name: "Ann".into(),
        text: "hello".into(),
        time: AT.into(),
        via: Via::Push,
    },
    Event::MessageDeleted { .. } => Event::MessageDeleted { room: "lobby".into(), id: message() },
    Event::Listening { .. } => Event::Listening {
        room: "lobby".into(),
        via: Via::Poll,
        because: Some("the push service cannot be reached".into()),
    },
    Event::ClientTold(_) => Event::ClientTold(Told {
        client: "tq1Zb0x6c2d8".into(),
        service: "fcm.googleapis.com".into(),
        status: Some(410),
        verdict: "gone".into(),
        meaning: "the browser has given this subscription up".into(),
        next: Some("nothing: the client was removed".into()),
        took_ms: 87,
    }),
    Event::LogLine(_) => Event::LogLine(LogLine {
        source: "store-message".into(),
        time: Some(AT.into()),
        text: "stored".into(),
        level: Some("info".into()),
        fields: [("took_ms".to_owned(), 4.into())].into(),
    }),
    Event::RoomShown(_) => Event::RoomShown(RoomShown {
        room: "lobby".into(),
        hash: "x7Kc2mQ9vT1a".into(),
        page: page(),
        created: true,
        created_at: AT.into(),
        retention_days: 30,
    }),
    Event::Status(_) => Event::Status(Box::new(status())),
    Event::Page { .. } => Event::Page { page: page(), opened: true },
    Event::Operations { .. } => Event::Operations {
        stack: "chat-prod-operations".into(),
        state: "CREATE_IN_PROGRESS".into(),
    },
    Event::Bootstrapped { .. } => Event::Bootstrapped {
        stage: "prod".into(),
        policy: "arn:aws:iam::123456789012:policy/chat-prod-deployer".into(),
        boundary: "arn:aws:iam::123456789012:policy/chat-prod-boundary".into(),
        changed: true,
    },
    Event::Removed { .. } => Event::Removed { id: "queue/new-messages".into() },
    Event::Kept { .. } => Event::Kept { id: "table/messages".into(), because: "the messages".into() },
    Event::Certificate { .. } => Event::Certificate {
        stage: "prod".into(),
        kinds: vec![certified()],
        also: vec!["CloudWatch keeps the metrics of what is gone for up to 15 months; they cost nothing".into()],
    },
    Event::Down { .. } => Event::Down { stage: "dev".into(), removed: 33, kept: 5, ms: 840 },
    Event::Stopping => Event::Stopping,
    Event::Stopped { .. } => Event::Stopped { left: vec!["mapping/new-messages".into()] },
    Event::Warning { .. } => Event::Warning {
        what: "a test push arrived".into(),
        next: Some("chatctl status".into()),
    },
}

const FAILED: &str = r#""event":"failed","error":"stage dev is not up","why":"the local cloud does not run","next":["chatctl up"],"exit":1}"#;

fn page() -> String {
    "http://127.0.0.1:18231/#AQ…".into()
}

fn message() -> String {
    "019b7d3c-5a1e-7c40-8f2e-6d1b0a9c8e7f".into()
}

fn hop() -> Hop {
    Hop { step: "stored (7–8)".into(), start_ms: 0.0, ms: 4.25 }
}

fn deploy() -> DeployShown {
    DeployShown {
        deploy: 6,
        time: AT.into(),
        by: "ann@laptop".into(),
        command: "chatctl rollback".into(),
        commit: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        clean: Some(true),
        changes: vec!["update function/store-message".into()],
        ms: 812,
        went: Went::Proved,
        back_to: Some(4),
    }
}

fn place() -> Place {
    Place {
        stage: "prod".into(),
        target: "aws".into(),
        region: "eu-central-1".into(),
        account: "123456789012".into(),
        caller: Some("arn:aws:iam::123456789012:user/ann".into()),
    }
}

fn certified() -> CertifiedKind {
    CertifiedKind {
        kind: "table".into(),
        looked_at: 4,
        left: Vec::new(),
        kept: vec!["table/messages".into()],
        unseen: Some("DynamoDB ListTables answered AccessDeniedException".into()),
    }
}

fn memory() -> FieldChange {
    FieldChange {
        name: "memory".into(),
        before: "128 MB".into(),
        after: "256 MB".into(),
        why: Some("changed outside: the deploy of 2026-01-02 03:04 UTC set 256 MB, now it is 128 MB".into()),
    }
}

fn step() -> PlannedStep {
    PlannedStep {
        id: "function/store-message".into(),
        change: Act::Update,
        fields: vec![memory()],
        why: Some("the stage was taken down".into()),
        costs: Some("no message: pushes pause until it polls".into()),
        drifted: true,
        needs: vec!["role/store-message".into()],
    }
}

fn status() -> Status {
    let resource = |id: &str| ResourceShown {
        id: id.into(),
        healthy: true,
        state: "active".into(),
        detail: Some("version 3".into()),
        differs: vec![memory()],
    };
    Status {
        project: "chat".into(),
        stage: "dev".into(),
        target: "local".into(),
        flags: String::new(),
        region: "us-east-1".into(),
        account: Some("000000000000".into()),
        up: true,
        page: Some(page()),
        endpoint: Some("http://127.0.0.1:18231".into()),
        endpoint_url: Some("http://127.0.0.1:4566".into()),
        credentials: Some(Credentials { access_key_id: "AKIA…".into(), secret_access_key: "local-cloud-…".into() }),
        push_service: Some("ws://127.0.0.1:4566/".into()),
        deployed_at: Some(AT.into()),
        resources: vec![resource("function/store-message")],
        functions: vec![FunctionShown {
            name: "store-message".into(),
            version: Some("3".into()),
            state: "Active".into(),
            code_bytes: 23_456_789,
            memory_mb: 256,
            timeout_s: 10,
        }],
        queues: Queues { new_messages: 0, in_flight: 1, dead_letters: 0 },
        clients: 2,
        rooms: vec!["lobby".into()],
    }
}

/// An example as `--json` prints it.
fn line(event: &str) -> String {
    format!("{{\"v\":1,\"at\":\"{AT}\",{event}")
}

fn table(text: &mut String, shape: &Shape) {
    if shape.fields.is_empty() {
        return;
    }
    text.push_str("\n| field | type | |\n|---|---|---|\n");
    for field in &shape.fields {
        writeln!(text, "| `{}` | {} | {} |", field.name, field.kind(), field.docs.replace('|', "\\|")).unwrap();
    }
}

#[test]
fn events_md_has_every_event_with_its_fields_and_an_example_that_has_them_all() {
    let schema = Schema::read();
    let examples = examples();
    assert!(in_order(&examples), "each example is of its own kind");
    examples.iter().for_each(known);
    let mut lines: Vec<String> =
        examples.iter().map(|event| line(&serde_json::to_string(event).unwrap()[1..])).collect();
    lines.push(line(FAILED));
    assert_eq!(lines.len(), schema.events.len(), "every event that the code has is read from it");

    let mut text = INTRODUCTION.to_owned();
    for (shape, line) in schema.events.iter().zip(&lines) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["event"], shape.name.as_str());
        schema.fits(&value, shape, &OWN).unwrap();
        assert_eq!(
            value.as_object().unwrap().len(),
            OWN.len() + shape.fields.len(),
            "the example has every field: {line}"
        );
        write!(text, "\n## `{}`\n{}.\n", shape.name, shape.docs).unwrap();
        table(&mut text, shape);
        write!(text, "\n```json\n{line}\n```\n").unwrap();
    }
    text.push_str("\n# What they are made of\n");
    for shape in &schema.records {
        write!(text, "\n## {}\n{}.\n", shape.name, shape.docs).unwrap();
        table(&mut text, shape);
        if !shape.words.is_empty() {
            text.push('\n');
        }
        for (word, means) in &shape.words {
            writeln!(text, "- `{word}`: {means}").unwrap();
        }
    }
    written::file("docs/events.md", &text);
}

#[test]
fn every_line_that_a_command_prints_is_an_event_of_the_schema() {
    let schema = Schema::read();
    let world = World::empty();
    let mut seen = std::collections::BTreeSet::new();
    for (code, words) in [
        (0, vec!["status"]),
        (1, vec!["send", "too early"]),
        (2, vec!["stauts"]),
        (0, vec!["plan"]),
        (0, vec!["up"]),
        (0, vec!["up"]),
        (0, vec!["room", "create", "ops"]),
        (0, vec!["room", "list"]),
        (0, vec!["send", "--name", "Ann", "hello"]),
        (0, vec!["logs", "--since", "10m"]),
        (0, vec!["status"]),
        (0, vec!["down"]),
    ] {
        let out = world.run(&words);
        assert_eq!(out.status.code(), Some(code), "{words:?}: {out:?}");
        let told = events(&out);
        assert!(!told.is_empty(), "{words:?}");
        for event in &told {
            let name = event["event"].as_str().unwrap_or_else(|| panic!("{words:?}: no name: {event}"));
            schema
                .event(name)
                .and_then(|shape| schema.fits(event, shape, &OWN))
                .unwrap_or_else(|e| panic!("{e}: {event}"));
            assert_eq!(event["v"], 1);
            let at = event["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            assert!(at.is_some(), "{event}");
            seen.insert(name.to_owned());
        }
        let failed = told.iter().rfind(|event| event["event"] == "failed").map(|failed| failed["exit"].clone());
        assert_eq!(failed, (code != 0).then(|| code.into()), "{words:?}: {told:#?}");
    }
    for name in ["forecast", "planned", "step.done", "proved", "deployed", "nothing.to.change", "sent", "room", "log"] {
        assert!(seen.contains(name), "{name} was never printed: {seen:?}");
    }
}
