//! `tail` as a listener: as a push client among others, and while pushes cannot be had.

use serde_json::Value;

use crate::ear::Ear;
use crate::relay::Relay;
use crate::world::World;

#[test]
fn two_tails_of_a_room_have_an_inbox_each_and_each_message_comes_once_to_both() {
    let world = World::up();
    let ears = [(); 2].map(|()| Ear::of(&mut world.chatctl()));
    for ear in &ears {
        ear.listens("push");
    }
    world.succeeds(["send", "--name", "Bob", "Grüße an alle 🎉"]);
    for ear in &ears {
        ear.hears("Grüße an alle 🎉", "push");
    }
    assert_eq!(world.status()["clients"], 2);
    let told = world.succeeds(["push"]);
    let delivered = told.iter().filter(|told| told["event"] == "client.told" && told["verdict"] == "delivered");
    assert_eq!(delivered.count(), 2, "{told:#?}");
    world.succeeds(["send", "--name", "Bob", "and once more"]);
    for ear in ears {
        assert_eq!(ear.next()["event"], "warning", "the test push is said to be one");
        ear.hears("and once more", "push");
        assert_eq!(ear.ends(), Vec::<Value>::new(), "nothing came twice");
    }
    assert_eq!(world.status()["clients"], 0, "both have given their subscription back");
}

#[test]
fn a_tail_asks_while_pushes_cannot_be_had_and_listens_again_when_they_can() {
    let world = World::up();
    let way = Relay::refusing();
    let ear = Ear::of(world.chatctl().env("CHATCTL_PUSH_SERVICE", way.push_service()));
    assert!(ear.listens("poll")["because"].as_str().is_some_and(|why| why.contains("push service")));
    world.succeeds(["send", "one"]);
    ear.hears("one", "poll");

    way.pass_on(world.port());
    ear.listens("push");
    world.succeeds(["send", "two"]);
    ear.hears("two", "push");

    way.cut();
    assert!(ear.listens("poll")["because"].is_string());
    world.succeeds(["send", "three"]);
    ear.hears("three", "poll");

    way.pass_on(world.port());
    ear.listens("push");
    world.succeeds(["send", "four"]);
    ear.hears("four", "push");
    assert_eq!(ear.ends(), Vec::<Value>::new());
}
