//! Whose a thing is (A12): what has a name of ours and is a stranger's is refused and left as it is, whether it was there
//! before the plan or came between the plan and its turn; what another run of ours made meanwhile is adopted and put
//! right. Mappings, routes and permissions have no tags: they are those of our function, and of our API (A24).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_lambda::types::FunctionCode;
use chat::room::OperatorKey;
use chatctl::aws::Aws;
use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, UpOptions, UpOutcome};
use chatctl::stage::Stage;
use localcloud::Weather;
use serde_json::json;

use crate::answers::first;
use crate::sky::{Ended, Sky, in_paused_time, zip_of};
use crate::traps::{down, mapping, standing, up};
use crate::{drift, likeness};

/// The kinds whose things carry the stage's tags.
const KINDS: [&str; 7] = ["table", "queue", "role", "function", "log group", "parameter", "stack"];
/// Whoever takes this one is nobody.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;
const TEMPLATE: &str = "Resources: {Late: {Type: 'AWS::CloudWatch::Alarm', Properties: {AlarmName: theirs, \
                        Namespace: n, MetricName: m, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 1, \
                        ComparisonOperator: LessThanThreshold}}}";

type Tags = BTreeMap<String, String>;

/// Makes one of a kind by a name of ours, with these tags and with settings that are not ours.
async fn make(aws: &Aws, stage: &Stage, kind: &str, tags: &Tags) {
    let (names, map) = (stage.names(), tags.clone().into_iter().collect::<HashMap<_, _>>());
    match kind {
        "table" => table(aws, &names.table("clients"), tags).await,
        "queue" => drop(aws.sqs.create_queue().queue_name(names.queue()).set_tags(Some(map)).send().await.unwrap()),
        "role" => role(aws, &names.role("store-message"), tags).await,
        "function" => {
            role(aws, "somebodys", &Tags::new()).await;
            let code = FunctionCode::builder().zip_file(zip_of("theirs").into()).build();
            let made = aws.lambda.create_function().function_name(names.function("serve-page")).code(code);
            let made = made.runtime("provided.al2023".into()).handler("bootstrap").memory_size(512);
            let made = made.role(aws.global_arn("iam", "role/somebodys")).set_tags(Some(map));
            made.send().await.unwrap();
        }
        "log group" => {
            let group = aws.logs.create_log_group().log_group_name(names.log_group("store-message"));
            group.set_tags(Some(map)).send().await.unwrap();
        }
        "parameter" => {
            let tag = |(key, value)| aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap();
            let secret = aws.ssm.put_parameter().name(names.parameter("room-key")).r#type("SecureString".into());
            let secret = secret.value(OperatorKey::generate().to_base64());
            secret.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
        }
        _ => {
            let tag = |(key, value)| aws_sdk_cloudformation::types::Tag::builder().key(key).value(value).build();
            let stack = aws.cloudformation.create_stack().stack_name(names.stack("operations"));
            let stack = stack.template_body(TEMPLATE).set_tags(Some(tags.iter().map(tag).collect()));
            stack.send().await.unwrap();
        }
    }
}

async fn role(aws: &Aws, name: &str, tags: &Tags) {
    let tag = |(key, value)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    let role = aws.iam.create_role().role_name(name).assume_role_policy_document(TRUST);
    role.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
}

async fn table(aws: &Aws, name: &str, tags: &Tags) {
    let mut table = aws.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(key).key_type(kind);
        table = table.attribute_definitions(attribute.build().unwrap()).key_schema(element.build().unwrap());
    }
    for (key, value) in tags {
        table = table.tags(aws_sdk_dynamodb::types::Tag::builder().key(key).value(value).build().unwrap());
    }
    table.deletion_protection_enabled(true).send().await.unwrap();
}

/// The table of the lease is made first, and takes so long: what is made meanwhile is in no plan.
fn weather() -> Weather {
    let long = Duration::from_secs(20);
    Weather { tables: long..=long, ..Weather::fair() }
}

/// `up`, while somebody makes one of a kind between the plan and its turn; how the `up` ended.
async fn up_against(sky: &Sky, kind: &'static str, tags: &Tags) -> Ended<UpOutcome> {
    sky.cloud.turn(weather());
    let (aws, stage) = (sky.others.clone(), sky.stage.clone());
    let confirm = |_: &str| {
        let (aws, stage, tags) = (aws.clone(), stage.clone(), tags.clone());
        tokio::spawn(async move { make(&aws, &stage, kind, &tags).await });
        Ok(())
    };
    deploy::up(&sky.deploying(&Faults::none(), "up"), UpOptions { prove: false, confirm: &confirm, asks: true }).await
}

#[test]
fn a12_what_a_stranger_makes_between_the_plan_and_its_turn_is_refused_and_left_as_it_is() {
    for kind in KINDS {
        in_paused_time(async {
            let (sky, alone) = (Sky::empty(), Sky::empty());
            alone.cloud.turn(weather());
            make(&alone.others, &alone.stage, kind, &Tags::new()).await;
            let theirs = likeness::of(&alone.cloud).await;
            let why = up_against(&sky, kind, &Tags::new()).await.unwrap_err().why.unwrap_or_default();
            let said = why.contains(&format!("{kind} ")) && why.contains("is there already and is not this stage's");
            assert!(said, "{kind}: {why}");
            let world = likeness::of(&sky.cloud).await;
            for line in theirs {
                assert!(world.contains(&line), "{kind}: {}", likeness::difference(&world, &[line]));
            }
        });
    }
}

