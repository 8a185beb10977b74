//! A stage that somebody changes by hand: the plan says what was changed outside, `up` mends it, what is ours and no
//! longer wanted goes, and `down` certifies.

use std::path::PathBuf;

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::by_hand::{Hands, OURS};
use crate::world::{World, one};

/// The settings of the stage, in a file that reasons can point at.
fn settings(world: &World, text: &str) -> PathBuf {
    let path = world.state().join("chatctl.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The forecast's steps that are not only kept, or have something to say.
fn forecast(world: &World, config: &str) -> Vec<Value> {
    let events = world.succeeds(["--config", config, "plan"]);
    let steps = one(&events, "forecast")["steps"].as_array().unwrap().clone();
    steps.into_iter().filter(|step| step["change"] != "keep" || step["why"].is_string()).collect()
}

fn step<'a>(steps: &'a [Value], id: &str) -> &'a Value {
    steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no {id} in {steps:#?}"))
}

#[test]
fn what_somebody_changes_by_hand_is_told_as_such_and_mended_and_what_is_not_wanted_goes() {
    let world = World::up();
    let path = settings(&world, "[stage.dev]\nmemory = 384\n");
    let config = path.to_str().unwrap();
    let steps = forecast(&world, config);
    assert_eq!(steps.len(), 6, "each function, and nothing else: {steps:#?}");
    let memory = &step(&steps, "function/store-message")["fields"][0];
    assert_eq!(memory["why"], "because memory in chatctl.toml line 2 is 384", "{memory}");
    world.succeeds(["--config", config, "up", "--no-proof"]);

    let hands = Hands::on(&world);
    break_much(&hands);
    let steps = forecast(&world, config);
    is_told_as_an_outside_change(&steps);
    assert_eq!(world.run(["--config", config, "plan", "--detailed-exitcode"]).status.code(), Some(3));
    let mended = world.succeeds(["--config", config, "up"]);
    assert_eq!(one(&mended, "deployed")["proved"], true, "{mended:#?}");
    assert_eq!(forecast(&world, config), Vec::<Value>::new());

    what_is_not_wanted_any_more_goes_and_data_stays(&world, &hands, config);
    a_layout_that_is_not_known_is_refused(&world, &hands, config);
    a_down_certifies_kind_by_kind(&world);
}

/// One change of each sort.
fn break_much(hands: &Hands) {
    let function = "chat-dev-store-message";
    hands.now(hands.lambda().update_alias().function_name(function).name("live").function_version("1").send()).unwrap();
    let apis = hands.now(hands.apigateway().get_apis().send()).unwrap().items.unwrap();
    let api = apis[0].api_id.clone().unwrap();
    let routes = hands.now(hands.apigateway().get_routes().api_id(&api).send()).unwrap().items.unwrap();
    let debug = hands.apigateway().create_route().api_id(&api).route_key("GET /debug");
    hands.now(debug.set_target(routes[0].target.clone()).send()).unwrap();
    let permission = hands.lambda().remove_permission().function_name("chat-dev-register-client").qualifier("live");
    hands.now(permission.statement_id(format!("chatctl-api-{api}")).send()).unwrap();
    let notify = hands.lambda().list_event_source_mappings().function_name("chat-dev-notify-clients:live");
    let mappings = hands.now(notify.send()).unwrap().event_source_mappings.unwrap();
    let disable = hands.lambda().update_event_source_mapping().uuid(mappings[0].uuid().unwrap()).enabled(false);
    hands.now(disable.send()).unwrap();
    let role = "chat-dev-serve-page-us-east-1";
    hands.now(hands.iam().delete_role_policy().role_name(role).policy_name("calls").send()).unwrap();
    hands.now(hands.iam().delete_role().role_name(role).send()).unwrap();
    let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    let table = hands.dynamodb().update_table().table_name("chat-dev-messages").stream_specification(off);
    hands.now(table.send()).unwrap();
    let queue = hands.now(hands.sqs().get_queue_url().queue_name("chat-dev-new-messages").send()).unwrap();
    let request = hands.sqs().set_queue_attributes().queue_url(queue.queue_url.unwrap());
    hands.now(request.attributes(QueueAttributeName::VisibilityTimeout, "31").send()).unwrap();
    let group = "/aws/lambda/chat-dev-notify-clients";
    hands.now(hands.logs().delete_log_group().log_group_name(group).send()).unwrap();
    let role = "chat-dev-store-message-us-east-1";
    let policy = hands.now(hands.iam().get_role_policy().role_name(role).policy_name("calls").send()).unwrap();
    let mut policy: Value = serde_json::from_str(&decoded(&policy.policy_document)).unwrap();
    let more = serde_json::json!({ "Effect": "Allow", "Action": "sqs:DeleteQueue", "Resource": "*" });
    policy["Statement"].as_array_mut().unwrap().push(more);
    let request = hands.iam().put_role_policy().role_name(role).policy_name("calls");
    hands.now(request.policy_document(policy.to_string()).send()).unwrap();
}

/// IAM percent-encodes documents.
fn decoded(document: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = document.bytes();
    while let Some(byte) = rest.next() {
        let hex = |rest: &mut std::str::Bytes<'_>| [rest.next().unwrap(), rest.next().unwrap()];
        let digits = (byte == b'%').then(|| hex(&mut rest));
        bytes.push(digits.map_or(byte, |two| u8::from_str_radix(std::str::from_utf8(&two).unwrap(), 16).unwrap()));
    }
    String::from_utf8(bytes).unwrap()
}

/// A1, A5, A13
fn is_told_as_an_outside_change(steps: &[Value]) {
    for (id, change, why) in [
        ("function/store-message", "update", "left live at version 2, now it is at version 1"),
        ("routes/http", "update", "changed outside: no deploy set it"),
        ("permission/register-client", "create", "removed outside"),
        ("mapping/queue", "update", "set true, now it is false"),
        ("role/serve-page", "create", "removed outside"),
        ("table/messages", "update", "set new images, now it is off"),
        ("queue/new-messages", "update", "set 180 s, now it is 31 s"),
        ("log-group/notify-clients", "create", "removed outside"),
        ("rights/store-message", "update", "changed outside"),
    ] {
        let step = step(steps, id);
        assert_eq!((&step["change"], &step["drifted"]), (&change.into(), &true.into()), "{step:#}");
        assert!(step.to_string().contains(why), "{why}\n{step:#}");
    }
    let stream = step(steps, "mapping/stream");
    assert_eq!(stream["change"], "replace", "{stream:#}");
    assert!(stream["costs"].is_string() && stream.to_string().contains("table/messages is made"), "{stream:#}");
    let function = step(steps, "function/serve-page");
    assert!(function.to_string().contains("role/serve-page is made by the same plan"), "{function:#}");
    assert_eq!(steps.len(), 11, "and nothing else: {steps:#?}");
}

/// A4, A11
fn what_is_not_wanted_any_more_goes_and_data_stays(world: &World, hands: &Hands, config: &str) {
    let tags: std::collections::HashMap<String, String> =
        OURS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    hands.now(hands.sqs().create_queue().queue_name("chat-dev-old").set_tags(Some(tags.clone())).send()).unwrap();
    hands.create_role("chat-dev-old-name-us-east-1", &OURS);
    hands.create_function("chat-dev-old-name", "chat-dev-old-name-us-east-1", &OURS);
    let group = hands.logs().create_log_group().log_group_name("/aws/lambda/chat-dev-old-name");
    hands.now(group.set_tags(Some(tags)).send()).unwrap();
    hands.create_table("chat-dev-archive", "pk", &OURS);
    // Of the stage beside this one, by its tags: none of ours, though its name begins as ours do.
    hands.create_role("chat-dev-2-old-us-east-1", &[("chatctl:project", "chat"), ("chatctl:stage", "dev-2")]);
    let dead = hands.arn("sqs", "chat-dev-dead-letters");
    let mapping = hands.lambda().create_event_source_mapping().function_name("chat-dev-notify-clients:live");
    let mapping = hands.now(mapping.event_source_arn(dead).send()).unwrap().uuid.unwrap();

    let steps = forecast(world, config);
    let mapping = format!("mapping/{mapping}");
    let strays = ["queue/old", "role/old-name-us-east-1", "function/old-name", "log-group/old-name", mapping.as_str()];
    for id in strays {
        let step = step(&steps, id);
        assert_eq!(step["change"], "delete", "{step:#}");
        assert!(step["why"].as_str().unwrap().contains("wants it no more"), "{step:#}");
    }
    let archive = step(&steps, "table/archive");
    assert_eq!(archive["change"], "keep");
    assert!(archive["why"].as_str().unwrap().contains("it holds data"), "{archive:#}");
    assert_eq!(steps.len(), strays.len() + 1, "{steps:#?}");
    world.succeeds(["--config", config, "up", "--no-proof"]);
    assert_eq!(forecast(world, config).len(), 1, "the archive alone is left");
    hands.now(hands.iam().get_role().role_name("chat-dev-2-old-us-east-1").send()).unwrap();
}

fn a_layout_that_is_not_known_is_refused(world: &World, hands: &Hands, config: &str) {
    let set = |version: &str| {
        let request = hands.dynamodb().update_item().table_name("chat-dev-stage");
        let request =
            request.key("pk", AttributeValue::S("stage".into())).key("sk", AttributeValue::S("layout".into()));
        let request = request.update_expression("SET #v = :v").expression_attribute_names("#v", "version");
        let version = AttributeValue::N(version.into());
        hands.now(request.expression_attribute_values(":v", version).send()).unwrap();
    };
    for (version, word) in
        [("99", "this stage has layout 99, and this chatctl knows 2 at most"), ("0", "no way from it")]
    {
        set(version);
        let failed = world.fails(1, ["--config", config, "up"]).to_string();
        assert!(failed.contains(word), "{failed}");
    }
    set("2");
    assert_eq!(world.run(["--config", config, "plan", "--detailed-exitcode"]).status.code(), Some(0));
}

fn a_down_certifies_kind_by_kind(world: &World) {
    let events = world.succeeds(["down", "--yes"]);
    let certificate = one(&events, "certificate");
    let kinds = certificate["kinds"].as_array().unwrap();
    let names: Vec<_> = kinds.iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(names, ["api", "function", "table", "mapping", "queue", "parameter", "role", "log-group", "stack"]);
    assert!(kinds.iter().all(|kind| kind["left"] == serde_json::json!([])), "{certificate:#}");
    let of = |name: &str| kinds.iter().find(|kind| kind["kind"] == name).unwrap();
    assert_eq!((&of("table")["looked_at"], of("table")["kept"].as_array().unwrap().len()), (&4.into(), 4));
    assert_eq!(of("parameter")["kept"].as_array().unwrap().len(), 2);
    assert_eq!(of("role")["looked_at"], 1, "the one of the stage beside this one");
}
