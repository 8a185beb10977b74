//! `kill -9` of `chatctl` itself at random moments of a first `up`: the same command goes on from there, and what then
//! stands is what an undisturbed run makes, once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chatctl::aws::faults::{Call, Fault, Faults};

use crate::seed::Seed;
use crate::sky::{Sky, in_paused_time};
use crate::world::{World, events, one};

/// Clouds, each of which is started by an `up` that is killed.
const CLOUDS: u64 = 6;
/// Stages of each, with a killed first `up` each.
const STAGES: u64 = 10;
/// The first `up` of all, from which the span of moments is taken, may take longer: it is the one that builds.
const SPAN: Duration = Duration::from_millis(900);

/// Runs the tool for one stage, and wants this exit code.
fn ends(world: &World, stage: &str, arguments: &[&str], code: i32) -> Vec<serde_json::Value> {
    let out = world.run([&["--stage", stage], arguments].concat());
    let told = events(&out);
    assert_eq!(out.status.code(), Some(code), "{stage} {arguments:?}: {told:#?}");
    told
}

/// An `up` that is killed after this long; whether it still ran then.
fn cut(world: &World, stage: &str, after: Duration) -> bool {
    let mut up = world.chatctl();
    up.args(["--json", "--stage", stage, "up", "--no-proof"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut up = up.spawn().unwrap();
    std::thread::sleep(after);
    let ran = up.try_wait().unwrap().is_none();
    up.kill().unwrap();
    up.wait().unwrap();
    ran
}

/// The deploys that are written down.
async fn written(sky: &Sky) -> usize {
    let table = sky.stage.names().table("stage");
    let deploys = sky.others.dynamodb.query().table_name(table).key_condition_expression("pk = :pk");
    let pk = aws_sdk_dynamodb::types::AttributeValue::S("deploys".into());
    deploys.expression_attribute_values(":pk", pk).send().await.unwrap().count() as usize
}

#[test]
fn an_up_that_dies_before_it_is_written_down_is_written_down_by_the_next() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        sky.code = "two";
        let writes = |call: &Call| call.to_string() == "dynamodb TransactWriteItems";
        let counted = Faults::none();
        sky.up(&counted).await.unwrap().unwrap();
        let record = counted.calls().iter().position(writes).unwrap() + 1;
        sky.code = "three";
        assert!(sky.up(&Faults::at(record, Fault::Dead)).await.is_none());
        assert_eq!(written(&sky).await, 2, "code is live that no deploy tells of");
        sky.up(&Faults::none()).await.unwrap().unwrap();
        assert_eq!(written(&sky).await, 3);
        sky.up(&Faults::none()).await.unwrap().unwrap();
        assert_eq!(written(&sky).await, 3, "nothing to change, nothing to write");
    });
}

#[test]
fn sixty_kills_of_a_first_up_are_each_put_right_by_the_same_command() {
    let mut random = Seed::said();
    let mut span = SPAN;
    let mut cuts = 0;
    for cloud in 0..CLOUDS {
        let world = World::empty();
        for number in 0..STAGES {
            let stage = format!("cut-{cloud}-{number}");
            let after = Duration::from_micros(random.below(u64::try_from(span.as_micros()).unwrap()));
            let ran = cut(&world, &stage, after);
            cuts += u64::from(ran);

            let began = Instant::now();
            let told = ends(&world, &stage, &["up", "--no-proof"], 0);
            // What is spread over the whole of an up meets all of it, on whatever computer.
            span = if number == 0 { span } else { (span + began.elapsed()) / 2 };
            let deployed = one(&told, "deployed");
            assert!(deployed["page"].as_str().unwrap().contains("/#"), "{stage} after {after:?}: {deployed}");
            let kept = ends(&world, &stage, &["plan", "--detailed-exitcode"], 0);
            let steps = one(&kept, "forecast")["steps"].as_array().unwrap();
            assert_eq!(steps.len(), 35, "{stage} after {after:?}: nothing is missing, doubled or too much");
            let gone = ends(&world, &stage, &["down", "--yes", &format!("--delete-data={stage}")], 0);
            let kinds = one(&gone, "certificate")["kinds"].as_array().unwrap();
            let nothing = |kind: &serde_json::Value| kind["left"].as_array().is_some_and(Vec::is_empty);
            assert!(kinds.iter().all(nothing), "{stage} after {after:?}: {kinds:#?}");
        }
    }
    assert!(cuts > CLOUDS * STAGES / 2, "{cuts} of {} were still at work when they were killed", CLOUDS * STAGES);
}
