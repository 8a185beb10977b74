//! A record that no try helps (A20), on its way through the chat's own functions.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::by_hand::Hands;
use crate::ear::Ear;
use crate::world::World;

/// Longer than all tries of a record.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts what calls itself a message and cannot be read as one.
fn puts_poison(hands: &Hands) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = hands.dynamodb().put_item().table_name("chat-dev-messages");
    let put = put.item("pk", text("poison")).item("sk", text("poison")).item("kind", text("message"));
    hands.now(put.send()).unwrap();
}

/// What is told of the next record that was given up.
fn given_up(hands: &Hands) -> Value {
    let url = hands.now(hands.sqs().get_queue_url().queue_name("chat-dev-dead-letters").send()).unwrap().queue_url;
    let receive = hands.sqs().receive_message().set_queue_url(url).wait_time_seconds(20);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(message) = hands.now(receive.clone().send()).unwrap().messages.unwrap_or_default().pop() {
            return serde_json::from_str(&message.body.unwrap()).unwrap();
        }
    }
    panic!("nothing was given up");
}

#[test]
fn a20_a_message_that_cant_be_read_ends_in_the_dead_letters_and_what_came_around_it_arrives() {
    let world = World::up();
    let hands = Hands::on(&world);
    let ear = Ear::of(&mut world.chatctl());
    ear.listens("push");
    world.succeeds(["send", "before"]);
    puts_poison(&hands);
    world.succeeds(["send", "after"]);
    ear.hears("before", "push");
    ear.hears("after", "push");
    let told = given_up(&hands);
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted", "{told}");
    let by = told["requestContext"]["functionArn"].as_str();
    assert!(by.is_some_and(|arn| arn.ends_with(":function:chat-dev-forward-messages:live")), "{told}");
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 1, "nothing else was given up with it: {told}");
    assert_eq!(world.status()["queues"]["dead_letters"], 1);
    assert_eq!(ear.ends(), Vec::<Value>::new(), "each came once");
}
