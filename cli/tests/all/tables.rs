//! Tables that are changed, or being made, when a command comes to them. Named by their rows.

use std::time::Duration;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType, TimeToLiveSpecification};
use chat_aws::layout::TTL;
use chatctl::aws::faults::{Fault, Faults};
use chatctl::deploy;
use chatctl::event::Event;
use localcloud::Weather;

use crate::likeness;
use crate::sky::{Sky, in_paused_time};
use crate::traps::{count, down, mapping, standing, up};

fn exactly(seconds: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_secs(seconds)..=Duration::from_secs(seconds)
}

/// A first `up` whose process died just after the Stage table's creation was answered.
async fn killed_in_creation() -> Sky {
    let counted = Faults::none();
    Box::pin(Sky::empty().up(&counted)).await.unwrap().unwrap();
    let made = counted.calls().iter().position(|call| call.operation == "CreateTable").unwrap() + 1;
    let sky = Sky::empty();
    sky.cloud.turn(Weather { tables: exactly(20), ..Weather::fair() });
    assert!(Box::pin(sky.up(&Faults::at(made + 1, Fault::Dead))).await.is_none());
    sky
}

#[test]
fn a21_a_stage_whose_first_table_is_still_being_made_is_waited_for_by_each_command() {
    in_paused_time(async {
        let waited = |sky: &Sky| {
            let told = sky.told.lock().unwrap();
            told.iter().any(|event| matches!(event, Event::Waiting { id, .. } if id == "table/stage"))
        };
        let sky = killed_in_creation().await;
        deploy::plan(&sky.deploying(&Faults::none(), "plan")).await.unwrap();
        assert!(waited(&sky));
        let sky = killed_in_creation().await;
        up(&sky).await;
        assert!(waited(&sky));
        let sky = killed_in_creation().await;
        down(&sky).await;
        assert!(sky.others.dynamodb.list_tables().send().await.unwrap().table_names().is_empty());
    });
}

/// The stream as it is, and its ARN.
async fn stream(sky: &Sky) -> (Option<StreamViewType>, String) {
    let table = sky.stage.names().table("messages");
    let table = sky.others.dynamodb.describe_table().table_name(table).send().await.unwrap().table.unwrap();
    (table.stream_specification.unwrap().stream_view_type, table.latest_stream_arn.unwrap())
}

async fn set_stream(sky: &Sky, view: Option<StreamViewType>) {
    let update = sky.others.dynamodb.update_table().table_name(sky.stage.names().table("messages"));
    let to = StreamSpecification::builder().stream_enabled(view.is_some()).set_stream_view_type(view).build();
    update.stream_specification(to.unwrap()).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
}

/// A13: the mapping's filter looks into new images, and would drop what shows none.
#[test]
fn a13_a_stream_that_shows_something_else_is_switched_off_and_on_and_read_again() {
    in_paused_time(async {
        let sky = standing().await;
        let should = likeness::of(&sky.cloud).await;
        set_stream(&sky, None).await;
        set_stream(&sky, Some(StreamViewType::KeysOnly)).await;
        sky.cloud.turn(Weather { tables: exactly(10), ..Weather::fair() });
        let planned = deploy::plan(&sky.deploying(&Faults::none(), "plan")).await.unwrap();
        let table = planned.steps.iter().find(|step| step.id == "table/messages").unwrap();
        assert_eq!((table.fields[0].before.as_str(), table.fields[0].after.as_str()), ("keys only", "new images"));
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &[".UpdateTable"]), 2);
        let (view, arn) = stream(&sky).await;
        assert_eq!(view, Some(StreamViewType::NewImage));
        assert_eq!(mapping(&sky, "forward-messages").await.event_source_arn.unwrap(), arn);
        likeness::assert_alike(&likeness::of(&sky.cloud).await, &should, "the world");
    });
}

#[test]
fn a12_a_change_of_a_table_whose_answer_was_lost_is_found_done() {
    in_paused_time(async {
        let broken_by = async |sky: &Sky| {
            set_stream(sky, None).await;
            sky.cloud.turn(Weather { tables: exactly(10), ..Weather::fair() });
        };
        let (sky, counted) = (standing().await, Faults::none());
        broken_by(&sky).await;
        Box::pin(sky.up(&counted)).await.unwrap().unwrap();
        let n = counted.calls().iter().position(|call| call.operation == "UpdateTable").unwrap() + 1;
        let sky = standing().await;
        broken_by(&sky).await;
        Box::pin(sky.up(&Faults::at(n, Fault::AnswerLost))).await.unwrap().unwrap();
        assert_eq!(stream(&sky).await.0, Some(StreamViewType::NewImage));
    });
}

#[test]
fn a22_a_table_that_somebody_is_changing_is_changed_after_that() {
    in_paused_time(async {
        let sky = standing().await;
        sky.cloud.turn(Weather { tables: exactly(20), ..Weather::fair() });
        let update = sky.others.dynamodb.update_table().table_name(sky.stage.names().table("messages"));
        update.deletion_protection_enabled(false).send().await.unwrap();
        up(&sky).await;
        let table = sky.others.dynamodb.describe_table().table_name(sky.stage.names().table("messages"));
        let table = table.send().await.unwrap().table.unwrap();
        assert_eq!(table.deletion_protection_enabled, Some(true));
    });
}

#[test]
fn a13_a_time_to_live_that_was_switched_off_within_the_hour_keeps_nothing_else_from_being_done() {
    in_paused_time(async {
        let mut sky = standing().await;
        sky.cloud.turn(Weather { ttl_again: Duration::from_secs(3600), ..Weather::fair() });
        let name = sky.stage.names().table("messages");
        let off = TimeToLiveSpecification::builder().enabled(false).attribute_name(TTL).build().unwrap();
        let off = sky.others.dynamodb.update_time_to_live().table_name(&name).time_to_live_specification(off);
        off.send().await.unwrap();
        sky.code = "two";
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["PUT", "/code"]), 6);
        let warned = |sky: &Sky| {
            let told = sky.told.lock().unwrap();
            let said = |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("within the hour"));
            told.iter().filter(|event| said(event)).count()
        };
        assert_eq!(warned(&sky), 1);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let heard = up(&sky).await;
        assert_eq!((count(&heard, &["UpdateTimeToLive"]), warned(&sky)), (1, 1));
        assert_eq!(count(&up(&sky).await, &["UpdateTimeToLive"]), 0);
    });
}

#[test]
fn a_name_that_became_a_strangers_while_a_question_was_open_is_not_deleted() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, table) = (sky.others.clone(), sky.stage.names().table("clients"));
        let confirm = |_: &str| {
            let (aws, table) = (aws.clone(), table.clone());
            tokio::spawn(async move {
                let arn = aws.arn("dynamodb", &format!("table/{table}"));
                let untag = aws.dynamodb.untag_resource().resource_arn(arn);
                untag.tag_keys("chatctl:stage").send().await.unwrap();
            });
            Ok(())
        };
        // The first call under the lease comes long after the plan.
        let slow = Sky { way: Duration::from_secs(2), ..sky };
        let options = deploy::DownOptions { delete_data: true, confirm: &confirm, asks: false };
        let refused = deploy::down(&slow.deploying(&Faults::none(), "down"), options).await.unwrap_err();
        assert!(refused.why.as_deref().unwrap_or_default().contains("is not this stage's"), "{refused:?}");
        assert!(slow.others.dynamodb.list_tables().send().await.unwrap().table_names().contains(&table));
    });
}
