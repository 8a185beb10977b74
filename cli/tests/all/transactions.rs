//! A post as DynamoDB cancels it: how often it is tried again, and when not at all (A27).

use chat::contract::{author, post, room};
use chat::message::Posted;
use chat::ports::Messages as _;
use chat_aws::messages::DynamoMessages;
use serde_json::json;

use crate::answers::first;
use crate::sky::{Sky, in_paused_time};
use crate::traps::{count, standing};

/// A transaction that was cancelled for these reasons, one for each of its writes.
fn cancelled(reasons: [&str; 2]) -> (u16, String) {
    let words = format!("Transaction cancelled, please refer cancellation reasons for specific reasons {reasons:?}");
    let reasons = reasons.map(|code| json!({ "Code": code }));
    let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": words,
                       "CancellationReasons": reasons });
    (400, body.to_string())
}

/// Posts once; whether it was stored, and how often that was tried.
async fn tried(sky: &Sky, times: usize, reasons: [&str; 2]) -> (bool, usize) {
    let messages = DynamoMessages::new(sky.others.dynamodb.clone(), sky.stage.names().table("messages"));
    sky.wire.heard();
    sky.wire.answers(first(times, &["TransactWriteItems"], cancelled(reasons)));
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
