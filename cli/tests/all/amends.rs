//! What somebody changed by hand, or what a lost answer left, as the next command puts it right: by which calls, and by
//! which it does not. Named by their rows.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_lambda::types::{
    DestinationConfig, EventSourceMappingConfiguration, FunctionResponseType, OnFailure, ScalingConfig,
};
use aws_sdk_sqs::types::QueueAttributeName;
use chatctl::aws::faults::{Fault, Faults};
use chatctl::deploy::{self, DownOptions, UpOptions};
use chatctl::event::Event;
use chatctl::failure::Exit;
use localcloud::Weather;
use serde_json::json;
use tokio::time::Instant;

use crate::sky::{Sky, in_paused_time};
use crate::traps::{count, down, mapping, standing, up, when};
use crate::{drift, likeness};

/// A1, A2: the function gets the role by a change of its own, which waits until the role is believed.
#[test]
fn a1_a_function_is_given_its_role_again_by_a_change_that_waits_for_the_role() {
    in_paused_time(async {
        let sky = standing().await;
        let role = sky.stage.names().role("store-message");
        drift::remove_role(&sky.others, &role).await;
        let long = Duration::from_secs(10);
        sky.cloud.turn(Weather { roles: long..=long, ..Weather::fair() });
        let heard = up(&sky).await;
        assert!(count(&heard, &["PUT", "store-message/configuration", &role]) > 1, "not believed at first");
        assert_eq!(count(&heard, &["DeleteRole"]), 0, "none is deleted to be made again");
    });
}

#[test]
fn a4_what_somebody_else_mapped_to_a_function_of_ours_goes_before_it() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, function) = (&sky.others, sky.stage.names().function("forward-messages"));
        let hidden = QueueAttributeName::VisibilityTimeout;
        aws.sqs.create_queue().queue_name("theirs").attributes(hidden, "900").send().await.unwrap();
        let stray = aws.lambda.create_event_source_mapping().function_name(&function);
        let stray = stray.event_source_arn(aws.arn("sqs", "theirs")).send().await.unwrap().uuid.unwrap();
        let heard = down(&sky).await;
        let gone = when(&heard, &["DELETE", "/event-source-mappings/", &stray]);
        assert!(gone < when(&heard, &["DELETE", &format!("/functions/{function} ")]));
        let left = aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings;
        assert!(left.unwrap_or_default().is_empty());
    });
}

#[test]
fn a4_what_is_mapped_to_a_function_after_the_plan_of_its_removal_goes_before_it_too() {
    in_paused_time(async {
        let sky = standing().await;
        let long = Duration::from_secs(30);
        sky.cloud.turn(Weather { mappings: long..=long, ..Weather::fair() });
        let (aws, function) = (sky.others.clone(), sky.stage.names().function("forward-messages"));
        let hidden = QueueAttributeName::VisibilityTimeout;
        aws.sqs.create_queue().queue_name("theirs").attributes(hidden, "900").send().await.unwrap();
        let confirm = |_: &str| {
            let stray = aws.lambda.create_event_source_mapping().function_name(&function);
            let stray = stray.event_source_arn(aws.arn("sqs", "theirs"));
            tokio::spawn(async move { stray.send().await.unwrap() });
            Ok(())
        };
        let options = DownOptions { delete_data: true, confirm: &confirm, asks: false };
        deploy::down(&sky.deploying(&Faults::none(), "down"), options).await.unwrap();
        let left = aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings;
        assert!(left.unwrap_or_default().is_empty());
        assert_eq!(count(&sky.wire.heard(), &["POST", "/event-source-mappings"]), 1, "there was one more");
    });
}

#[test]
fn a7_a_permission_whose_answer_was_lost_is_found_right_and_not_taken_away() {
    in_paused_time(async {
        let (undisturbed, counted) = (Sky::empty(), Faults::none());
        undisturbed.up(&counted).await.unwrap().unwrap();
        let added = |call: &chatctl::aws::faults::Call| {
            call.operation.starts_with("POST ") && call.operation.ends_with("/policy")
        };
        let n = counted.calls().iter().position(added).unwrap() + 1;
        let sky = Sky::empty();
        sky.up(&Faults::at(n, Fault::AnswerLost)).await.unwrap().unwrap();
        let heard = sky.wire.heard();
        assert_eq!(count(&heard, &["DELETE", "/policy/"]), 0);
        let api = drift::our_api(&sky.others).await;
        let named = format!("\"StatementId\":\"chatctl-api-{api}\"");
        assert!(count(&heard, &["POST", "/policy", &named]) > 4, "the id says for which API it is");
        let should = likeness::of(&undisturbed.cloud).await;
        likeness::assert_alike(&likeness::of(&sky.cloud).await, &should, "the world");
    });
}

