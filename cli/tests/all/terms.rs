//! More rows that no weather brings: how often a service is asked, what is deployed with which bounds, and what is allowed.
//! Named by their rows.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::ProtocolType;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::types::RecursiveLoop;
use aws_sdk_sqs::types::QueueAttributeName;
use chat_aws::routes::Function;
use chatctl::aws::faults::Faults;
use chatctl::deploy;
use chatctl::event::Event;
use chatctl::operate::logs;
use serde_json::{Value, json};

use crate::drift;
use crate::sky::{Sky, in_paused_time};
use crate::traps::{count, mapping, standing, tags, up};

#[test]
fn a20_both_sources_name_their_failures_and_have_a_bound_and_a_place_for_what_failed() {
    in_paused_time(async {
        let sky = standing().await;
        let (aws, names) = (&sky.others, sky.stage.names());
        let (stream, queue) = (mapping(&sky, "forward-messages").await, mapping(&sky, "notify-clients").await);
        for mapping in [&stream, &queue] {
            assert_eq!(mapping.function_response_types()[0].as_str(), "ReportBatchItemFailures");
        }
        let dead = aws.arn("sqs", &names.dead_letters());
        assert_eq!(stream.bisect_batch_on_function_error, Some(true));
        assert_eq!(stream.maximum_retry_attempts, Some(5));
        assert_eq!(stream.maximum_record_age_in_seconds, Some(12 * 3600));
        assert_eq!(stream.destination_config().unwrap().on_failure().unwrap().destination(), Some(&*dead));
        let url = aws.sqs.get_queue_url().queue_name(names.queue()).send().await.unwrap().queue_url.unwrap();
        let redrive = aws.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::RedrivePolicy);
        let redrive = redrive.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::RedrivePolicy].clone();
        assert!(redrive.contains(&dead) && redrive.contains('5'), "{redrive}");
    });
}

/// A33
#[test]
fn a33_a_queues_function_is_bounded_by_its_mapping_and_never_by_reserved_concurrency() {
    in_paused_time(async {
        let sky = Sky::empty();
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["PUT", "/concurrency"]), 0);
        let scaling = mapping(&sky, "notify-clients").await.scaling_config.unwrap();
        // Of the ten invocations of a new account (A17) some are left for the page.
        assert!((2..10).contains(&scaling.maximum_concurrency.unwrap()), "{scaling:?}");
    });
}

/// The versions of a function, `$LATEST` among them.
async fn versions(sky: &Sky, function: &str) -> Vec<String> {
    let list = sky.others.lambda.list_versions_by_function().function_name(sky.stage.names().function(function));
    list.send().await.unwrap().versions.unwrap().into_iter().map(|version| version.version.unwrap()).collect()
}

#[test]
fn a23_nothing_is_published_and_no_code_is_sent_where_nothing_changed() {
    in_paused_time(async {
        let sky = standing().await;
        let before = versions(&sky, "store-message").await;
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["POST", "/versions"]) + count(&heard, &["PUT", "/code"]), 0);
        // Without its alias it must be looked at again; code and settings are the same.
        let function = sky.stage.names().function("store-message");
        sky.others.lambda.delete_alias().function_name(function).name("live").send().await.unwrap();
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["PUT", "/code"]), 0);
        assert_eq!(versions(&sky, "store-message").await, before);
    });
}

#[test]
fn a24_an_api_is_found_by_its_tags_whatever_its_name_and_another_of_its_name_is_left_alone() {
    in_paused_time(async {
        let sky = Sky::empty();
        let aws = &sky.others;
        let create =
            |tags| aws.apigateway.create_api().name("chat-dev").protocol_type(ProtocolType::Http).set_tags(tags);
        let stranger = create(None).send().await.unwrap().api_id.unwrap();
        up(&sky).await;
        let ours = drift::our_api(aws).await;
        assert_ne!(ours, stranger);
        assert!(
            aws.apigateway.get_routes().api_id(&stranger).send().await.unwrap().items.unwrap_or_default().is_empty()
        );
        aws.apigateway.update_api().api_id(&ours).name("renamed").send().await.unwrap();
        up(&sky).await;
        let named = aws.apigateway.get_api().api_id(&ours).send().await.unwrap().name.unwrap();
        assert_eq!(named, "chat-dev");
        create(Some(tags(&sky))).send().await.unwrap();
        let failed = sky.up(&Faults::none()).await.unwrap().unwrap_err();
        assert!(format!("{failed:?}").contains("two APIs carry this stage's tags"), "{failed:?}");
    });
}

