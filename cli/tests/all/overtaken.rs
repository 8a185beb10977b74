//! A plan between which and its lease another deploy came: it is not carried out, but made anew. Clocks that differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use chat_aws::layout;
use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, Deploying, DownOptions, RollbackOptions, UpOptions, UpOutcome};
use chatctl::event::Event;
use chatctl::failure::{Exit, Failure};

use crate::sky::{Ended, Sky, in_paused_time};
use crate::traps::{count, standing};

/// Runs a test in real time, where a question can be answered by another deploy.
fn in_real_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap().block_on(test)
}

/// Somebody else at the same stage, with this code.
fn other(sky: &Sky, code: &'static str) -> Sky {
    let (cloud, stage, others) = (sky.cloud.clone(), sky.stage.clone(), sky.others.clone());
    let (told, wire) = (Arc::default(), Arc::default());
    Sky { cloud, stage, others, code, told, wire, ..Sky::empty() }
}

/// An `up` that asks; while its first question waits for an answer, this is done.
async fn up_while(sky: &Sky, meanwhile: impl AsyncFn() + Sync, answer: fn(u32) -> bool) -> (Ended<UpOutcome>, u32) {
    let asked = AtomicU32::new(0);
    let confirm = |_: &str| {
        let question = asked.fetch_add(1, Ordering::Relaxed) + 1;
        if question == 1 {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(meanwhile()));
        }
        if answer(question) { Ok(()) } else { Err(Failure::failed("nothing was changed").why("it said no")) }
    };
    let cx = sky.deploying(&Faults::none(), "up");
    let ended = deploy::up(&cx, UpOptions { prove: false, confirm: &confirm, asks: true }).await;
    (ended, asked.load(Ordering::Relaxed))
}

fn warned(sky: &Sky) -> usize {
    let said = |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("has come between"));
    sky.told.lock().unwrap().iter().filter(|event| said(event)).count()
}

/// The numbers of the deploys, the newest first.
async fn numbers(sky: &Sky) -> Vec<u64> {
    let shown = deploy::history(&sky.deploying(&Faults::none(), "history"), 10).await.unwrap();
    shown.iter().map(|deploy| deploy.deploy).collect()
}

/// The digest of the code that is live.
async fn live(sky: &Sky) -> String {
    let function = sky.others.lambda.get_function_configuration().function_name("chat-dev-store-message");
    function.qualifier("live").send().await.unwrap().code_sha256.unwrap()
}

#[test]
fn of_two_first_deploys_the_slower_one_is_asked_again_with_what_is_left_to_do() {
    in_real_time(async {
        let sky = Sky::empty();
        let faster = other(&sky, "two");
        let (ended, asked) = up_while(&sky, async || drop(faster.up(&Faults::none()).await), |_| true).await;
        assert_eq!((ended.unwrap().changed, asked, warned(&sky)), (6, 2, 1), "the code alone");
        assert_eq!(numbers(&sky).await, [2, 1]);
    });
}

#[test]
fn a_deploy_that_came_while_a_question_was_open_is_not_undone_by_the_old_plan() {
    in_real_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        sky.code = "two";
        let faster = other(&sky, "three");
        let meanwhile = async || drop(faster.up(&Faults::none()).await);
        let (ended, asked) = up_while(&sky, meanwhile, |question| question == 1).await;
        assert_eq!((ended.unwrap_err().error.as_str(), asked), ("nothing was changed", 2));
        let theirs = live(&sky).await;
        assert_eq!(numbers(&sky).await, [2, 1]);
        let (ended, asked) = up_while(&sky, async || {}, |_| true).await;
        assert_eq!((ended.unwrap().changed, asked, warned(&sky)), (6, 1, 1));
        assert_ne!(live(&sky).await, theirs);
    });
}

#[test]
fn a_stage_that_was_taken_down_while_a_question_was_open_is_planned_anew() {
    in_real_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        sky.code = "two";
        let faster = other(&sky, "two");
        let meanwhile = async || {
            let cx = faster.deploying(&Faults::none(), "down");
            drop(
                deploy::down(&cx, DownOptions { delete_data: false, confirm: &|_| Ok(()), asks: false }).await.unwrap(),
            );
        };
        let (ended, asked) = up_while(&sky, meanwhile, |_| true).await;
        assert_eq!((asked, warned(&sky)), (2, 1));
        assert!(ended.unwrap().changed > 20, "all but the data");
    });
}

