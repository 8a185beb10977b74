//! What a mapping differs in, and which one is ours.
use super::*;
use crate::stack::{ground::tests::ground, visiting_with};
use reconcile::Facts;

const STREAM: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/chat-dev-messages/stream/2026";

async fn mapping() -> Mapping {
    let ground = Arc::new(ground().await);
    let want = Settings {
        function: ground.alias_arn("forward-messages"),
        batch: 100,
        window: 0,
        filter: Some(serde_json::json!({ "eventName": ["INSERT"] })),
        tries: Some(5),
        reports_items: true,
        enabled: true,
    };
    let source = Source::Stream("messages");
    Mapping { ground, which: "stream", function: "forward-messages", source, want, needs: Vec::new() }
}

fn found(source: &str, settings: &Settings) -> Found {
    Found { uuid: "u".into(), source: source.into(), state: "Enabled".into(), settings: settings.clone() }
}

#[tokio::test]
async fn a_mapping_differs_in_place_but_for_its_source() {
    let mapping = mapping().await;
    let facts = Facts::default();
    facts.learn(&table::id("messages"), table::STREAM, STREAM.into());
    let other = Settings { enabled: false, tries: None, ..mapping.want.clone() };
    let old = STREAM.replace("2026", "2025");
    for (seen, change) in [
        (None, Change::Create),
        (Some(found(STREAM, &mapping.want)), Change::Keep),
        (
            Some(found(STREAM, &other)),
            Change::Update(vec![
                Field::new("retries", "none".to_owned(), "5".to_owned()),
                Field::new("enabled", "false".to_owned(), "true".to_owned()),
            ]),
        ),
        // A5, A13: a stream switched off and on is another source.
        (Some(found(&old, &mapping.want)), Change::Replace(Field::new("source", old.clone(), STREAM.to_owned()))),
    ] {
        assert_eq!(visiting_with(&mapping, seen, facts.clone()), change);
    }
}

/// A4
#[tokio::test]
async fn a_stray_of_our_function_and_source_is_adopted_and_one_that_leaves_is_not() {
    let mapping = mapping().await;
    let unqualified = Settings {
        function: "arn:aws:lambda:us-east-1:0:function:chat-dev-forward-messages".into(),
        ..mapping.want.clone()
    };
    let stray = found(&STREAM.replace("2026", "2025"), &unqualified);
    assert!(mapping.among(std::slice::from_ref(&stray)).is_some());
    assert!(mapping.among(&[Found { state: "Deleting".into(), ..stray.clone() }]).is_none());
    let foreign = found("arn:aws:dynamodb:us-east-1:000000000000:table/chat-dev-messages-2/stream/1", &unqualified);
    assert!(mapping.among(&[foreign]).is_none());
    let other =
        Settings { function: "arn:aws:lambda:us-east-1:0:function:chat-dev-forward-messages-2".into(), ..unqualified };
    assert!(mapping.among(&[found(STREAM, &other)]).is_none());
}