#[test]
fn a25_the_notifier_is_deployed_as_one_that_may_loop() {
    in_paused_time(async {
        let sky = standing().await;
        let name = sky.stage.names().function("notify-clients");
        let asked = async || {
            let asked = sky.others.lambda.get_function_recursion_config().function_name(&name).send().await;
            asked.unwrap().recursive_loop
        };
        assert_eq!(asked().await, Some(RecursiveLoop::Allow));
        let stop = sky.others.lambda.put_function_recursion_config().function_name(&name);
        stop.recursive_loop(RecursiveLoop::Terminate).send().await.unwrap();
        up(&sky).await;
        assert_eq!(asked().await, Some(RecursiveLoop::Allow));
    });
}

#[test]
fn a28_a_secret_gets_its_tags_when_it_is_made_and_is_never_written_again() {
    in_paused_time(async {
        let sky = Sky::empty();
        let made = up(&sky).await;
        assert_eq!(count(&made, &["PutParameter", "\"Tags\":", "\"Overwrite\":false"]), 2);
        assert_eq!(count(&made, &["PutParameter"]), 2);
        let (aws, name) = (&sky.others, sky.stage.names().parameter("vapid-key"));
        let untag = aws.ssm.remove_tags_from_resource().resource_type("Parameter".into()).resource_id(&name);
        untag.tag_keys("chatctl:public").send().await.unwrap();
        let heard = up(&sky).await;
        assert_eq!((count(&heard, &["AddTagsToResource"]), count(&heard, &["PutParameter"])), (1, 0));
    });
}

#[test]
fn a29_an_api_has_its_default_stage_and_no_other() {
    in_paused_time(async {
        let sky = standing().await;
        let api = drift::our_api(&sky.others).await;
        let stages = sky.others.apigateway.get_stages().api_id(&api).send().await.unwrap().items.unwrap();
        let stages: Vec<_> = stages.iter().map(|stage| (stage.stage_name(), stage.auto_deploy)).collect();
        assert_eq!(stages, [(Some("$default"), Some(true))]);
    });
}

/// Writes into the history that the stage's only deploy was proved.
async fn proved(sky: &Sky) {
    let table = sky.stage.names().table("stage");
    let deploys = sky.others.dynamodb.query().table_name(&table).key_condition_expression("pk = :deploys");
    let deploys = deploys.expression_attribute_values(":deploys", AttributeValue::S(chat_aws::layout::deploys()));
    let mut item = deploys.send().await.unwrap().items.unwrap().pop().unwrap();
    item.insert("proof".to_owned(), AttributeValue::S("proved".to_owned()));
    sky.others.dynamodb.put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
}

#[test]
fn a31_the_permission_is_the_aliass_and_old_versions_are_kept_to_a_bound() {
    in_paused_time(async {
        let mut sky = standing().await;
        let (lambda, function) = (sky.others.lambda.clone(), sky.stage.names().function("store-message"));
        assert!(lambda.get_policy().function_name(&function).qualifier("live").send().await.is_ok());
        assert!(lambda.get_policy().function_name(&function).send().await.is_err(), "the function itself has none");
        proved(&sky).await;
        for code in ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"]
        {
            sky.code = code;
            up(&sky).await;
        }
        // Somebody else's alias keeps what it stands before.
        let pinned = lambda.create_alias().function_name(&function).name("pinned").function_version("3");
        pinned.send().await.unwrap();
        sky.code = "20";
        let heard = up(&sky).await;
        let last = |words: &[&str]| heard.iter().rposition(|one| words.iter().all(|word| one.text.contains(word)));
        assert!(last(&["DELETE", "Qualifier="]).unwrap() < last(&["REMOVE #id"]).unwrap(), "under the lease");
        let kept: Vec<u64> = versions(&sky, "store-message").await.iter().filter_map(|one| one.parse().ok()).collect();
        let last = (1..=chatctl::stack::KEPT_VERSIONS).map(|n| 10 + n);
        let should: Vec<u64> = [1, 3].into_iter().chain(last).collect();
        assert_eq!(kept, should, "1 is of the last proved deploy");
    });
}

/// A line in a function's log.
async fn log(sky: &Sky, at_ms: i64, text: &str) {
    let group = sky.stage.names().log_group("store-message");
    // There already, after the first line.
    let _ = sky.others.logs.create_log_stream().log_group_name(&group).log_stream_name("s").send().await;
    let line = InputLogEvent::builder().timestamp(at_ms).message(text).build().unwrap();
    let put = sky.others.logs.put_log_events().log_group_name(group).log_stream_name("s").log_events(line);
    put.send().await.unwrap();
}

