//! Back and on again: a deploy whose function crashes, a rollback by name and without one, and what `up` does after it.

use serde_json::{Value, json};

use crate::checkout::Checkout;
use crate::world::{World, events, http, one};

/// The number, what became of it, and where it went back to, of each deploy that is kept.
fn history(world: &World) -> Vec<(u64, String, Option<u64>)> {
    let told = world.succeeds(["history"]);
    let deploys = one(&told, "history")["deploys"].as_array().unwrap().clone();
    let of = |deploy: &Value| {
        let went = deploy["went"].as_str().unwrap().to_owned();
        (deploy["deploy"].as_u64().unwrap(), went, deploy["back_to"].as_u64())
    };
    deploys.iter().map(of).collect()
}

fn version(world: &World, function: &str) -> u64 {
    let status = world.status();
    let shown = status["functions"].as_array().unwrap().iter().find(|shown| shown["name"] == function).unwrap();
    shown["version"].as_str().unwrap().parse().unwrap()
}

fn changed(events: &[Value]) -> u64 {
    one(events, "deployed")["changed"].as_u64().unwrap()
}

/// A23 (no new version without a change), and A31 in what is left to go back to.
#[test]
fn a_deploy_whose_function_crashes_goes_back_by_itself_and_the_stage_goes_on_from_there() {
    let world = World::up();
    let checkout = Checkout::of(&world);
    assert_eq!(changed(&checkout.ends(0, &["up"])), 0, "the checkout hands over what is up");
    checkout.save("functions/store-message/note", "the second");
    assert_eq!(changed(&checkout.ends(0, &["up"])), 1);
    let second = version(&world, "store-message");

    checkout.save("functions/store-message/crashes", "");
    let told = checkout.ends(6, &["up"]);
    let back = one(&told, "rolling.back");
    assert_eq!((&back["from"], &back["to"]), (&json!(3), &json!(2)), "{told:#?}");
    let failed = one(&told, "failed");
    assert_eq!(failed["error"], "deployed, but store-message fails (steps 7–8); rolled back to deploy 2");
    let why = failed["why"].as_str().unwrap();
    assert!(why.contains("Runtime exited with error") && why.ends_with("deploy 2 is live again, and proved"), "{why}");
    assert_eq!(version(&world, "store-message"), second);
    world.succeeds(["send", "it goes on"]);
    assert_eq!(world.history(), ["it goes on"]);
    let went = |deploy: u64, went: &str, back: Option<u64>| (deploy, went.to_owned(), back);
    let after = [went(4, "proved", Some(2)), went(3, "undone", None), went(2, "proved", None), went(1, "proved", None)];
    assert_eq!(history(&world), after);

    let ahead = checkout.ends(3, &["plan", "--detailed-exitcode"]);
    let steps = one(&ahead, "forecast")["steps"].as_array().unwrap().clone();
    let wanted: Vec<&Value> = steps.iter().filter(|step| step["change"] != "keep").map(|step| &step["id"]).collect();
    assert_eq!(wanted, ["function/store-message"], "what the newer checkout would change");

    checkout.remove("functions/store-message/crashes");
    checkout.save("functions/store-message/note", "the third");
    assert_eq!(changed(&checkout.ends(0, &["up"])), 1);
    let third = version(&world, "store-message");
    assert!(third > second);

    let told = checkout.ends(0, &["rollback"]);
    assert_eq!((&one(&told, "rolling.back")["to"], changed(&told)), (&json!(4), 1), "4 has what 2 had");
    assert_eq!((one(&told, "deployed")["proved"].clone(), version(&world, "store-message")), (true.into(), second));
    assert_eq!(changed(&checkout.ends(0, &["up"])), 1, "and on again");
    assert_eq!(version(&world, "store-message"), third, "the version that has this code is found, none is made");
    assert_eq!(changed(&checkout.ends(0, &["rollback", "1", "--no-proof"])), 1);
    assert_eq!(history(&world)[0], went(8, "unasked", Some(1)));

    let failure = world.fails(2, ["rollback", "99"]);
    assert_eq!(failure["error"], "there is no deploy 99 in the history");
    assert_eq!(failure["next"], json!(["chatctl history"]));
    assert_eq!(changed(&checkout.ends(0, &["rollback", "1"])), 0, "there already");
}

