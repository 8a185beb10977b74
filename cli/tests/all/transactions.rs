//! A transaction as DynamoDB cancels it, a post and the deploy's own: how often it is tried again, and when not at all (A27).

use chat::contract::{author, post, room};
use chat::message::Posted;
use chat::ports::Messages as _;
use chat_aws::messages::DynamoMessages;
use chatctl::aws::faults::Faults;
use serde_json::{Value, json};

use crate::answers::first;
use crate::sky::{Sky, in_paused_time};
use crate::traps::{count, standing};

/// A transaction that was cancelled for these reasons, one for each of its writes.
fn cancelled(reasons: &[&str]) -> (u16, String) {
    let words = format!("Transaction cancelled, please refer cancellation reasons for specific reasons {reasons:?}");
    let reasons: Vec<Value> = reasons.iter().map(|code| json!({ "Code": code })).collect();
    let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": words,
                       "CancellationReasons": reasons });
    (400, body.to_string())
}

/// Posts once; whether it was stored, and how often that was tried.
async fn tried(sky: &Sky, times: usize, reasons: [&str; 2]) -> (bool, usize) {
    let messages = DynamoMessages::new(sky.others.dynamodb.clone(), sky.stage.names().table("messages"));
    sky.wire.heard();
    sky.wire.answers(first(times, &["TransactWriteItems"], cancelled(&reasons)));
    let now = sky.cloud.now_ms();
    let posted = messages.post(&post(&room(now), &author(), "k", "hello", now)).await;
    (matches!(posted, Ok(Posted::New(_))), count(&sky.wire.heard(), &["TransactWriteItems"]))
}

#[test]
fn a27_a_post_that_meets_another_transaction_is_tried_again_and_not_for_ever() {
    in_paused_time(async {
        let sky = standing().await;
        let conflict = ["None", "TransactionConflict"];
        assert_eq!(tried(&sky, 2, conflict).await, (true, 3));
        assert_eq!(tried(&sky, usize::MAX, conflict).await, (false, 5));
        for other in [["ValidationError", "None"], ["TransactionConflict", "ItemCollectionSizeLimitExceeded"]] {
            assert_eq!(tried(&sky, usize::MAX, other).await, (false, 1), "{other:?}");
        }
    });
}

/// What the first records of a stage are written with.
const RECORDS: [&str; 2] = ["TransactWriteItems", "attribute_not_exists(#pk)"];

/// A first `up` whose records are cancelled so often for these reasons: what failed, and how often they were written.
async fn upped(times: usize, reasons: [&str; 3]) -> (Option<String>, usize) {
    let sky = Sky::empty();
    sky.wire.answers(first(times, &RECORDS, cancelled(&reasons)));
    let ended = Box::pin(sky.up(&Faults::none())).await.unwrap();
    (ended.err().map(|failed| format!("{failed:?}")), count(&sky.wire.heard(), &RECORDS))
}

#[test]
fn a27_a_stages_first_records_are_tried_again_for_what_passes_and_fail_at_once_with_the_reasons_of_what_does_not() {
    in_paused_time(async {
        for passes in [["None", "TransactionConflict", "None"], ["ThrottlingError", "None", "None"]] {
            assert_eq!(upped(3, passes).await, (None, 4), "{passes:?}");
        }
        // Somebody was first: what is there is looked at again.
        assert_eq!(upped(1, ["None", "None", "ConditionalCheckFailed"]).await, (None, 2));
        let (failed, tried) = upped(usize::MAX, ["None", "ValidationError", "TransactionConflict"]).await;
        assert!(failed.as_ref().unwrap().contains("because of ValidationError, TransactionConflict"), "{failed:?}");
        assert_eq!(tried, 1);
        for stays in ["TransactionConflict", "ConditionalCheckFailed"] {
            let (failed, tried) = upped(usize::MAX, [stays, "None", "None"]).await;
            let failed = failed.unwrap();
            assert!(failed.contains(&format!("because of {stays}")) && failed.contains("30 s"), "{failed}");
            assert!((10..60).contains(&tried), "{tried}");
        }
    });
}
