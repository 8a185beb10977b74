//! Rows of docs/aws-behaviour.md that no weather brings: what is asked for, in which order, how often, and what becomes of
//! an answer that a cloud in process does not give. Named by their rows.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use aws_sdk_sqs::types::QueueAttributeName;
use chat_aws::routes::Function;
use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, UpOptions};
use chatctl::event::Event;
use localcloud::Weather;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::answers::first;
use crate::drift;
use crate::sky::{Heard, Sky, in_paused_time, zip_of};

/// The tags of the stage, for what somebody makes by hand.
pub(crate) fn tags(sky: &Sky) -> HashMap<String, String> {
    sky.stage.names().tags().into_iter().collect()
}

pub(crate) async fn up(sky: &Sky) -> Vec<Heard> {
    sky.wire.heard();
    // In a box: the compiler does not look through all that is inside for every test.
    Box::pin(sky.up(&Faults::none())).await.unwrap().unwrap();
    sky.wire.heard()
}

pub(crate) async fn down(sky: &Sky) -> Vec<Heard> {
    sky.wire.heard();
    Box::pin(sky.down(&Faults::none())).await.unwrap().unwrap();
    sky.wire.heard()
}

pub(crate) async fn standing() -> Sky {
    let sky = Sky::empty();
    up(&sky).await;
    sky
}

/// When the only request was sent that has all these words.
pub(crate) fn when(heard: &[Heard], words: &[&str]) -> Instant {
    let found: Vec<&Heard> = heard.iter().filter(|one| words.iter().all(|word| one.text.contains(word))).collect();
    assert_eq!(found.len(), 1, "{words:?}: {found:?}");
    found[0].at
}

pub(crate) fn count(heard: &[Heard], words: &[&str]) -> usize {
    heard.iter().filter(|one| words.iter().all(|word| one.text.contains(word))).count()
}

pub(crate) async fn mapping(sky: &Sky, function: &str) -> EventSourceMappingConfiguration {
    let name = sky.stage.names().function(function);
    let listed = sky.others.lambda.list_event_source_mappings().function_name(format!("{name}:live")).send().await;
    let mut mappings = listed.unwrap().event_source_mappings.unwrap();
    assert_eq!(mappings.len(), 1, "{mappings:?}");
    mappings.remove(0)
}

#[test]
fn a4_a_function_is_deleted_when_its_mappings_are_gone() {
    in_paused_time(async {
        let sky = standing().await;
        sky.cloud.turn(Weather { mappings: Duration::from_secs(30)..=Duration::from_secs(30), ..Weather::fair() });
        let ids = [("stream", "forward-messages"), ("queue", "notify-clients")];
        let mut uuids = Vec::new();
        for (_, function) in ids {
            uuids.push((mapping(&sky, function).await.uuid.unwrap(), sky.stage.names().function(function)));
        }
        let heard = down(&sky).await;
        for (uuid, function) in uuids {
            let mapping = when(&heard, &["DELETE", "/event-source-mappings/", &uuid]);
            let function = when(&heard, &["DELETE", &format!("/functions/{function} ")]);
            assert!(function - mapping >= Duration::from_secs(30), "{:?}", function - mapping);
        }
    });
}

#[test]
fn a6_a_change_of_a_function_that_failed_is_an_error_with_lambdas_own_reason() {
    let reason = "the disk of a machine broke";
    let update = json!({ "State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": reason });
    let state = json!({ "State": "Failed", "LastUpdateStatus": "Successful", "StateReason": reason });
    for (answer, code, contact) in [
        (&update, "two", "operator"),
        (&update, "one", "somebody"),
        (&state, "two", "operator"),
        (&state, "one", "somebody"),
    ] {
        in_paused_time(async {
            let mut sky = standing().await;
            sky.cloud.turn(Weather { functions: Duration::from_secs(5)..=Duration::from_secs(5), ..Weather::fair() });
            // Either its code is another one, or its settings.
            (sky.code, sky.stage.contact) = (code, Some(format!("mailto:{contact}@example.com")));
            let words = ["GET", "/functions/chat-dev-notify-clients/configuration"];
            sky.wire.answers(first(usize::MAX, &words, (200, answer.to_string())));
            let failed = sky.up(&Faults::none()).await.unwrap().unwrap_err();
            assert!(failed.why.as_deref().unwrap_or_default().contains(reason), "{code} {contact}: {failed:?}");
        });
    }
}