#[test]
fn a12_an_api_whose_answer_was_lost_is_looked_for_while_the_list_lags_and_not_made_twice() {
    in_paused_time(async {
        let counted = Faults::none();
        Box::pin(Sky::empty().up(&counted)).await.unwrap().unwrap();
        let n = counted.calls().iter().position(|call| call.operation == "POST /v2/apis").unwrap() + 1;
        let (sky, made) = (Sky::empty(), Mutex::new(None::<Instant>));
        sky.wire.answers(move |text| {
            let mut made = made.lock().unwrap();
            if text.starts_with("POST ") && text.contains("/v2/apis ") {
                made.get_or_insert_with(Instant::now);
            }
            let lags = made.is_some_and(|at| at.elapsed() < Duration::from_secs(4));
            let lists = text.starts_with("GET ") && text.contains("/v2/apis?");
            (lags && lists).then(|| (200, r#"{"items":[]}"#.to_owned()))
        });
        Box::pin(sky.up(&Faults::at(n, Fault::AnswerLost))).await.unwrap().unwrap();
        assert_eq!(count(&sky.wire.heard(), &["POST ", "/v2/apis "]), 1);
    });
}

#[test]
fn a9_a_queue_is_changed_in_place_and_the_wait_for_its_name_is_told() {
    in_paused_time(async {
        let sky = standing().await;
        let url = sky.others.sqs.get_queue_url().queue_name(sky.stage.names().dead_letters()).send().await.unwrap();
        let change = sky.others.sqs.set_queue_attributes().queue_url(url.queue_url.unwrap());
        let change = change.attributes(QueueAttributeName::MessageRetentionPeriod, "3600");
        change.attributes(QueueAttributeName::VisibilityTimeout, "5").send().await.unwrap();
        let heard = up(&sky).await;
        assert_eq!((count(&heard, &["SetQueueAttributes"]), count(&heard, &["DeleteQueue"])), (1, 0));
        sky.cloud.turn(Weather { queue_names: Duration::from_secs(60), ..Weather::fair() });
        down(&sky).await;
        sky.told.lock().unwrap().clear();
        up(&sky).await;
        let told = sky.told.lock().unwrap();
        let since = told.iter().filter_map(|event| match event {
            Event::Waiting { what, since_ms, .. } if what == "its name to be free" => Some(*since_ms),
            _ => None,
        });
        let since: Vec<u64> = since.collect();
        assert!(since.len() > 20 && since.iter().max() > Some(&50_000), "{since:?}");
    });
}

/// All that keeps one bad record, or too many, from doing harm, taken away by hand.
async fn strip(sky: &Sky, of: &EventSourceMappingConfiguration, stream: bool) {
    let change = sky.others.lambda.update_event_source_mapping().uuid(of.uuid().unwrap());
    let change = change.set_function_response_types(Some(Vec::new()));
    let change = if stream {
        let nowhere = DestinationConfig::builder().on_failure(OnFailure::builder().build()).build();
        let change = change.bisect_batch_on_function_error(false).maximum_retry_attempts(-1);
        change.maximum_record_age_in_seconds(-1).destination_config(nowhere)
    } else {
        change.scaling_config(ScalingConfig::builder().build())
    };
    change.send().await.unwrap();
}

/// A20, A33: each bound for itself, and what a call that makes the mapping says is said by one that changes it.
#[test]
fn a20_the_bounds_of_both_mappings_that_somebody_took_away_are_set_again() {
    in_paused_time(async {
        let sky = standing().await;
        for (function, stream) in [("forward-messages", true), ("notify-clients", false)] {
            let should = mapping(&sky, function).await;
            assert_eq!(should.function_response_types(), [FunctionResponseType::ReportBatchItemFailures]);
            strip(&sky, &should, stream).await;
            let bare = mapping(&sky, function).await;
            assert!(bare.function_response_types().is_empty());
            up(&sky).await;
            let is = mapping(&sky, function).await;
            assert_eq!(is.function_response_types(), should.function_response_types());
            assert_eq!(is.bisect_batch_on_function_error, should.bisect_batch_on_function_error);
            assert_eq!(is.maximum_retry_attempts, should.maximum_retry_attempts);
            assert_eq!(is.maximum_record_age_in_seconds, should.maximum_record_age_in_seconds);
            assert_eq!(is.destination_config, should.destination_config);
            assert_eq!(is.scaling_config, should.scaling_config);
        }
    });
}

/// What a role allows, as it is set.
async fn allowed(sky: &Sky, role: &str) -> String {
    let iam = &sky.others.iam;
    let name = iam.list_role_policies().role_name(role).send().await.unwrap().policy_names.remove(0);
    iam.get_role_policy().role_name(role).policy_name(name).send().await.unwrap().policy_document
}

/// The proof reaches for a push service that is not there: its runtime can open connections.
#[test]
fn a31_what_a_role_allows_too_much_is_taken_away_after_the_proof_and_not_without_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let sky = standing().await;
        let role = sky.stage.names().role("store-message");
        let policies = sky.others.iam.list_role_policies().role_name(&role).send().await.unwrap().policy_names;
        let much = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["sqs:PurgeQueue"], "Resource": "arn:aws:sqs:us-east-1:000000000000:q" }
        ] });
        let put = sky.others.iam.put_role_policy().role_name(&role).policy_name(&policies[0]);
        put.policy_document(much.to_string()).send().await.unwrap();
        let options = UpOptions { prove: true, confirm: &|_| Ok(()), asks: false };
        let failed = deploy::up(&sky.deploying(&Faults::none(), "up"), options).await.unwrap_err();
        assert_eq!(failed.exit, Exit::Unproven, "{failed:?}");
        let now = allowed(&sky, &role).await;
        assert!(now.contains("PurgeQueue") && now.contains("dynamodb"), "widened, and not yet narrowed: {now}");
        let left =
            |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("rights/store-message"));
        assert!(sky.told.lock().unwrap().iter().any(left));
        up(&sky).await;
        let now = allowed(&sky, &role).await;
        assert!(!now.contains("PurgeQueue") && now.contains("dynamodb"), "{now}");
    });
}
