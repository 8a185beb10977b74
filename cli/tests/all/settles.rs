//! What is waited for, from when, for how long, and what is not waited for at all: answers that pass by themselves, each
//! given in its service's own words. Named by their rows.

use std::time::Duration;

use chatctl::aws::Aws;
use chatctl::aws::faults::{Fault, Faults};
use chatctl::event::Event;
use localcloud::{Span, Weather};
use serde_json::json;
use tokio::time::Instant;

use crate::answers::{first, json_error};
use crate::sky::{Heard, Sky, in_paused_time};
use crate::traps::{count, standing, up, when};
use crate::{drift, likeness};

const INVALID: &str = "InvalidParameterValueException";

fn exactly(seconds: u64) -> Span {
    Duration::from_secs(seconds)..=Duration::from_secs(seconds)
}

/// What is said when the first so many requests with these words are answered so: the `up` must succeed all the same.
async fn up_after(sky: &Sky, times: usize, words: &[&str], answer: (u16, String)) -> Vec<Heard> {
    sky.wire.answers(first(times, words, answer));
    let heard = up(sky).await;
    assert!(count(&heard, words) > times, "{words:?} was asked again: {heard:#?}");
    heard
}

/// Whether somebody was told that this is waited for.
fn waited_for(sky: &Sky, words: &str) -> bool {
    let told = sky.told.lock().unwrap();
    told.iter().any(|event| matches!(event, Event::Waiting { what, .. } if what.contains(words)))
}

#[test]
fn a2_a_role_that_is_never_believed_is_waited_for_from_a_quarter_of_a_second_on_and_for_two_minutes() {
    in_paused_time(async {
        let sky = Sky::empty();
        let words = ["POST", "/functions ", "chat-dev-serve-page\""];
        let never = json_error(400, INVALID, "The role defined for the function cannot be assumed by Lambda.");
        sky.wire.answers(first(usize::MAX, &words, never));
        let failed = sky.up(&Faults::none()).await.unwrap().unwrap_err();
        assert!(failed.why.as_deref().unwrap_or_default().contains("cannot be assumed by Lambda"), "{failed:?}");
        assert!(waited_for(&sky, "Lambda to accept the new role"));
        let heard = sky.wire.heard();
        let tries: Vec<Instant> =
            heard.iter().filter(|one| words.iter().all(|w| one.text.contains(w))).map(|one| one.at).collect();
        let pauses: Vec<u128> = tries.windows(2).map(|two| (two[1] - two[0]).as_millis() / 50 * 50).collect();
        assert_eq!(pauses[..6], [250, 500, 1000, 2000, 2000, 2000], "{pauses:?}");
        let all = *tries.last().unwrap() - tries[0];
        assert!(all >= Duration::from_secs(118) && all <= Duration::from_secs(125), "{all:?}");
    });
}

#[test]
fn a2_any_other_invalid_parameter_fails_at_once() {
    for (words, message) in [
        (["POST", "/functions ", "serve-page\""], "Unzipped size must be smaller than 262144000 bytes"),
        (["POST", "/event-source-mappings", "notify-clients"], "Unrecognized event source."),
    ] {
        in_paused_time(async {
            let sky = Sky::empty();
            sky.wire.answers(first(usize::MAX, &words, json_error(400, INVALID, message)));
            let failed = sky.up(&Faults::none()).await.unwrap().unwrap_err();
            assert!(failed.why.as_deref().unwrap_or_default().contains(message), "{failed:?}");
            assert_eq!(count(&sky.wire.heard(), &words), 1, "{message}");
        });
    }
}

#[test]
fn a2_a_mapping_is_made_and_changed_once_its_functions_role_is_believed() {
    in_paused_time(async {
        let sky = Sky::empty();
        let message = "The provided execution role does not have permissions to call ReceiveMessage on SQS";
        let not_yet = || json_error(400, INVALID, message);
        up_after(&sky, 2, &["POST", "/event-source-mappings", "notify-clients"], not_yet()).await;
        let uuid = crate::traps::mapping(&sky, "notify-clients").await.uuid.unwrap();
        sky.others.lambda.update_event_source_mapping().uuid(&uuid).batch_size(3).send().await.unwrap();
        up_after(&sky, 2, &["PUT", &uuid], not_yet()).await;
        assert!(waited_for(&sky, "Lambda to accept the mapping"));
    });
}