/// The versions of the functions that were made since are counted from 1 again, and are other ones.
#[test]
fn what_was_live_before_a_down_is_not_gone_back_to() {
    let world = World::up();
    let checkout = Checkout::of(&world);
    checkout.save("functions/store-message/note", "the second");
    assert_eq!(changed(&checkout.ends(0, &["up"])), 1);
    world.succeeds(["down", "--yes"]);
    checkout.ends(0, &["up", "--no-proof"]);
    assert_eq!(history(&world).len(), 3, "the data, and the history with it, was kept");
    let failure = world.fails(1, ["rollback"]);
    assert_eq!(failure["error"], "there is no proved deploy before the current one to go back to");
    let failure = world.fails(1, ["rollback", "2"]);
    assert_eq!(failure["error"], "deploy 2 cannot be gone back to: the stage was taken down since");
    assert_eq!(failure["why"], "the functions went, and their versions with them");
    assert_eq!(failure["next"].as_array().unwrap().len(), 1, "{failure}");

    checkout.save("functions/store-message/crashes", "");
    let told = checkout.ends(6, &["up"]);
    assert!(told.iter().all(|event| event["event"] != "rolling.back"), "{told:#?}");
    assert_eq!(one(&told, "failed")["error"], "deployed, but store-message fails (steps 7–8)");
}

#[test]
fn a_way_back_by_itself_that_fails_too_still_ends_with_six_and_says_what_is_up() {
    let world = World::up();
    let checkout = Checkout::of(&world);
    checkout.save("functions/store-message/note", "the second");
    checkout.ends(0, &["up", "--no-proof"]);
    // Nobody calls the proved version any more, and somebody removes it.
    let cloud = world.status()["endpoint_url"].as_str().unwrap().to_owned();
    let scope = "Credential=x/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
    let signed = format!("AWS4-HMAC-SHA256 {scope}");
    let version = "/2015-03-31/functions/chat-dev-store-message?Qualifier=1";
    let (status, answer) = http(&cloud, "DELETE", version, &[("authorization", &signed)], "");
    assert_eq!(status, 204, "{answer}");

    checkout.save("functions/store-message/crashes", "");
    let told = checkout.ends(6, &["up"]);
    let failed = one(&told, "failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.ends_with("fails (steps 7–8), and going back to deploy 1 failed"), "{failed}");
    assert!(failed["why"].as_str().unwrap().contains("is not kept any more"), "{failed}");
    assert_eq!((&failed["exit"], &one(&told, "deployed")["proved"]), (&json!(6), &json!(false)), "{told:#?}");
}

#[test]
fn a_first_deploy_has_nothing_to_go_back_to_and_a_stage_that_is_not_up_has_no_history() {
    let world = World::up();
    let deploys = world.succeeds(["history", "--limit", "1"]);
    let deploy = one(&deploys, "history")["deploys"][0].clone();
    assert_eq!((&deploy["deploy"], &deploy["went"]), (&json!(1), &json!("proved")));
    assert!(deploy["by"].as_str().unwrap().contains('@'), "{deploy}");
    assert!(deploy["changes"].as_array().unwrap().contains(&json!("create function/store-message")), "{deploy}");
    let failure = world.fails(1, ["rollback"]);
    assert_eq!(failure["error"], "there is no proved deploy before the current one to go back to");
    let failure = World::empty().fails(1, ["history"]);
    assert_eq!(failure["error"], "stage dev is not up");
}

#[test]
fn a_push_service_that_the_stage_does_not_send_to_is_no_reason_to_go_back() {
    let (world, other) = (World::up(), World::up());
    let theirs = other.status()["push_service"].as_str().unwrap().to_owned();
    let mut up = world.chatctl();
    let out = up.args(["--json", "up"]).env("CHATCTL_PUSH_SERVICE", &theirs).env("CHATCTL_MEMORY", "384");
    let out = out.output().unwrap();
    let told = events(&out);
    assert_eq!(out.status.code(), Some(6), "{told:#?}");
    assert!(told.iter().all(|event| event["event"] != "rolling.back"), "{told:#?}");
    let failed = one(&told, "failed");
    let error = "deployed, but the stage does not send to where chatctl receives the proof (steps 1–2)";
    assert_eq!(failed["error"], error);
    let why = failed["why"].as_str().unwrap();
    assert!(why.starts_with("push_service and push_hosts contradict each other") && why.contains(&theirs), "{why}");
    assert!(failed["next"][0].as_str().unwrap().starts_with("correct push_service of stage dev in"), "{failed}");
    let memory = |shown: &Value| shown["memory_mb"] == 384;
    assert!(world.status()["functions"].as_array().unwrap().iter().all(memory), "it stays");
    assert_eq!(one(&world.succeeds(["up"]), "deployed")["proved"], true);
}
