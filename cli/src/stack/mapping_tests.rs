//! What a mapping differs in, and which one is ours.
use super::*;
use crate::stack::{ground::tests::ground, visiting_with};
use aws_sdk_lambda::types::{
    DestinationConfig, FilterCriteria, OnFailure, ScalingConfig, builders::EventSourceMappingConfigurationBuilder,
};
use reconcile::Facts;

const STREAM: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/chat-dev-messages/stream/2026";

async fn mapping() -> Mapping {
    let ground = Arc::new(ground().await);
    let want = Settings {
        function: ground.alias_arn("forward-messages"),
        batch: 100,
        window: 0,
        filter: Some(serde_json::json!({ "eventName": ["INSERT"] })),
        reports_items: true,
        enabled: true,
        bounds: bounds(),
    };
    let source = Source::Stream("messages");
    Mapping { ground, which: "stream", function: "forward-messages", source, want, needs: Vec::new() }
}

fn bounds() -> Bounds {
    Bounds::Stream {
        bisects: true,
        retries: Some(5),
        age: Some(Duration::from_secs(43_200)),
        on_failure: Some("arn:aws:sqs:us-east-1:000000000000:chat-dev-dead-letters".into()),
    }
}

fn found(source: &str, settings: &Settings) -> Found {
    Found { uuid: "u".into(), source: source.into(), state: "Enabled".into(), settings: settings.clone() }
}

#[tokio::test]
async fn a5_a_mapping_differs_in_place_but_for_its_source() {
    let mapping = mapping().await;
    let facts = Facts::default();
    facts.learn(&table::id("messages"), table::STREAM, STREAM.into());
    let other = Settings { enabled: false, batch: 7, ..mapping.want.clone() };
    let old = STREAM.replace("2026", "2025");
    for (seen, change) in [
        (None, Change::Create),
        (Some(found(STREAM, &mapping.want)), Change::Keep),
        (
            Some(found(STREAM, &other)),
            Change::Update(vec![
                Field::new("batch", "7".to_owned(), "100".to_owned()),
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
async fn a4_a_stray_of_our_function_and_source_is_adopted_and_one_that_leaves_is_not() {
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

fn listed(source: &str) -> EventSourceMappingConfigurationBuilder {
    EventSourceMappingConfiguration::builder()
        .uuid("u")
        .event_source_arn(source)
        .function_arn("arn:aws:lambda:us-east-1:000000000000:function:chat-dev-forward-messages:live")
        .batch_size(100)
        .filter_criteria(FilterCriteria::builder().build())
}

/// A20, A33: as it is listed, each bound that is not as wanted is a field of its own.
#[tokio::test]
async fn a20_a33_a_mapping_without_its_bounds_is_given_them() {
    let before = |mapping: EventSourceMappingConfigurationBuilder, want: Bounds| {
        let seen = Settings::of(&mapping.build()).unwrap();
        let want = Settings { bounds: want, ..seen.clone() };
        let change = Change::between(Some(&seen), &want);
        change
            .fields()
            .iter()
            .map(|f| format!("{}: {}", f.name, f.before.as_deref().unwrap_or("?")))
            .collect::<Vec<_>>()
    };
    let bare = listed(STREAM).maximum_retry_attempts(-1).maximum_record_age_in_seconds(-1);
    let empty = DestinationConfig::builder().on_failure(OnFailure::builder().build()).build();
    let none = ["bisects: false", "retries: none", "record age: none", "on failure: none"];
    assert_eq!(before(bare.destination_config(empty), bounds()), none);
    let to = OnFailure::builder().destination("arn:aws:sqs:us-east-1:000000000000:chat-dev-dead-letters").build();
    let whole = listed(STREAM).maximum_retry_attempts(5).maximum_record_age_in_seconds(43_200);
    let whole = whole.bisect_batch_on_function_error(true);
    let whole = whole.destination_config(DestinationConfig::builder().on_failure(to).build());
    assert!(before(whole, bounds()).is_empty());
    let queue = listed("arn:aws:sqs:us-east-1:000000000000:chat-dev-new-messages").maximum_retry_attempts(-1);
    let at_once = Bounds::Queue { at_once: Some(8) };
    assert_eq!(before(queue.clone(), at_once.clone()), ["batches at once: none"]);
    let bound = ScalingConfig::builder().maximum_concurrency(8).build();
    assert!(before(queue.scaling_config(bound), at_once).is_empty());
}

/// A20, A33: what only the other kind has is never sent, and a bound that goes is sent as none.
#[test]
fn a20_a33_a_call_says_what_its_kind_has_and_nothing_else() {
    let stream = Bounds::Stream { bisects: false, retries: None, age: None, on_failure: None };
    assert_eq!((stream.bisects(), stream.retries(), stream.age()), (Some(false), Some(-1), Some(-1)));
    assert!(stream.destination().is_some_and(|to| to.on_failure().is_some_and(|to| to.destination().is_none())));
    assert!(stream.scaling().is_none());
    let queue = Bounds::Queue { at_once: Some(8) };
    assert_eq!((queue.bisects(), queue.retries(), queue.age(), queue.destination()), (None, None, None, None));
    assert_eq!(queue.scaling().and_then(|scaling| scaling.maximum_concurrency()), Some(8));
}
