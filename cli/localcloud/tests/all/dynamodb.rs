//! DynamoDB and its streams by the SDK, and by the wire where the SDK has no crate here.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, Put, ScalarAttributeType, StreamSpecification, StreamViewType, Tag, TransactWriteItem,
};
use serde_json::{Value, json};

use crate::cloud::TestCloud;

async fn table(client: &Client, name: &str) -> aws_sdk_dynamodb::types::TableDescription {
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()
                .unwrap(),
        )
        .tags(Tag::builder().key("owner").value("test").build().unwrap())
        .send()
        .await
        .unwrap()
        .table_description
        .unwrap()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_has_the_clouds_arns_its_tags_and_what_was_put() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let made = table(&client, "test-messages").await;
    let arn = made.table_arn.unwrap();
    assert_eq!(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/test-messages");
    assert!(made.latest_stream_arn.unwrap().starts_with(&format!("{arn}/stream/")));
    let tags = client.list_tags_of_resource().resource_arn(&arn).send().await.unwrap();
    assert_eq!(tags.tags()[0].value(), "test");
    client.put_item().table_name(&arn).item("pk", text("a")).item("sk", text("1")).send().await.unwrap();
    let found = client
        .query()
        .table_name("test-messages")
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", text("a"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_have_the_shapes_that_the_sdk_reads() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let missing = client.describe_table().table_name("not-there").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    table(&client, "test-messages").await;
    let put = || client.put_item().table_name("test-messages").item("pk", text("a")).item("sk", text("1"));
    put().send().await.unwrap();
    let known = put().condition_expression("attribute_not_exists(pk)").send().await.unwrap_err().into_service_error();
    assert!(known.is_conditional_check_failed_exception(), "{known:?}");
    let put = |sk: &str| {
        let put = Put::builder().table_name("test-messages").item("pk", text("a")).item("sk", text(sk));
        let put = put.condition_expression("attribute_not_exists(pk)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let cancelled = client.transact_write_items().transact_items(put("2")).transact_items(put("1")).send().await;
    let cancelled = cancelled.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = cancelled
    else {
        panic!("{cancelled:?}")
    };
    let codes: Vec<&str> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]); // A27: by position
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_read_from_its_start_and_an_old_arn_is_gone() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let arn = table(&client, "test-messages").await.latest_stream_arn.unwrap();
    client.put_item().table_name("test-messages").item("pk", text("a")).item("sk", text("1")).send().await.unwrap();
    let (_, stream) = streams(&cloud, "DescribeStream", &json!({ "StreamArn": arn })).await;
    assert_eq!(stream["StreamDescription"]["StreamArn"], arn);
    let shard = stream["StreamDescription"]["Shards"][0]["ShardId"].as_str().unwrap();
    assert!(shard.len() >= 28, "{shard}");
    let input = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let (_, iterator) = streams(&cloud, "GetShardIterator", &input).await;
    let (_, records) = streams(&cloud, "GetRecords", &json!({ "ShardIterator": iterator["ShardIterator"] })).await;
    assert_eq!(records["Records"][0]["eventName"], "INSERT");
    assert_eq!(records["Records"][0]["awsRegion"], "us-east-1");
    assert_eq!(records["Records"][0]["dynamodb"]["NewImage"]["sk"]["S"], "1");
    let old = json!({ "StreamArn": format!("{}/stream/1.0", arn.split("/stream/").next().unwrap()) });
    let (head, gone) = streams(&cloud, "DescribeStream", &old).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert!(gone["__type"].as_str().unwrap().ends_with("#ResourceNotFoundException"), "{gone}"); // A13
}

async fn streams(cloud: &TestCloud, call: &str, input: &Value) -> (String, Value) {
    cloud.json("dynamodb", &format!("DynamoDBStreams_20120810.{call}"), input).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    table(&client, "test-messages").await;
    for n in 0..20 {
        let item = client.put_item().table_name("test-messages").item("pk", text("a")).item("sk", text(&n.to_string()));
        item.send().await.unwrap();
    }
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    assert_eq!(client.scan().table_name("test-messages").send().await.unwrap().count(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a22_a_guarded_table_is_not_deleted_until_it_is_unguarded() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    table(&client, "test-messages").await;
    let guard = |on| client.update_table().table_name("test-messages").deletion_protection_enabled(on).send();
    let guarded = guard(true).await.unwrap().table_description.unwrap();
    assert_eq!(guarded.deletion_protection_enabled, Some(true));
    let refused = client.delete_table().table_name("test-messages").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(refused.message().unwrap().contains("protected against deletion"), "{refused:?}");
    guard(false).await.unwrap();
    client.delete_table().table_name("test-messages").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a28_point_in_time_recovery_is_set_of_a_table_that_is_there_and_goes_with_it() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let set = |client: &Client, on, days| {
        let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on);
        let wanted = wanted.set_recovery_period_in_days(days).build().unwrap();
        client
            .update_continuous_backups()
            .table_name("test-messages")
            .point_in_time_recovery_specification(wanted)
            .send()
    };
    let absent = set(&client, true, None).await.unwrap_err();
    assert!(absent.into_service_error().is_table_not_found_exception());
    table(&client, "test-messages").await;
    assert_eq!(recovery(&client).await, (PointInTimeRecoveryStatus::Disabled, None));
    assert_eq!(set(&client, true, Some(36)).await.unwrap_err().code(), Some("ValidationException"));
    set(&client, true, Some(7)).await.unwrap();
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    assert_eq!(recovery(&client).await, (PointInTimeRecoveryStatus::Enabled, Some(7)));
    client.delete_table().table_name("test-messages").send().await.unwrap();
    table(&client, "test-messages").await;
    assert_eq!(recovery(&client).await, (PointInTimeRecoveryStatus::Disabled, None));
}

/// Whether the table can be brought back to a moment, and for how many days.
async fn recovery(client: &Client) -> (PointInTimeRecoveryStatus, Option<i32>) {
    let answer = client.describe_continuous_backups().table_name("test-messages").send().await.unwrap();
    let recovery = answer.continuous_backups_description.unwrap().point_in_time_recovery_description.unwrap();
    (recovery.point_in_time_recovery_status.unwrap(), recovery.recovery_period_in_days)
}