#[test]
fn a34_logs_are_followed_at_a_pace_and_a_line_that_comes_late_is_told_once() {
    in_paused_time(async {
        let sky = standing().await;
        let began = sky.cloud.now_ms();
        let wanted =
            logs::Wanted { functions: Function::ALL.to_vec(), since_ms: began - 60_000, filter: None, all: false };
        let told = sky.told.clone();
        told.lock().unwrap().clear();
        let tell: chatctl::event::Tell = Arc::new(move |event| told.lock().unwrap().push(event));
        sky.wire.heard();
        let others = async {
            log(&sky, began, "first").await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            // Written before the first one, and there after it.
            log(&sky, began - 5_000, "late").await;
            tokio::time::sleep(Duration::from_secs(20)).await;
        };
        tokio::select! {
            ended = logs::read(&sky.others, &sky.stage, &wanted, true, &tell) => panic!("{:?}", ended.err()),
            () = others => {}
        }
        let asked = count(&sky.wire.heard(), &["FilterLogEvents"]);
        assert!((6..=5 * 30).contains(&asked), "{asked} calls in 30 s");
        let told = sky.told.lock().unwrap();
        let lines = told.iter().filter_map(|event| match event {
            Event::LogLine(line) => Some(line.text.as_str()),
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), ["first", "late"]);
    });
}

/// A text without its percent signs.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        text + &char::from(u8::from_str_radix(&part[..2], 16).unwrap()).to_string() + &part[2..]
    })
}

/// A policy's document in the version that counts.
pub(crate) async fn document(sky: &Sky, arn: &str) -> Vec<Value> {
    let policy = sky.others.iam.get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap();
    let version = sky.others.iam.get_policy_version().policy_arn(arn).version_id(policy.default_version_id.unwrap());
    statements(&version.send().await.unwrap().policy_version.unwrap().document.unwrap())
}

/// The statements of a document as IAM answers it.
pub(crate) fn statements(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&decoded(text)).unwrap();
    document["Statement"].as_array().unwrap().clone()
}

/// The calls that a statement allows.
pub(crate) fn allowed(statement: &Value) -> Vec<&str> {
    match &statement["Action"] {
        Value::Array(calls) => calls.iter().map(|call| call.as_str().unwrap()).collect(),
        call => vec![call.as_str().unwrap()],
    }
}

#[test]
fn a35_a_deployer_makes_and_passes_the_stages_roles_alone_and_only_within_the_boundary() {
    in_paused_time(async {
        let sky = Sky::empty();
        let made = deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
        // An administrator's own role may be called alike, and has no boundary.
        let alike = "arn:aws:iam::000000000000:role/chat-dev-*";
        let roles = Function::ALL.map(|function| {
            json!(format!("arn:aws:iam::000000000000:role/{}", sky.stage.names().role(function.name())))
        });
        let mut given = Vec::new();
        for statement in document(&sky, &made.policy).await {
            for call in allowed(&statement) {
                let (on, condition) = (&statement["Resource"], &statement["Condition"]);
                assert!(!call.contains('*'), "{call}");
                match call {
                    "iam:PassRole" | "iam:UpdateAssumeRolePolicy" | "iam:TagRole" => {
                        given.push(call.to_owned());
                        let to = &condition["StringEqualsIfExists"]["iam:PassedToService"];
                        assert_eq!((on, to), (&json!(roles), &json!("lambda.amazonaws.com")), "{call}");
                    }
                    "iam:CreateRole" | "iam:PutRolePolicy" | "iam:PutRolePermissionsBoundary" => {
                        let within = &condition["StringEquals"]["iam:PermissionsBoundary"];
                        assert_eq!((on, within), (&json!(alike), &json!(made.boundary)), "{call}");
                    }
                    // A role of before the boundary must go too.
                    "iam:DeleteRolePolicy" | "iam:DeleteRole" => {
                        assert_eq!((on, condition), (&json!([alike, made.boundary]), &Value::Null), "{call}");
                    }
                    "iam:AttachRolePolicy"
                    | "iam:DeleteRolePermissionsBoundary"
                    | "iam:CreatePolicyVersion"
                    | "iam:CreatePolicy"
                    | "iam:SetDefaultPolicyVersion" => panic!("{call} makes an administrator"),
                    _ => {}
                }
            }
        }
        assert_eq!(given, ["iam:PassRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy"]);
        for statement in document(&sky, &made.boundary).await {
            let calls = allowed(&statement);
            // A11: nor may any function ever make a log group.
            assert!(calls.iter().all(|call| !call.starts_with("iam:") && *call != "logs:CreateLogGroup"), "{calls:?}");
        }
        up(&sky).await;
        for function in Function::ALL {
            let role = sky.others.iam.get_role().role_name(sky.stage.names().role(function.name()));
            let boundary = role.send().await.unwrap().role.unwrap().permissions_boundary.unwrap();
            assert_eq!(boundary.permissions_boundary_arn, Some(made.boundary.clone()));
        }
    });
}
