//! The lobby: the room that a stage has from its first `up` on, and what the settings decide about it.

use chat_aws::layout;
use chatctl::aws::faults::Faults;
use chatctl::deploy;

use crate::sky::{Sky, in_paused_time};

/// For how many days what is written in each room is kept.
async fn kept_for(sky: &Sky) -> Vec<u32> {
    let query = sky.others.dynamodb.query().table_name(sky.stage.names().table("stage"));
    let query = query.key_condition_expression("pk = :rooms");
    let rooms = aws_sdk_dynamodb::types::AttributeValue::S(layout::rooms());
    let rooms = query.expression_attribute_values(":rooms", rooms).send().await.unwrap().items.unwrap();
    rooms.iter().map(|room| layout::stored_room(room).unwrap().retention_days).collect()
}

#[test]
fn how_long_messages_are_kept_can_be_set_anew_and_the_plan_says_by_what() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        assert_eq!(kept_for(&sky).await, [30]);
        sky.stage.retention_days = 7;
        let planned = deploy::plan(&sky.deploying(&Faults::none(), "plan")).await.unwrap();
        let step = planned.steps.iter().find(|step| step.id == "records/stage").unwrap();
        let fields: Vec<_> = step.fields.iter().map(|f| (&*f.name, &*f.before, &*f.after, f.why.as_deref())).collect();
        let why = "because retention_days is not set, and 7 is usual";
        assert_eq!(fields, [("lobby's retention", "30 days", "7 days", Some(why))]);
        assert_eq!(sky.up(&Faults::none()).await.unwrap().unwrap().changed, 1);
        assert_eq!(kept_for(&sky).await, [7]);
        assert_eq!(sky.up(&Faults::none()).await.unwrap().unwrap().changed, 0);
    });
}
