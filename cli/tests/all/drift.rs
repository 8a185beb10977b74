//! What others did to a cloud before or between our commands, by the SDK: a stranger's resources with names like ours,
//! and changes by hand to a stage that is up.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::ProtocolType;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};
use aws_sdk_iam::types::Tag;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use aws_smithy_types::Blob;
use bytes::Bytes;
use chatctl::aws::Aws;

use crate::sky::{Sky, zip_of};

/// Names that begin like ours, with nobody's tags.
const STRANGER: &str = "chat-dev-nightly";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// A stranger's things: one of each kind that we have.
pub(crate) async fn strangers(sky: &Sky) {
    let aws = &sky.others;
    table(aws).await;
    let queue = aws.sqs.create_queue().queue_name(STRANGER).send().await.unwrap().queue_url.unwrap();
    aws.iam.create_role().role_name(STRANGER).assume_role_policy_document(TRUST).send().await.unwrap();
    elsewhere(aws, &sky.stage.names().tags()).await;
    aws.logs.create_log_group().log_group_name(format!("/aws/lambda/{STRANGER}")).send().await.unwrap();
    aws.ssm.put_parameter().name("/chat/dev/nightly").value("theirs").r#type("String".into()).send().await.unwrap();
    aws.apigateway.create_api().name("chat-dev").protocol_type(ProtocolType::Http).send().await.unwrap();
    let code = FunctionCode::builder().zip_file(Blob::new(Bytes::from(zip_of("nightly")))).build();
    let function = aws.lambda.create_function().function_name(STRANGER).runtime(Runtime::from("provided.al2023"));
    let function = function.handler("bootstrap").role(aws.global_arn("iam", &format!("role/{STRANGER}"))).code(code);
    tokio::time::sleep(Duration::from_secs(30)).await; // until the role is believed
    function.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mapping = aws.lambda.create_event_source_mapping().function_name(STRANGER);
    mapping.event_source_arn(aws.arn("sqs", queue.rsplit('/').next().unwrap())).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
}

/// Roles of the same stage in another region, for roles are global: one as ours are named, one of a function that only
/// another chatctl knows, one whose name was cut.
async fn elsewhere(aws: &Aws, tags: &BTreeMap<String, String>) {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let tags: Vec<Tag> = tags.collect();
    for name in ["store-message-eu-west-1", "translate-eu-west-1", "store-mess-0123456789abcdef"] {
        let role = aws.iam.create_role().role_name(format!("chat-dev-{name}")).assume_role_policy_document(TRUST);
        role.set_tags(Some(tags.clone())).send().await.unwrap();
    }
}

async fn table(aws: &Aws) {
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let table = aws.dynamodb.create_table().table_name(STRANGER).billing_mode(BillingMode::PayPerRequest);
    let table = table.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    table.send().await.unwrap();
}

/// One change by hand of every kind: a setting, a route gone and one too many, a permission, a log group and a queue
/// gone, a role made again under its name, a stream switched off and on.
pub(crate) async fn by_hand(sky: &Sky) {
    let aws = &sky.others;
    let names = sky.stage.names();
    settings(aws, &names.function("store-message")).await;
    routes(aws).await;
    let api_id = our_api(aws).await;
    let permission = aws.lambda.remove_permission().function_name(names.function("serve-page")).qualifier("live");
    permission.statement_id(format!("chatctl-api-{api_id}")).send().await.unwrap();
    aws.logs.delete_log_group().log_group_name(names.log_group("store-message")).send().await.unwrap();
    let dead = aws.sqs.get_queue_url().queue_name(names.dead_letters()).send().await.unwrap().queue_url.unwrap();
    aws.sqs.delete_queue().queue_url(dead).send().await.unwrap();
    remove_role(aws, &names.role("serve-page")).await;
    restart_stream(aws, &names.table("messages")).await;
}

async fn settings(aws: &Aws, function: &str) {
    let environment = Environment::builder().variables("TYPED", "by hand").build();
    let change = aws.lambda.update_function_configuration().function_name(function).memory_size(128);
    change.environment(environment).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let version = aws.lambda.publish_version().function_name(function).send().await.unwrap().version.unwrap();
    aws.lambda.update_alias().function_name(function).name("live").function_version(version).send().await.unwrap();
}

/// The id of the stage's API.
pub(crate) async fn our_api(aws: &Aws) -> String {
    let apis = aws.apigateway.get_apis().send().await.unwrap().items.unwrap();
    let ours = apis.into_iter().find(|api| api.tags.as_ref().is_some_and(|tags| tags.contains_key("chatctl:stage")));
    ours.unwrap().api_id.unwrap()
}

async fn routes(aws: &Aws) {
    let api = our_api(aws).await;
    let routes = aws.apigateway.get_routes().api_id(&api).send().await.unwrap().items.unwrap();
    let messages = routes.into_iter().find(|route| route.route_key.as_deref() == Some("GET /api/messages")).unwrap();
    aws.apigateway.delete_route().api_id(&api).route_id(messages.route_id.unwrap()).send().await.unwrap();
    aws.apigateway.create_route().api_id(&api).route_key("GET /debug").send().await.unwrap();
}

/// Takes a role away, with its policies.
pub(crate) async fn remove_role(aws: &Aws, role: &str) {
    let policies = aws.iam.list_role_policies().role_name(role).send().await.unwrap().policy_names;
    for policy in policies {
        aws.iam.delete_role_policy().role_name(role).policy_name(policy).send().await.unwrap();
    }
    aws.iam.delete_role().role_name(role).send().await.unwrap();
}

/// Switches a stream off and on: it has another ARN then.
pub(crate) async fn restart_stream(aws: &Aws, table: &str) {
    for view in [None, Some(StreamViewType::NewImage)] {
        let stream = StreamSpecification::builder().stream_enabled(view.is_some()).set_stream_view_type(view);
        let update = aws.dynamodb.update_table().table_name(table).stream_specification(stream.build().unwrap());
        update.send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}
