//! Rows of docs/aws-behaviour.md, each met in weather that brings it every time: what the tool does about it is all that
//! makes these pass. Named by their rows.

use std::time::Duration;

use aws_sdk_lambda::types::EventSourcePosition;
use chatctl::aws::Aws;
use chatctl::aws::faults::{Fault, Faults};
use localcloud::{Span, Weather};
use tokio::time::Instant;

use crate::sky::{Sky, in_paused_time};
use crate::{drift, likeness};

fn exactly(seconds: u64) -> Span {
    Duration::from_secs(seconds)..=Duration::from_secs(seconds)
}

/// `up`, which must succeed; for how long it took.
async fn up(sky: &Sky) -> Duration {
    let began = Instant::now();
    sky.up(&Faults::none()).await.unwrap().unwrap();
    began.elapsed()
}

async fn down(sky: &Sky) -> Duration {
    let began = Instant::now();
    sky.down(&Faults::none()).await.unwrap().unwrap();
    began.elapsed()
}

/// A stage that is up, in fair weather.
async fn standing() -> Sky {
    let sky = Sky::empty();
    up(&sky).await;
    sky
}

/// A first `up` in this weather comes to the world that it comes to in fair weather; for how long it took.
fn a_first_up_in(weather: Weather) -> Duration {
    in_paused_time(async {
        let should = likeness::of(&standing().await.cloud).await;
        let sky = Sky::empty();
        sky.cloud.turn(weather);
        let took = up(&sky).await;
        let world = likeness::of(&sky.cloud).await;
        likeness::assert_alike(&world, &should, "the world");
        took
    })
}

/// The mappings of our functions: id, source and where they began to read.
async fn mappings(aws: &Aws) -> Vec<(String, String, Option<EventSourcePosition>)> {
    let listed = aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();
    let one = |it: aws_sdk_lambda::types::EventSourceMappingConfiguration| {
        (it.uuid.unwrap(), it.event_source_arn.unwrap(), it.starting_position)
    };
    listed.into_iter().map(one).collect()
}

/// A1, A2
#[test]
fn a1_a_role_made_again_under_its_name_is_given_to_its_function_again() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, names) = (&sky.others, sky.stage.names());
        drift::remove_role(aws, &names.role("forward-messages")).await;
        // Who was given the old one may not read its stream any more, and the new one is not believed at once.
        sky.cloud.turn(Weather { roles: exactly(10), ..Weather::fair() });
        up(&sky).await;
        let role = aws.iam.get_role().role_name(names.role("forward-messages")).send().await.unwrap().role.unwrap();
        let live = aws.lambda.get_function_configuration().function_name(names.function("forward-messages"));
        let live = live.qualifier("live").send().await.unwrap();
        // A version keeps the grant on its environment that it was published with: only a new one has one for this role.
        assert_eq!(live.version.as_deref(), Some("2"));
        assert_eq!(live.environment.unwrap().variables.unwrap()["CHAT_ROLE_ID"], role.role_id);
    });
}

#[test]
fn a2_a_role_that_lambda_does_not_believe_yet_is_waited_for() {
    let took = a_first_up_in(Weather { roles: exactly(15), ..Weather::fair() });
    assert!(took >= Duration::from_secs(15) && took < Duration::from_secs(40), "{took:?}");
}

#[test]
fn a3_a_stream_is_read_from_its_beginning() {
    in_paused_time(async {
        let sky = standing().await;
        let all = mappings(&sky.others).await;
        let streams: Vec<_> = all.iter().filter(|(_, source, _)| source.contains("/stream/")).collect();
        assert_eq!(streams.len(), 1);
        assert_eq!(streams[0].2, Some(EventSourcePosition::TrimHorizon));
    });
}

#[test]
fn a4_mappings_that_a_deleted_function_left_behind_are_adopted_and_go_with_it() {
    in_paused_time(async {
        let sky = standing().await;
        let (should, before) = (likeness::of(&sky.cloud).await, mappings(&sky.others).await);
        for function in ["forward-messages", "notify-clients"] {
            let name = sky.stage.names().function(function);
            sky.others.lambda.delete_function().function_name(name).send().await.unwrap();
        }
        up(&sky).await;
        assert_eq!(mappings(&sky.others).await, before);
        let world = likeness::of(&sky.cloud).await;
        likeness::assert_alike(&world, &should, "the world");
        down(&sky).await;
        assert_eq!(mappings(&sky.others).await, []);
    });
}

