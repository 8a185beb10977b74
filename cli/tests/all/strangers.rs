//! Things of our names that are not ours, and things of ours that cannot be: each is refused by name, with what to do,
//! and left as it is.

use aws_sdk_apigatewayv2::types::ProtocolType;
use aws_sdk_ssm::types::ParameterType;

use crate::by_hand::{Hands, OURS};
use crate::world::{World, events, one};

/// A12
#[test]
fn a_stranger_of_our_name_is_refused_by_name_whatever_its_kind_and_is_left_as_it_is() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let hands = Hands::on(&world);
    let (group, parameter) = ("/aws/lambda/chat-dev-serve-page", "/chat/dev/vapid-key");
    hands.create_table("chat-dev-messages", "pk", &[]);
    hands.now(hands.sqs().create_queue().queue_name("chat-dev-dead-letters").send()).unwrap();
    hands.create_role("chat-dev-store-message-us-east-1", &[]);
    hands.now(hands.logs().create_log_group().log_group_name(group).send()).unwrap();
    let secret = hands.ssm().put_parameter().name(parameter).value("theirs").r#type(ParameterType::SecureString);
    hands.now(secret.send()).unwrap();

    let out = world.run(["plan", "--detailed-exitcode"]);
    assert_eq!(out.status.code(), Some(1));
    let steps = one(&events(&out), "forecast")["steps"].as_array().unwrap().clone();
    let does = |verb: &str| steps.iter().filter(|step| step["change"] == verb).count();
    assert_eq!(does("refuse"), 5, "{steps:#?}");
    assert!(does("create") > 25, "all else is shown as it would be");
    let queue = steps.iter().find(|step| step["id"] == "queue/dead-letters").unwrap();
    assert!(queue["why"].as_str().is_some_and(|why| why.contains("is not this stage's")), "{queue}");

    let failed = world.fails(1, ["up"]);
    let (why, next) = (failed["why"].as_str().unwrap(), failed["next"].to_string());
    assert!(failed["error"].as_str().unwrap().contains("is a stranger's"), "{failed}");
    for what in [
        "table chat-dev-messages is there already and is not this stage's",
        "queue chat-dev-dead-letters is there already",
        "role chat-dev-store-message-us-east-1 is there already",
        "log group /aws/lambda/chat-dev-serve-page is there already",
        "parameter /chat/dev/vapid-key is there already",
    ] {
        assert!(why.contains(what), "{what}\n{why}");
    }
    assert!(next.contains("choose another project or stage name"), "{next}");
    let tables = hands.now(hands.dynamodb().list_tables().send()).unwrap().table_names.unwrap();
    assert_eq!(tables, ["chat-dev-messages"], "nothing was made beside them");
    let kept = hands.now(hands.ssm().get_parameter().name(parameter).with_decryption(true).send()).unwrap();
    assert_eq!(kept.parameter.unwrap().value.unwrap(), "theirs");

    hands.now(hands.dynamodb().delete_table().table_name("chat-dev-messages").send()).unwrap();
    let queue = hands.now(hands.sqs().get_queue_url().queue_name("chat-dev-dead-letters").send()).unwrap();
    hands.now(hands.sqs().delete_queue().queue_url(queue.queue_url.unwrap()).send()).unwrap();
    hands.now(hands.logs().delete_log_group().log_group_name(group).send()).unwrap();
    hands.now(hands.ssm().delete_parameter().name(parameter).send()).unwrap();
    a_function_is_refused_beside_its_role(&world, &hands);
    two_apis_are_not_guessed_between(&world, &hands);
    a_table_of_ours_with_other_keys_is_none_of_ours(&world, &hands);
}

fn a_function_is_refused_beside_its_role(world: &World, hands: &Hands) {
    let role = "chat-dev-store-message-us-east-1";
    hands.create_role("somebodys", &[]);
    hands.create_function("chat-dev-store-message", "somebodys", &[]);
    let failed = world.fails(1, ["plan"]);
    for what in [format!("role {role}"), "function chat-dev-store-message".to_owned()] {
        assert!(failed.to_string().contains(&format!("{what} is there already")), "{failed}");
    }
    hands.now(hands.iam().delete_role().role_name(role).send()).unwrap();
    hands.now(hands.lambda().delete_function().function_name("chat-dev-store-message").send()).unwrap();
    hands.now(hands.iam().delete_role().role_name("somebodys").send()).unwrap();
}

/// A24
fn two_apis_are_not_guessed_between(world: &World, hands: &Hands) {
    let tags: std::collections::HashMap<String, String> =
        OURS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let ids = ["chat-dev", "chat-dev"].map(|name| {
        let request = hands.apigateway().create_api().name(name).protocol_type(ProtocolType::Http);
        hands.now(request.set_tags(Some(tags.clone())).send()).unwrap().api_id.unwrap()
    });
    let failed = world.fails(1, ["plan"]).to_string();
    assert!(
        failed.contains("two APIs carry this stage's tags") && ids.iter().all(|id| failed.contains(id)),
        "{failed}"
    );
    assert!(failed.contains("aws apigatewayv2 delete-api --api-id"), "{failed}");
    for id in ids {
        hands.now(hands.apigateway().delete_api().api_id(id).send()).unwrap();
    }
}

fn a_table_of_ours_with_other_keys_is_none_of_ours(world: &World, hands: &Hands) {
    hands.create_table("chat-dev-clients", "id", &OURS);
    let failed = world.fails(1, ["up"]).to_string();
    assert!(failed.contains("table chat-dev-clients has other keys than pk and sk"), "{failed}");
    hands.now(hands.dynamodb().delete_table().table_name("chat-dev-clients").send()).unwrap();
    assert_eq!(world.run(["plan", "--detailed-exitcode"]).status.code(), Some(3), "nothing is in the way any more");
}
