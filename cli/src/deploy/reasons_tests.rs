//! Each kind of reason, from what was recorded, what is wanted and what is there.
use std::path::Path;

use super::super::record::{Proof, tests::deploy};
use super::*;
use crate::stage::{Overrides, Target};

fn wants(text: &str) -> Wants {
    serde_json::from_str(text).unwrap()
}

/// The last deploy, which left version 3 of store-message live.
fn last(recorded: &str) -> Deploy {
    let version = "0.1.0".to_owned();
    Deploy { version, wants: Some(wants(recorded)), ..deploy(7, 3, Proof::Proved) }
}

fn stage(memory: Option<&str>) -> Stage {
    let memory = memory.map(str::to_owned);
    let variables = move |name: &str| match name {
        "CHATCTL_STATE_DIR" => Some("/nowhere".to_owned()),
        "CHATCTL_MEMORY" => memory.clone(),
        _ => None,
    };
    Stage::load(&Overrides::default(), &variables, Path::new("/")).unwrap()
}

fn step(id: &str, change: Change) -> Step {
    let (kind, name) = id.split_once('/').unwrap();
    let id = Id::new(kind, name);
    Step { id, change, why: None, drifted: false, costs: None, needs: Vec::new(), done: false }
}

fn field(name: &str, before: Option<&str>, after: Option<&str>) -> Change {
    Change::Update(vec![Field::new(name, before.map(str::to_owned), after.map(str::to_owned))])
}

/// What is said of one change: its own reason, or its field's; and whether it drifted.
fn said(stage: &Stage, last: Option<&Deploy>, now: &str, id: &str, change: Change) -> (String, bool) {
    said_of(stage, last, now, "3", id, change)
}

/// The same with another version of store-message behind its alias.
fn said_of(stage: &Stage, last: Option<&Deploy>, now: &str, live: &str, id: &str, change: Change) -> (String, bool) {
    let version = stack::Version { number: live.to_owned(), sha256: String::new() };
    let live = Versions::from([("store-message".to_owned(), version)]);
    let grounds = Grounds { stage, last, now: wants(now), live, made: Vec::new() };
    let mut step = step(id, change);
    grounds.explain(&mut step);
    let why = step.change.fields().first().and_then(|field| field.why.clone()).or(step.why);
    (why.unwrap_or_default(), step.drifted)
}

const FUNCTION: &str = "function/store-message";