/// A5, A13
#[test]
fn a5_a_mapping_whose_source_is_another_one_now_is_replaced() {
    in_paused_time(async {
        let sky = standing().await;
        let before = mappings(&sky.others).await;
        drift::restart_stream(&sky.others, &sky.stage.names().table("messages")).await;
        sky.cloud.turn(Weather { mappings: exactly(30), ..Weather::fair() });
        up(&sky).await;
        let after = mappings(&sky.others).await;
        let stream = |all: &[(String, String, _)]| {
            let streams: Vec<_> = all.iter().filter(|(_, source, _)| source.contains("/stream/")).collect();
            assert_eq!(streams.len(), 1);
            (streams[0].0.clone(), streams[0].1.clone())
        };
        let ((old_id, old), (new_id, new)) = (stream(&before), stream(&after));
        assert!(old_id != new_id && old != new, "{old} {new}");
    });
}

#[test]
fn a6_the_changes_of_a_function_wait_for_each_other() {
    in_paused_time(async {
        let mut sky = standing().await;
        sky.cloud.turn(Weather { functions: exactly(5), ..Weather::fair() });
        (sky.code, sky.stage.contact) = ("two", Some("mailto:somebody@example.com".into()));
        // Somebody else's change goes on, too.
        let page =
            sky.others.lambda.update_function_configuration().function_name(sky.stage.names().function("serve-page"));
        page.memory_size(128).send().await.unwrap();
        let took = up(&sky).await;
        // Of the notifier both its code and its settings: two changes of five seconds each.
        assert!(took >= Duration::from_secs(10), "{took:?}");
        assert!(sky.up(&Faults::none()).await.unwrap().unwrap().changed == 0);
    });
}

/// A7, A31: read, added and removed at the alias.
#[test]
fn a7_a_permission_of_an_api_that_is_gone_goes_too() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        // Else the notifier's contact is the API's address, which is the same for every API in process.
        sky.stage.contact = Some("mailto:operator@example.com".into());
        up(&sky).await;
        let should = likeness::of(&sky.cloud).await;
        let api = drift::our_api(&sky.others).await;
        sky.others.apigateway.delete_api().api_id(&api).send().await.unwrap();
        up(&sky).await;
        assert_ne!(drift::our_api(&sky.others).await, api);
        let world = likeness::of(&sky.cloud).await;
        likeness::assert_alike(&world, &should, "the world");
    });
}

#[test]
fn a8_the_writes_to_an_api_neither_conflict_nor_come_too_fast() {
    let api_writes = Duration::from_millis(400)..=Duration::from_millis(600);
    a_first_up_in(Weather { api_writes, api_writes_a_second: 2, ..Weather::fair() });
}

#[test]
fn a9_the_name_of_a_deleted_queue_is_waited_for() {
    in_paused_time(async {
        let sky = standing().await;
        let should = likeness::of(&sky.cloud).await;
        sky.cloud.turn(Weather { queue_names: Duration::from_secs(60), ..Weather::fair() });
        down(&sky).await;
        let took = up(&sky).await;
        assert!(took > Duration::from_secs(50) && took < Duration::from_secs(75), "{took:?}");
        let world = likeness::of(&sky.cloud).await;
        likeness::assert_alike(&world, &should, "the world");
    });
}

#[test]
fn a12_what_was_made_by_a_call_whose_answer_was_lost_is_adopted() {
    in_paused_time(async {
        let (sky, counted) = (Sky::empty(), Faults::none());
        sky.up(&counted).await.unwrap().unwrap();
        let should = likeness::of(&sky.cloud).await;
        let creates = |operation: &str| {
            let rest = operation.starts_with("POST ") && operation.ends_with('s');
            rest || operation.starts_with("Create") || operation == "PutParameter"
        };
        let calls = counted.calls().into_iter().enumerate();
        let made: Vec<usize> = calls.filter(|(_, call)| creates(&call.operation)).map(|(at, _)| at + 1).collect();
        assert!(made.len() > 20, "{made:?}");
        for n in made {
            let sky = Sky::empty();
            let lost = Faults::at(n, Fault::AnswerLost);
            sky.up(&lost).await.unwrap().unwrap_or_else(|failure| panic!("call {n}: {failure:?}"));
            let world = likeness::of(&sky.cloud).await;
            likeness::assert_alike(&world, &should, &lost.calls()[n - 1].to_string());
        }
    });
}