#[test]
fn a12_what_a_stranger_has_of_any_kind_is_refused_by_the_plan_and_nothing_is_changed() {
    for kind in KINDS {
        in_paused_time(async {
            let sky = Sky::empty();
            make(&sky.others, &sky.stage, kind, &Tags::new()).await;
            let before = likeness::of(&sky.cloud).await;
            let refused = sky.up(&Faults::none()).await.unwrap().unwrap_err();
            let why = refused.why.clone().unwrap_or_default();
            let said = why.contains(&format!("{kind} ")) && why.contains("is there already and is not this stage's");
            assert!(said, "{kind}: {why}");
            let next = refused.next.join("; ");
            assert!(next.contains("choose another project or stage name"), "{kind}: {next}");
            likeness::assert_alike(&likeness::of(&sky.cloud).await, &before, kind);
        });
    }
}

/// A world but for the administrator's policies, which have ids that are drawn.
async fn world(sky: &Sky) -> Vec<String> {
    let mut world = likeness::of(&sky.cloud).await;
    world.retain(|line| !line.contains("\"kind\":\"iam-policy\""));
    world
}

#[test]
fn a12_what_another_run_of_ours_makes_between_the_plan_and_its_turn_is_adopted_and_put_right() {
    // A stack that is there is left to the next plan: nothing waits for it.
    for kind in KINDS.into_iter().filter(|kind| *kind != "stack") {
        in_paused_time(async {
            let (sky, undisturbed) = (Sky::empty(), Sky::empty());
            for one in [&sky, &undisturbed] {
                // With the boundary that a role is to carry (A35).
                deploy::bootstrap(&one.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
            }
            undisturbed.up(&Faults::none()).await.unwrap().unwrap();
            let should = world(&undisturbed).await;
            let ended = up_against(&sky, kind, &sky.stage.names().tags()).await;
            ended.unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
            if kind == "function" {
                drift::remove_role(&sky.others, "somebodys").await;
            }
            likeness::assert_alike(&world(&sky).await, &should, kind);
        });
    }
}

/// A12, A14: what begins like our names is listed, and only what carries our tags is ours.
#[test]
fn a12_what_strangers_have_by_names_that_begin_like_ours_outlives_an_up_and_a_down() {
    in_paused_time(async {
        let sky = Sky::empty();
        drift::strangers(&sky).await;
        let before = likeness::of(&sky.cloud).await;
        up(&sky).await;
        down(&sky).await;
        likeness::assert_alike(&likeness::of(&sky.cloud).await, &before, "the strangers' world");
    });
}

/// Whose it is matters although nothing would be set.
#[test]
fn a12_a_strangers_log_group_that_has_our_retention_is_not_deleted() {
    in_paused_time(async {
        let sky = Sky::empty();
        let name = sky.stage.names().log_group("store-message");
        make(&sky.others, &sky.stage, "log group", &Tags::new()).await;
        let keep = sky.others.logs.put_retention_policy().log_group_name(&name).retention_in_days(14);
        keep.send().await.unwrap();
        let why = sky.down(&Faults::none()).await.unwrap().unwrap_err().why.unwrap_or_default();
        assert!(why.contains("log group ") && why.contains("is not this stage's"), "{why}");
        let left = sky.others.logs.describe_log_groups().send().await.unwrap().log_groups.unwrap();
        assert_eq!(left[0].log_group_name(), Some(&*name));
    });
}

#[test]
fn a12_a_strangers_stack_of_the_bootstraps_name_is_refused_and_left_as_it_is() {
    in_paused_time(async {
        let sky = Sky::empty();
        let name = sky.stage.names().stack("bootstrap");
        sky.others.cloudformation.create_stack().stack_name(&name).template_body(TEMPLATE).send().await.unwrap();
        let before = likeness::of(&sky.cloud).await;
        let cx = sky.deploying(&Faults::none(), "bootstrap");
        let refused = deploy::bootstrap(&cx, &|_| Ok(())).await.unwrap_err();
        assert!(refused.error.contains("is there already and is not this stage's"), "{refused:?}");
        likeness::assert_alike(&likeness::of(&sky.cloud).await, &before, "the stranger's stack");
    });
}

#[test]
fn a12_a_mapping_that_the_list_did_not_show_yet_is_adopted_and_put_right() {
    in_paused_time(async {
        let sky = standing().await;
        let should = mapping(&sky, "forward-messages").await;
        let change = sky.others.lambda.update_event_source_mapping().uuid(should.uuid().unwrap());
        change.batch_size(7).send().await.unwrap();
        let none = (200, json!({ "EventSourceMappings": [] }).to_string());
        sky.wire.answers(first(1, &["GET", "/event-source-mappings"], none));
        up(&sky).await;
        let is = mapping(&sky, "forward-messages").await;
        assert_eq!((is.uuid(), is.batch_size()), (should.uuid(), should.batch_size()));
    });
}