/// A `down` with its data; while its first question waits for an answer, this is done.
async fn down_while(sky: &Sky, meanwhile: impl AsyncFn() + Sync) -> u32 {
    let asked = AtomicU32::new(0);
    let confirm = |_: &str| {
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(meanwhile()));
        }
        Ok(())
    };
    let options = DownOptions { delete_data: true, confirm: &confirm, asks: false };
    deploy::down(&sky.deploying(&Faults::none(), "down"), options).await.unwrap();
    asked.load(Ordering::Relaxed)
}

#[test]
fn a_down_that_was_overtaken_by_an_up_is_asked_again() {
    in_real_time(async {
        let sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let faster = other(&sky, "two");
        let meanwhile = async || drop(faster.up(&Faults::none()).await);
        assert_eq!((down_while(&sky, meanwhile).await, warned(&sky)), (2, 1));
    });
}

#[test]
fn a_down_that_was_overtaken_by_another_finds_nothing_left_to_do() {
    in_real_time(async {
        let sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let faster = other(&sky, "one");
        let meanwhile = async || drop(faster.down(&Faults::none()).await);
        assert_eq!((down_while(&sky, meanwhile).await, warned(&sky)), (1, 1));
    });
}

#[test]
fn a_rollback_that_was_overtaken_is_refused() {
    in_real_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        sky.code = "two";
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let faster = other(&sky, "three");
        let confirm = |_: &str| {
            let up = async { drop(faster.up(&Faults::none()).await) };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(up));
            Ok(())
        };
        let cx = sky.deploying(&Faults::none(), "rollback 1");
        let refused =
            deploy::rollback(&cx, RollbackOptions { to: Some(1), prove: false, confirm: &confirm, asks: false }).await;
        assert_eq!(refused.unwrap_err().error, "another deploy has come between");
        assert_eq!(numbers(&sky).await, [3, 2, 1]);
    });
}

#[test]
fn an_update_of_the_stage_table_waits_for_the_lease_like_any_other() {
    in_paused_time(async {
        let sky = standing().await;
        let (dynamodb, table) = (&sky.others.dynamodb, sky.stage.names().table("stage"));
        let off = dynamodb.update_table().table_name(&table).deletion_protection_enabled(false);
        off.send().await.unwrap();
        held_elsewhere(&sky).await;
        sky.wire.heard();
        let cx = sky.deploying(&Faults::none(), "up");
        let options = UpOptions { prove: false, confirm: &|_| Ok(()), asks: true };
        let refused = deploy::up(&cx, options).await.unwrap_err();
        assert_eq!(refused.exit, Exit::Held, "{refused:?}");
        assert_eq!(count(&sky.wire.heard(), &["UpdateTable"]), 0);
    });
}

/// Somebody on another computer holds the lease, and has just renewed it.
async fn held_elsewhere(sky: &Sky) {
    let now = sky.cloud.now_ms();
    let holder = serde_json::json!({
        "id": "theirs", "host": "ci", "machine": "m9", "boot": "b9", "space": "s9", "pid": 7, "started": 7,
        "command": "chatctl up", "since_ms": now, "renewed_ms": now,
    });
    let mut item = layout::lease_key().attributes();
    item.insert("id".into(), AttributeValue::S("theirs".into()));
    item.insert("holder".into(), AttributeValue::S(holder.to_string()));
    item.insert("renewed_ms".into(), AttributeValue::N(now.to_string()));
    let put = sky.others.dynamodb.put_item().table_name(sky.stage.names().table("stage")).set_item(Some(item));
    put.send().await.unwrap();
}

#[test]
fn a_deploy_on_a_computer_whose_clock_is_an_hour_behind_is_the_newest_all_the_same() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        for code in ["one", "two"] {
            sky.code = code;
            sky.up(&Faults::none()).await.unwrap().unwrap();
        }
        sky.code = "three";
        let (cloud, cx) = (sky.cloud.clone(), sky.deploying(&Faults::none(), "up"));
        let now = Arc::new(move || (cloud.now_ms() - 3_600_000) * 1000);
        let (_, never) = tokio::sync::watch::channel(false);
        let mut behind =
            Deploying::new(sky.others.clone(), sky.stage.clone(), String::new(), Arc::new(|_| ()), now, never);
        behind.packages = cx.packages;
        let options = UpOptions { prove: false, confirm: &|_| Ok(()), asks: false };
        deploy::up(&behind, options).await.unwrap();
        assert_eq!(numbers(&sky).await, [3, 2, 1]);
    });
}
