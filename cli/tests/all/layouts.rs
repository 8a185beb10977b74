//! A stage that a chatctl of an earlier layout has made: brought to this one by `up`, in one step, wherever a run ends.

use aws_sdk_dynamodb::types::AttributeValue;
use chat_aws::layout::{self, Item, LAYOUT_VERSION, NUMBER};
use chatctl::aws::faults::{Fault, Faults};
use chatctl::deploy::{self, DownOptions};
use chatctl::event::Event;

use crate::sky::{Sky, in_paused_time};
use crate::traps::count;

/// A stage with two deploys as layout 1 left it: nothing is counted, and no lease remembers anything.
async fn of_layout_one() -> Sky {
    let mut sky = Sky::empty();
    sky.up(&Faults::none()).await.unwrap().unwrap();
    sky.code = "two";
    sky.up(&Faults::none()).await.unwrap().unwrap();
    make_older(&sky).await;
    sky
}

/// Takes away what layout 2 has more.
pub(crate) async fn make_older(sky: &Sky) {
    let (dynamodb, table) = (&sky.others.dynamodb, sky.stage.names().table("stage"));
    for deploy in deploys(sky).await {
        let uncounted = deploy.into_iter().filter(|(name, _)| name != NUMBER).collect();
        dynamodb.put_item().table_name(&table).set_item(Some(uncounted)).send().await.unwrap();
    }
    let lease = layout::lease_key().attributes();
    dynamodb.delete_item().table_name(&table).set_key(Some(lease)).send().await.unwrap();
    dynamodb.put_item().table_name(&table).set_item(Some(layout::layout_item(1))).send().await.unwrap();
}

async fn deploys(sky: &Sky) -> Vec<Item> {
    let query = sky.others.dynamodb.query().table_name(sky.stage.names().table("stage"));
    let query = query.key_condition_expression("pk = :deploys");
    let query = query.expression_attribute_values(":deploys", AttributeValue::S(layout::deploys()));
    query.send().await.unwrap().items.unwrap()
}

async fn layout_of(sky: &Sky) -> u32 {
    let key = Some(layout::layout_key().attributes());
    let item = sky.others.dynamodb.get_item().table_name(sky.stage.names().table("stage")).set_key(key);
    layout::stored_layout(&item.send().await.unwrap().item.unwrap()).unwrap()
}

/// The numbers of the deploys, the newest first.
async fn numbers(sky: &Sky) -> Vec<u64> {
    let shown = deploy::history(&sky.deploying(&Faults::none(), "history"), 10).await.unwrap();
    shown.iter().map(|deploy| deploy.deploy).collect()
}

#[test]
fn a_stage_of_an_earlier_layout_is_migrated_by_up_which_says_so() {
    in_paused_time(async {
        let sky = of_layout_one().await;
        assert_eq!((layout_of(&sky).await, numbers(&sky).await), (1, vec![0, 0]));
        sky.told.lock().unwrap().clear();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let told = sky.told.lock().unwrap().clone();
        let Some(Event::Planned { steps }) = told.iter().find(|event| matches!(event, Event::Planned { .. })) else {
            panic!("it told no plan: {told:?}")
        };
        let records = steps.iter().find(|step| step.id == "records/stage").unwrap();
        let fields: Vec<_> = records.fields.iter().map(|f| (&*f.name, &*f.before, &*f.after)).collect();
        assert_eq!(fields, [("layout", "1", "2")]);
        assert_eq!((layout_of(&sky).await, numbers(&sky).await), (LAYOUT_VERSION, vec![3, 2, 1]));
    });
}

#[test]
fn a_migration_that_is_cut_off_anywhere_is_whole_or_not_begun_and_ended_by_the_same_command() {
    let calls = in_paused_time(async {
        let (sky, faults) = (of_layout_one().await, Faults::none());
        sky.up(&faults).await.unwrap().unwrap();
        faults.calls().len()
    });
    for n in 1..=calls {
        for fault in [Fault::Dead, Fault::AnswerLost] {
            in_paused_time(async {
                let sky = of_layout_one().await;
                let _ = sky.up(&Faults::at(n, fault)).await;
                let halfway = (layout_of(&sky).await, numbers(&sky).await.contains(&0));
                assert!([(1, true), (LAYOUT_VERSION, false)].contains(&halfway), "call {n} {fault}: {halfway:?}");
                sky.up(&Faults::none()).await.unwrap().unwrap();
                assert_eq!(layout_of(&sky).await, LAYOUT_VERSION, "call {n} {fault}");
                let numbers = numbers(&sky).await;
                let counted: Vec<u64> = (1..=numbers.len() as u64).rev().collect();
                assert_eq!(numbers, counted, "call {n} {fault}");
            });
        }
    }
}

#[test]
fn a_stage_of_an_earlier_layout_can_be_taken_down_as_it_is() {
    in_paused_time(async {
        let sky = of_layout_one().await;
        sky.down(&Faults::none()).await.unwrap().unwrap();
        assert!(sky.others.dynamodb.list_tables().send().await.unwrap().table_names.unwrap().is_empty());
    });
}

/// All that the stage's table has.
async fn items(sky: &Sky) -> Vec<Item> {
    let scan = sky.others.dynamodb.scan().table_name(sky.stage.names().table("stage"));
    scan.send().await.unwrap().items.unwrap()
}

#[test]
fn a_stage_of_a_layout_that_is_not_known_is_not_taken_down_and_not_touched() {
    in_paused_time(async {
        let sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let (dynamodb, table) = (&sky.others.dynamodb, sky.stage.names().table("stage"));
        for (version, word) in [(LAYOUT_VERSION + 1, "knows 2 at most"), (0, "knows no way from it")] {
            let item = layout::layout_item(version);
            dynamodb.put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
            let before = items(&sky).await;
            sky.wire.heard();
            let cx = sky.deploying(&Faults::none(), "down");
            let asked = |_: &str| panic!("it asks for what it will not do");
            let refused =
                deploy::down(&cx, DownOptions { delete_data: false, confirm: &asked, asks: false }).await.unwrap_err();
            let why = refused.why.unwrap_or_default();
            assert!(why.contains(&format!("this stage has layout {version}")) && why.contains(word), "{why}");
            assert!(refused.next.iter().any(|next| next.contains("chatctl that made it")), "{:?}", refused.next);
            let heard = sky.wire.heard();
            let writes = ["UpdateItem", "TransactWriteItems", "PutItem", "DELETE ", "Action=Delete"];
            assert!(writes.iter().all(|write| count(&heard, &[write]) == 0), "{heard:?}");
            assert_eq!(items(&sky).await, before);
        }
    });
}