#[test]
fn a6_an_up_is_over_when_its_new_functions_are_ready() {
    in_paused_time(async {
        let (sky, began) = (Sky::empty(), Instant::now());
        sky.cloud.turn(Weather { functions: exactly(20), ..Weather::fair() });
        up(&sky).await;
        assert!(began.elapsed() >= Duration::from_secs(20), "{:?}", began.elapsed());
    });
}

/// A13: that a table is active while one of its indexes is not is met nowhere, because no table has one.
#[test]
fn a13_a_table_has_no_index_and_is_set_when_it_is_active() {
    in_paused_time(async {
        let sky = Sky::empty();
        sky.cloud.turn(Weather { tables: exactly(20), ..Weather::fair() });
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["CreateTable"]), 3);
        assert_eq!(count(&heard, &["SecondaryIndex"]), 0);
        for table in ["stage", "messages", "clients"] {
            let name = format!("\"{}\"", sky.stage.names().table(table));
            let (made, set) =
                (when(&heard, &["CreateTable", &name]), when(&heard, &["DynamoDB_20120810.UpdateTimeToLive", &name]));
            assert!(set - made >= Duration::from_secs(20), "{table}: {:?}", set - made);
        }
    });
}

#[test]
fn a13_a_time_to_live_that_is_set_or_being_set_is_not_written_again() {
    in_paused_time(async {
        let sky = standing().await;
        let name = sky.stage.names().table("clients");
        let unguard = sky.others.dynamodb.update_table().table_name(&name).deletion_protection_enabled(false);
        unguard.send().await.unwrap();
        let ttl = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLING", "AttributeName": "ttl" } });
        sky.wire.answers(first(usize::MAX, &["DescribeTimeToLive", &name], (200, ttl.to_string())));
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &[".UpdateTable", &name]), 1);
        assert_eq!(count(&heard, &["UpdateTimeToLive"]), 0);
    });
}

#[test]
fn a21_each_thing_that_is_read_just_after_it_was_made_may_not_be_found_at_once() {
    in_paused_time(async {
        let (sky, began) = (Sky::empty(), Instant::now());
        // A function that is not ready yet is looked at; one that is ready is not.
        sky.cloud.turn(Weather { reads: exactly(10), functions: exactly(2), ..Weather::fair() });
        let heard = up(&sky).await;
        assert!(began.elapsed() >= Duration::from_secs(10), "{:?}", began.elapsed());
        for read in ["DescribeTable", "GetQueueUrl", "/configuration"] {
            assert!(count(&heard, &[read]) > 6, "{read}");
        }
    });
}

/// A12, A21: what was made by a call whose answer was lost is looked for, and may not be found at once either.
#[test]
fn a21_what_is_adopted_may_not_be_found_at_once() {
    in_paused_time(async {
        let (undisturbed, counted) = (Sky::empty(), Faults::none());
        let late = Weather { reads: exactly(10), ..Weather::fair() };
        undisturbed.cloud.turn(late.clone());
        undisturbed.up(&counted).await.unwrap().unwrap();
        let should = likeness::of(&undisturbed.cloud).await;
        for operation in ["CreateTable", "CreateQueue", "CreateRole", "POST /2015-03-31/functions"] {
            let calls = counted.calls();
            let n = calls.iter().position(|call| call.operation == operation).unwrap_or_else(|| panic!("{calls:?}"));
            let sky = Sky::empty();
            sky.cloud.turn(late.clone());
            let ended = sky.up(&Faults::at(n + 1, Fault::AnswerLost)).await.unwrap();
            ended.unwrap_or_else(|failure| panic!("{operation}: {failure:?}"));
            likeness::assert_alike(&likeness::of(&sky.cloud).await, &should, operation);
        }
    });
}