#[test]
fn a_setting_is_named_where_it_was_said_and_drift_with_what_the_last_deploy_set() {
    let (usual, set) = (stage(None), stage(Some("512")));
    let recorded = last(r#"{"function/store-message":{"memory":"256 MB"}}"#);
    let same = r#"{"function/store-message":{"memory":"256 MB"}}"#;
    let more = r#"{"function/store-message":{"memory":"512 MB"}}"#;
    let named = "deploy of 2023-11-14 22:13 UTC";
    let memory = |before: &str, after: &str| field("memory", Some(before), Some(after));
    for (stage, now, change, why, drifted) in [
        (&set, more, memory("256 MB", "512 MB"), "because CHATCTL_MEMORY is 512".to_owned(), false),
        (
            &usual,
            same,
            memory("128 MB", "256 MB"),
            format!("changed outside: the {named} set 256 MB, now it is 128 MB"),
            true,
        ),
        (
            &set,
            more,
            memory("128 MB", "512 MB"),
            format!("because CHATCTL_MEMORY is 512; and changed outside: the {named} set 256 MB"),
            true,
        ),
    ] {
        assert_eq!(said(stage, Some(&recorded), now, FUNCTION, change), (why, drifted));
    }
}

#[test]
fn code_is_told_from_the_version_and_commit_that_stand_there() {
    let recorded = last(r#"{"function/store-message":{"code":"old"}}"#);
    let now = r#"{"function/store-message":{"code":"new"}}"#;
    let (why, drifted) = said(&stage(None), Some(&recorded), now, FUNCTION, field("code", Some("old"), Some("new")));
    let should = "code of store-message differs from version 3, deployed 2023-11-14 22:13 UTC at commit 0123456";
    assert_eq!((why.as_str(), drifted), (should, false));
}

#[test]
fn the_contact_is_the_settings_or_where_they_name_none_the_apis() {
    const NOTIFIER: &str = "function/notify-clients";
    let subject = |after: Option<&str>| field("variable CHAT_VAPID_SUBJECT", Some("https://one"), after);
    let wanted = |value: &str| format!(r#"{{"{NOTIFIER}":{{"variable CHAT_VAPID_SUBJECT":"{value}"}}}}"#);
    let nobodys = Stage { target: Target::Aws, contact: None, ..stage(None) };
    let anns = Stage { contact: Some("https://one".to_owned()), ..nobodys.clone() };
    let by = |stage: &Stage| Deploy { settings: Some(stage.settings()), ..last(&wanted("https://one")) };
    let none = format!(r#"{{"{NOTIFIER}":{{}}}}"#);
    let two = wanted("https://two");
    for (stage, then, now, after, why, drifted) in [
        (&nobodys, &nobodys, &none, None, "api/http is made by the same plan", false),
        (&nobodys, &anns, &none, None, "api/http is made by the same plan", false),
        (&nobodys, &nobodys, &two, Some("https://two"), "changed outside: api/http was made again after", true),
        (&nobodys, &anns, &two, Some("https://two"), "because contact is not set, and https://two is usual", false),
    ] {
        let (said, outside) = said(stage, Some(&by(then)), now, NOTIFIER, subject(after));
        assert!(said.starts_with(why) && outside == drifted, "{said}");
    }
}

#[test]
fn an_alias_that_was_moved_is_told_whatever_differs_by_it() {
    let recorded = last(r#"{"function/store-message":{"memory":"256 MB"}}"#);
    let now = r#"{"function/store-message":{"memory":"256 MB"}}"#;
    let change = field("memory", Some("512 MB"), Some("256 MB"));
    let (why, drifted) = said_of(&stage(None), Some(&recorded), now, "1", FUNCTION, change);
    assert!(why.ends_with("left live at version 3, now it is at version 1") && drifted, "{why}");
}

#[test]
fn what_nobody_deployed_and_what_was_removed_are_outside_changes() {
    let recorded = last(r#"{"routes/http":{"GET /":"f"},"role/a":{},"queue/gone":{}}"#);
    let now = r#"{"routes/http":{"GET /":"f"},"role/a":{},"queue/gone":{},"queue/new":{}}"#;
    let stage = stage(None);
    let said = |id, change| said(&stage, Some(&recorded), now, id, change);
    assert_eq!(
        said("routes/http", field("GET /debug", Some("x"), None)),
        ("changed outside: no deploy set it".to_owned(), true)
    );
    let (why, drifted) = said("queue/gone", Change::Create);
    assert!(why.starts_with("removed outside: the deploy of ") && drifted, "{why}");
    let (why, drifted) = said("queue/new", Change::Create);
    assert!(why.starts_with("new: ") && !drifted, "{why}");
    let (why, drifted) = said("function/renamed", Change::Delete);
    assert!(why.contains("wants it no more") && !drifted, "{why}");
}

#[test]
fn what_down_took_is_not_missing_and_without_a_record_nothing_is_blamed() {
    let stage = stage(None);
    let recorded = Deploy { down_ms: Some(1), ..last(r#"{"queue/gone":{}}"#) };
    let now = r#"{"queue/gone":{}}"#;
    assert_eq!(
        said(&stage, Some(&recorded), now, "queue/gone", Change::Create),
        ("the stage was taken down".to_owned(), false)
    );
    assert_eq!(said(&stage, None, now, "queue/gone", Change::Create), (String::new(), false));
    let change = field("memory", Some("128 MB"), Some("256 MB"));
    assert_eq!(said(&stage, None, now, FUNCTION, change).0, "because memory is not set, and 256 is usual");
}