/// A7, A31
#[test]
fn a7_a_statement_of_our_id_that_says_something_else_is_made_again() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, function) = (&sky.others, sky.stage.names().function("serve-page"));
        let policy = async || {
            let policy = aws.lambda.get_policy().function_name(&function).qualifier("live").send().await.unwrap();
            serde_json::from_str::<Value>(&policy.policy.unwrap()).unwrap()
        };
        let should = policy().await;
        let sid = format!("chatctl-api-{}", drift::our_api(aws).await);
        let gone = aws.lambda.remove_permission().function_name(&function).qualifier("live").statement_id(&sid);
        gone.send().await.unwrap();
        let other = aws.lambda.add_permission().function_name(&function).qualifier("live").statement_id(&sid);
        let other = other.action("lambda:InvokeFunction").principal("apigateway.amazonaws.com");
        other.source_arn(aws.arn("execute-api", "gone/*/*")).send().await.unwrap();
        up(&sky).await;
        assert_eq!(policy().await["Statement"], should["Statement"]);
    });
}

/// How long the queue hides a message, and how long its function may take, as somebody set them.
async fn set_times(sky: &Sky, visibility: &str, timeout: i32) {
    let (aws, names) = (&sky.others, sky.stage.names());
    let url = aws.sqs.get_queue_url().queue_name(names.queue()).send().await.unwrap().queue_url.unwrap();
    let queue = aws.sqs.set_queue_attributes().queue_url(url);
    queue.attributes(QueueAttributeName::VisibilityTimeout, visibility).send().await.unwrap();
    let name = names.function("notify-clients");
    aws.lambda.update_function_configuration().function_name(&name).timeout(timeout).send().await.unwrap();
    let version = aws.lambda.publish_version().function_name(&name).send().await.unwrap().version.unwrap();
    aws.lambda.update_alias().function_name(&name).name("live").function_version(version).send().await.unwrap();
}

#[test]
fn a10_a_queue_is_raised_before_its_function_and_lowered_after_it() {
    in_paused_time(async {
        let sky = standing().await;
        for (visibility, timeout, first) in [("20", 20, "queue"), ("900", 900, "function")] {
            set_times(&sky, visibility, timeout).await;
            let heard = up(&sky).await;
            let queue = when(&heard, &["SetQueueAttributes", "\"180\""]);
            let function = when(&heard, &["PUT", "notify-clients/configuration"]);
            assert_eq!(if queue < function { "queue" } else { "function" }, first);
            assert_eq!(sky.up(&Faults::none()).await.unwrap().unwrap().changed, 0);
        }
    });
}

#[test]
fn a10_a_mapping_of_a_queue_that_hides_too_briefly_is_made_once_the_queue_is_right() {
    in_paused_time(async {
        let sky = standing().await;
        let uuid = mapping(&sky, "notify-clients").await.uuid.unwrap();
        sky.others.lambda.delete_event_source_mapping().uuid(uuid).send().await.unwrap();
        set_times(&sky, "5", 30).await;
        up(&sky).await;
        mapping(&sky, "notify-clients").await;
    });
}

#[test]
fn a11_a_log_group_is_there_with_its_retention_before_its_function_and_goes_after_it() {
    in_paused_time(async {
        let sky = Sky::empty();
        let (made, gone) = (up(&sky).await, down(&sky).await);
        for function in Function::ALL {
            let name = sky.stage.names().function(function.name());
            let (group, named) = (format!("/aws/lambda/{name}\""), format!("\"FunctionName\":\"{name}\""));
            let function = when(&made, &["POST", "/functions ", &named]);
            assert!(when(&made, &["CreateLogGroup", &group]) < function, "{name}");
            assert!(when(&made, &["PutRetentionPolicy", &group, "\"retentionInDays\":14"]) < function, "{name}");
            let function = when(&gone, &["DELETE", &format!("/functions/{name} ")]);
            assert!(when(&gone, &["DeleteLogGroup", &group]) > function, "{name}");
        }
    });
}