#[test]
fn a12_a_thing_of_our_name_that_is_not_ours_is_refused_and_left_as_it_is() {
    in_paused_time(async {
        let sky = Sky::empty();
        let name = sky.stage.names().queue();
        let url = sky.others.sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
        let refused = sky.up(&Faults::none()).await.unwrap().unwrap_err();
        assert!(refused.why.as_deref().unwrap_or_default().contains("is not this stage's"), "{refused:?}");
        assert_eq!(sky.others.sqs.list_queue_tags().queue_url(url).send().await.unwrap().tags, None);
    });
}

#[test]
fn a13_a_time_to_live_is_not_set_twice() {
    in_paused_time(async {
        let counted = Faults::none();
        Sky::empty().up(&counted).await.unwrap().unwrap();
        let set = counted.calls().iter().position(|call| call.operation == "UpdateTimeToLive").unwrap() + 1;
        for fault in [Fault::AnswerLost, Fault::Dead] {
            let sky = Sky::empty();
            sky.cloud.turn(Weather { ttl_again: Duration::from_secs(3600), ..Weather::fair() });
            // Dead just after it was set: at the next call.
            let n = if fault == Fault::Dead { set + 1 } else { set };
            let broken = sky.up(&Faults::at(n, fault)).await;
            // A lost answer is asked for again, and then it was set already.
            assert!(fault == Fault::Dead || broken.unwrap().is_ok());
            up(&sky).await;
        }
    });
}

#[test]
fn a19_a_throttled_call_is_slowed_down_and_does_not_fail() {
    for seed in 1..=3 {
        a_first_up_in(Weather { seed, throttled: 200, ..Weather::fair() });
    }
}

#[test]
fn a21_what_was_just_made_may_not_be_found_at_once() {
    a_first_up_in(Weather { reads: exactly(10), ..Weather::fair() });
}

#[test]
fn a22_what_is_being_changed_is_deleted_once_it_is_at_rest() {
    in_paused_time(async {
        let mut sky = standing().await;
        let table = sky.stage.names().table("messages");
        let described = sky.others.dynamodb.describe_table().table_name(&table).send().await.unwrap().table.unwrap();
        assert_eq!(described.deletion_protection_enabled, Some(true));
        sky.cloud.turn(Weather { tables: exactly(20), functions: exactly(5), ..Weather::fair() });
        sky.code = "two";
        up(&sky).await;
        // The function is still in the middle of a change of somebody else's, and so is a table.
        let function = sky.stage.names().function("serve-page");
        let change = sky.others.lambda.update_function_configuration().function_name(function).memory_size(128);
        change.send().await.unwrap();
        let clients = sky.others.dynamodb.update_table().table_name(sky.stage.names().table("clients"));
        clients.deletion_protection_enabled(false).send().await.unwrap();
        let took = down(&sky).await;
        assert!(took > Duration::from_secs(40), "unguarded for 20 s, deleted for 20 s: {took:?}");
        assert_eq!(sky.others.dynamodb.list_tables().send().await.unwrap().table_names.unwrap(), [""; 0]);
    });
}

#[test]
fn a26_a_mapping_may_take_a_minute_and_a_half_to_be_made_changed_and_deleted() {
    in_paused_time(async {
        let sky = Sky::empty();
        sky.cloud.turn(Weather { mappings: exactly(90), ..Weather::fair() });
        let took = up(&sky).await;
        assert!(took < Duration::from_secs(60), "only the proof waits until a mapping reads: {took:?}");
        down(&sky).await;
        assert_eq!(mappings(&sky.others).await, []);
    });
}

#[test]
fn a28_point_in_time_recovery_is_set_once_the_table_takes_it() {
    let took = a_first_up_in(Weather { backups: exactly(30), ..Weather::fair() });
    assert!(took >= Duration::from_secs(30), "{took:?}");
}