#[test]
fn a21_a_secret_a_version_and_a_function_that_are_not_found_yet_are_asked_for_again() {
    in_paused_time(async {
        let (sky, counted) = (Sky::empty(), Faults::none());
        Sky::empty().up(&counted).await.unwrap().unwrap();
        let secret = counted.calls().iter().position(|call| call.operation == "PutParameter").unwrap() + 1;
        let late = json_error(400, "InvalidResourceId", "The resource ID is not valid.");
        let words = ["AmazonSSM.ListTagsForResource"];
        sky.wire.answers(first(2, &words, late));
        sky.up(&Faults::at(secret, Fault::AnswerLost)).await.unwrap().unwrap();
        assert!(count(&sky.wire.heard(), &words) > 2);

        let missing = |what: &str| json_error(404, "ResourceNotFoundException", &format!("{what} not found"));
        up_after(&Sky::empty(), 2, &["POST", "chat-dev-serve-page/aliases"], missing("Version")).await;
        let words = ["POST", "/event-source-mappings", "forward-messages"];
        up_after(&Sky::empty(), 2, &words, missing("Function")).await;
    });
}

#[test]
fn a21_what_is_written_to_a_thing_just_made_is_written_again_until_it_is_found_and_free() {
    let missing = || json_error(404, "ResourceNotFoundException", "not found");
    let taken = |code| json_error(409, code, "another change is in progress");
    in_paused_time(async {
        let permission = ["POST", "chat-dev-serve-page/policy"];
        let retention = ["PutRetentionPolicy", "chat-dev-serve-page"];
        let loops = ["PUT", "chat-dev-notify-clients", "recursion-config"];
        for (words, answer) in [
            (&permission[..], missing()),
            (&retention[..], missing()),
            (&retention[..], taken("OperationAbortedException")),
            (&["CreateLogGroup", "chat-dev-serve-page"][..], taken("OperationAbortedException")),
            (&loops[..], missing()),
            (&loops[..], taken("ResourceConflictException")),
        ] {
            up_after(&Sky::empty(), 2, words, answer).await;
        }
        // The first conflict is read, the second is waited out.
        let sky = Sky::empty();
        let heard = up_after(&sky, 4, &permission, taken("ResourceConflictException")).await;
        assert_eq!(count(&heard, &["GET", "chat-dev-serve-page/policy"]), 2);
        assert!(waited_for(&sky, "the function to take the permission"));
    });
}

#[test]
fn a7_a_permission_that_never_gets_past_a_conflict_fails_its_step_and_is_no_success() {
    in_paused_time(async {
        let (sky, began) = (Sky::empty(), Instant::now());
        let conflict = json_error(409, "ResourceConflictException", "The statement id provided already exists.");
        sky.wire.answers(first(usize::MAX, &["POST", "chat-dev-serve-page/policy"], conflict));
        let failed = sky.up(&Faults::none()).await.unwrap().unwrap_err();
        let why = failed.why.as_deref().unwrap_or_default();
        assert!(why.contains("AddPermission") && why.contains("already exists"), "{failed:?}");
        assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    });
}

#[test]
fn a22_a_function_that_is_being_changed_is_deleted_when_the_change_has_ended() {
    in_paused_time(async {
        let sky = standing().await;
        sky.cloud.turn(Weather { functions: exactly(60), ..Weather::fair() });
        let (name, began) = (sky.stage.names().function("serve-page"), Instant::now());
        sky.others.lambda.update_function_configuration().function_name(&name).memory_size(128).send().await.unwrap();
        sky.wire.heard();
        sky.down(&Faults::none()).await.unwrap().unwrap();
        let words = format!("/functions/{name} ");
        assert!(count(&sky.wire.heard(), &["DELETE", &words]) > 1, "it was in the way at first");
        assert!(began.elapsed() >= Duration::from_secs(60), "{:?}", began.elapsed());
        assert!(waited_for(&sky, "the function to be at rest"));
        assert!(sky.others.lambda.get_function().function_name(name).send().await.is_err());
    });
}