#[test]
fn a14_what_is_ours_is_found_in_each_service_itself_as_soon_as_it_is_there() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, names, tags) = (&sky.others, sky.stage.names(), tags(&sky));
        let old = "chat-dev-old";
        let queue = aws.sqs.create_queue().queue_name(old).set_tags(Some(tags.clone())).send().await.unwrap();
        let groups = aws.logs.create_log_group().log_group_name(names.log_group("old"));
        groups.set_tags(Some(tags.clone())).send().await.unwrap();
        let tag = |(key, value): (&String, &String)| {
            aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap()
        };
        let (of_old, trust) = ("chat-dev-old-us-east-1", r#"{"Statement":[]}"#);
        let role = aws.iam.create_role().role_name(of_old).assume_role_policy_document(trust);
        role.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
        let tag = |(key, value): (&String, &String)| {
            aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap()
        };
        let secret = aws.ssm.put_parameter().name("/chat/dev/old").value("x").r#type("String".into());
        secret.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
        let code = aws_sdk_lambda::types::FunctionCode::builder().zip_file(zip_of("old").into()).build();
        let function = aws.lambda.create_function().function_name(old).runtime("provided.al2023".into());
        let function = function.handler("bootstrap").role(aws.global_arn("iam", &format!("role/{of_old}"))).code(code);
        function.set_tags(Some(tags)).send().await.unwrap();
        let mapping = aws.lambda.create_event_source_mapping().function_name(old);
        mapping.event_source_arn(aws.arn("sqs", old)).send().await.unwrap();
        assert!(queue.queue_url.is_some());

        let heard = down(&sky).await;
        let tagging = ["tagging.", "ResourceGroupsTagging"];
        assert!(tagging.iter().all(|word| count(&heard, &[word]) == 0));
        assert_eq!(aws.sqs.list_queues().send().await.unwrap().queue_urls.unwrap_or_default(), [""; 0]);
        assert!(aws.logs.describe_log_groups().send().await.unwrap().log_groups.unwrap_or_default().is_empty());
        assert!(aws.iam.list_roles().send().await.unwrap().roles.is_empty());
        assert!(aws.ssm.describe_parameters().send().await.unwrap().parameters.unwrap_or_default().is_empty());
        assert!(aws.lambda.list_functions().send().await.unwrap().functions.unwrap_or_default().is_empty());
        let mappings = aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings;
        assert!(mappings.unwrap_or_default().is_empty());
    });
}

#[test]
fn a16_an_operation_on_a_stack_is_left_alone_by_up_and_waited_for_by_down() {
    in_paused_time(async {
        let sky = Sky::empty();
        let long = Duration::from_secs(300);
        sky.cloud.turn(Weather { stacks: long..=long, ..Weather::fair() });
        let began = Instant::now();
        up(&sky).await;
        let heard = up(&sky).await;
        assert!(began.elapsed() < long / 2, "{:?}", began.elapsed());
        assert_eq!(count(&heard, &["Action=UpdateStack"]) + count(&heard, &["Action=CreateStack"]), 0);
        let said =
            |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("still being worked on"));
        assert!(sky.told.lock().unwrap().iter().any(said), "that it is left alone");
        let heard = down(&sky).await;
        let deleted = when(&heard, &["Action=DeleteStack"]);
        assert!(deleted - began >= long, "{:?}", deleted - began);
    });
}

/// The operations stack is not as wanted any more: somebody filled it in with another queue.
pub(crate) async fn refill(sky: &Sky) {
    let (aws, names) = (&sky.others, sky.stage.names());
    let given = [("Prefix", names.prefix()), ("Queue", "other".into()), ("DeadLetters", names.dead_letters())];
    let given = given.map(|(key, value)| {
        aws_sdk_cloudformation::types::Parameter::builder().parameter_key(key).parameter_value(value).build()
    });
    let change = aws.cloudformation.update_stack().stack_name(names.stack("operations")).use_previous_template(true);
    change.set_parameters(Some(given.into())).send().await.unwrap();
}

#[test]
fn a16_an_update_that_changes_nothing_is_success() {
    in_paused_time(async {
        let sky = standing().await;
        refill(&sky).await;
        sky.wire.answers(|request| {
            let words = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                         <Message>No updates are to be performed.</Message></Error></ErrorResponse>";
            request.contains("Action=UpdateStack").then(|| (400, words.to_owned()))
        });
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["Action=UpdateStack"]), 1);
    });
}

#[test]
fn a17_a_new_accounts_quota_is_said_before_there_are_functions_and_nothing_is_reserved() {
    in_paused_time(async {
        let sky = Sky::empty();
        sky.wire.answers(|request| {
            let limits =
                json!({ "AccountLimit": { "ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10 } });
            request.contains("/account-settings").then(|| (200, limits.to_string()))
        });
        let said =
            |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("10 functions at once"));
        let times = || sky.told.lock().unwrap().iter().filter(|event| said(event)).count();
        deploy::plan(&sky.deploying(&Faults::none(), "plan")).await.unwrap();
        assert_eq!(times(), 1, "a plan says it");
        sky.told.lock().unwrap().clear();
        sky.wire.heard();
        let confirm = |_: &str| {
            assert_eq!(times(), 1, "it is said before the question");
            Ok(())
        };
        let cx = sky.deploying(&Faults::none(), "up");
        let up = deploy::up(&cx, UpOptions { prove: false, confirm: &confirm, asks: true });
        Box::pin(up).await.unwrap();
        let heard = sky.wire.heard();
        let functions = heard.iter().find(|one| one.text.contains("\"FunctionName\":")).unwrap().at;
        assert!(when(&heard, &["/account-settings"]) < functions);
        assert_eq!(times(), 1);
        assert_eq!(count(&heard, &["PUT", "/concurrency"]), 0);
    });
}