#[test]
fn a28_point_in_time_recovery_that_cannot_be_set_or_seen_yet_is_set_later() {
    let not_yet =
        || json_error(400, "ContinuousBackupsUnavailableException", "Backups are being enabled for the table");
    in_paused_time(async {
        let sky = standing().await;
        // As the run after a crash finds a table that was made a moment before.
        let clients = sky.stage.names().table("clients");
        sky.wire.answers(first(2, &["DescribeContinuousBackups", &clients], not_yet()));
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["UpdateContinuousBackups"]), 1);
        let gone = json_error(400, "TableNotFoundException", "Table not found: chat-dev-messages");
        for answer in [not_yet(), gone] {
            let sky = Sky::empty();
            up_after(&sky, 2, &["UpdateContinuousBackups", "chat-dev-messages"], answer).await;
            assert!(waited_for(&sky, "point-in-time recovery to be offered"));
        }
    });
}

#[test]
fn a8_a_write_to_an_api_that_is_throttled_or_conflicts_is_made_again_and_makes_nothing_twice() {
    let slow = || json_error(429, "TooManyRequestsException", "Rate exceeded");
    let other = || json_error(409, "ConflictException", "Unable to complete operation due to concurrent modification.");
    in_paused_time(async {
        for (words, answer) in [
            (["POST", "/v2/apis "], slow()),
            (["POST", "/integrations "], slow()),
            (["POST", "/integrations "], other()),
            (["POST", "/routes "], other()),
            (["POST", "/stages "], other()),
        ] {
            let sky = Sky::empty();
            up_after(&sky, 2, &words, answer).await;
            let api = drift::our_api(&sky.others).await;
            let made = sky.others.apigateway.get_integrations().api_id(&api).send().await.unwrap().items.unwrap();
            assert_eq!(made.len(), 4, "one for each function that has routes");
        }
        let sky = standing().await;
        sky.wire.answers(first(2, &["DELETE", "/v2/apis/"], other()));
        sky.down(&Faults::none()).await.unwrap().unwrap();
        assert!(sky.others.apigateway.get_apis().send().await.unwrap().items.unwrap_or_default().is_empty());
    });
}

/// One call that looks at nothing in particular.
async fn look(aws: &Aws, service: &str) {
    match service {
        "apigatewayv2" => drop(aws.apigateway.get_apis().send().await.unwrap()),
        "cloudformation" => drop(aws.cloudformation.describe_stacks().send().await.unwrap()),
        "dynamodb" => drop(aws.dynamodb.list_tables().send().await.unwrap()),
        "iam" => drop(aws.iam.list_roles().send().await.unwrap()),
        "lambda" => drop(aws.lambda.list_functions().send().await.unwrap()),
        "logs" => drop(aws.logs.describe_log_groups().send().await.unwrap()),
        "sqs" => drop(aws.sqs.list_queues().send().await.unwrap()),
        "ssm" => drop(aws.ssm.describe_parameters().send().await.unwrap()),
        _ => drop(aws.sts.get_caller_identity().send().await.unwrap()),
    }
}

/// A19, A34: so many calls at once take at least so many seconds, those that describe a whole account too.
#[test]
fn a19_each_service_is_asked_no_faster_than_its_own_rate() {
    for (calls, seconds, service) in [
        (52, 4, "apigatewayv2"),
        (24, 4, "cloudformation"),
        (200, 4, "dynamodb"),
        (68, 4, "iam"),
        (78, 4, "lambda"),
        (42, 4, "logs"),
        (250, 4, "sqs"),
        (52, 4, "ssm"),
        (100, 4, "sts"),
    ] {
        in_paused_time(async {
            let (sky, began) = (Sky::empty(), Instant::now());
            futures_util::future::join_all((0..calls).map(|_| look(&sky.others, service))).await;
            assert!(began.elapsed() >= Duration::from_secs(seconds), "{service}: {:?}", began.elapsed());
        });
    }
}
