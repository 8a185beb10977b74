//! Event source mappings as the SDK sees them: what of a stream and of a queue reaches a function, and how often.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder;
use aws_sdk_lambda::types::{
    DestinationConfig, EventSourcePosition, Filter, FilterCriteria, FunctionResponseType, OnFailure, ScalingConfig,
};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::cloud::TestCloud;
use crate::life::Folder;
use crate::puppet::{Puppeteer, puppet};

const TABLE: &str = "table-of-tests";

/// A table with a stream; its handle and the stream's ARN.
pub(crate) async fn table(sdk: &SdkConfig) -> (DynamoDb, String) {
    let dynamodb = DynamoDb::new(sdk);
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    let made = dynamodb.create_table().table_name(TABLE).key_schema(key).billing_mode(BillingMode::PayPerRequest);
    let made = made.attribute_definitions(attribute.build().unwrap()).stream_specification(stream.build().unwrap());
    let made = made.send().await.unwrap().table_description.unwrap();
    (dynamodb, made.latest_stream_arn.unwrap())
}

pub(crate) async fn put(dynamodb: &DynamoDb, id: &str, kind: &str) {
    let put = dynamodb.put_item().table_name(TABLE).item("pk", AttributeValue::S(id.to_owned()));
    put.item("kind", AttributeValue::S(kind.to_owned())).send().await.unwrap();
}

/// The ids of an event's records.
pub(crate) fn ids(event: &Value) -> Vec<&str> {
    let records = event["Records"].as_array().unwrap();
    records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap()).collect()
}

pub(crate) fn failing(record: &Value) -> Value {
    json!({"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]})
}

pub(crate) fn stream_mapping(lambda: &Lambda, stream: &str) -> CreateEventSourceMappingFluentBuilder {
    let mapping = lambda.create_event_source_mapping().function_name("reader").event_source_arn(stream);
    mapping.starting_position(EventSourcePosition::TrimHorizon)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_a_stream_is_read_from_its_start_in_order_and_filtered() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (dynamodb, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    for (id, kind) in [("1", "message"), ("2", "marker"), ("3", "message")] {
        put(&dynamodb, id, kind).await;
    }
    let pattern = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"kind":{"S":["message"]}}}}"#;
    let filters = FilterCriteria::builder().filters(Filter::builder().pattern(pattern).build()).build();
    let made = stream_mapping(&lambda, &stream).filter_criteria(filters).send().await.unwrap();
    assert_eq!(made.state(), Some("Creating"));
    let event = puppeteer.answer(json!(null)).await;
    assert_eq!(ids(&event), ["1", "3"]);
    let record = &event["Records"][0];
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["eventSourceARN"], stream.as_str());
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["dynamodb"]["NewImage"]["kind"]["S"], "message");
    assert_eq!(record["dynamodb"]["StreamViewType"], "NEW_IMAGE");
    put(&dynamodb, "1", "message").await; // changed, not new
    put(&dynamodb, "4", "message").await;
    assert_eq!(ids(&puppeteer.answer(json!(null)).await), ["4"]);
    let mapping = lambda.get_event_source_mapping().uuid(made.uuid().unwrap()).send().await.unwrap();
    assert_eq!(mapping.state(), Some("Enabled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_a_batch_is_tried_again_from_its_lowest_failure_and_what_is_left_of_it_is_left_after_its_tries() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (dynamodb, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    for id in ["1", "2", "3"] {
        put(&dynamodb, id, "message").await;
    }
    let mapping = stream_mapping(&lambda, &stream).maximum_retry_attempts(1);
    mapping.function_response_types(FunctionResponseType::ReportBatchItemFailures).send().await.unwrap();
    let called = puppeteer.called().await;
    let second = called.told["event"]["Records"][1].clone();
    assert_eq!(ids(&called.does(json!({"answer": failing(&second)})).await), ["1", "2", "3"]);
    let again = puppeteer.answer(failing(&second)).await;
    assert_eq!(ids(&again), ["2", "3"]);
    put(&dynamodb, "4", "message").await;
    let called = puppeteer.called().await;
    assert_eq!(ids(&called.does(json!({"exit": 1})).await), ["4"]);
    assert_eq!(ids(&puppeteer.answer(json!(null)).await), ["4"]);
}

#[test]
fn what_was_done_is_not_handed_over_again_after_a_kill_and_what_was_not_is() {
    let folder = Folder::new("checkpoint");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = std::sync::Mutex::new(None);
    folder.life(async |sdk| {
        let puppeteer = Puppeteer::of(&port);
        let (dynamodb, stream) = table(&sdk).await;
        let lambda = puppet(&sdk, "reader", 30, &[("PUPPETEER", &puppeteer.address())]).await;
        stream_mapping(&lambda, &stream).batch_size(1).send().await.unwrap();
        put(&dynamodb, "1", "message").await;
        put(&dynamodb, "2", "message").await;
        puppeteer.answer(json!(null)).await;
        let called = puppeteer.called().await; // the first is on disk before the second is handed over
        assert_eq!(ids(&called.told["event"]), ["2"]);
        // Were it let go, this life could still see its process end.
        *held.lock().unwrap() = Some(called);
    });
    folder.life(async |_| {
        let puppeteer = Puppeteer::of(&port);
        assert_eq!(ids(&puppeteer.answer(json!(null)).await), ["2"]);
    });
}

/// A queue whose messages are hidden for a while; its handle, its address and its ARN.
async fn queue(sdk: &SdkConfig, hidden_s: u32) -> (Sqs, String, String) {
    let sqs = Sqs::new(sdk);
    let create = sqs.create_queue().queue_name("queue");
    let made = create.attributes(QueueAttributeName::VisibilityTimeout, hidden_s.to_string()).send().await.unwrap();
    (sqs, made.queue_url.unwrap(), "arn:aws:sqs:us-east-1:000000000000:queue".to_owned())
}

pub(crate) fn queue_mapping(lambda: &Lambda, arn: &str) -> CreateEventSourceMappingFluentBuilder {
    lambda.create_event_source_mapping().function_name("reader").event_source_arn(arn)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_of_a_queues_batch_only_what_failed_comes_again() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (sqs, url, arn) = queue(&cloud.sdk().await, 1).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 1, &[("PUPPETEER", &puppeteer.address())]).await;
    for body in ["a", "b"] {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let mapping = queue_mapping(&lambda, &arn).function_response_types(FunctionResponseType::ReportBatchItemFailures);
    mapping.send().await.unwrap();
    let called = puppeteer.called().await;
    let records = called.told["event"]["Records"].as_array().unwrap().clone();
    assert_eq!(records.iter().map(|record| record["body"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(records[0]["eventSource"], "aws:sqs");
    assert_eq!(records[0]["eventSourceARN"], arn.as_str());
    assert_eq!(records[0]["attributes"]["ApproximateReceiveCount"], "1");
    let failed = json!({"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]});
    called.does(json!({"answer": failed})).await;
    let again = puppeteer.answer(json!(null)).await;
    assert_eq!(again["Records"].as_array().unwrap().len(), 1);
    assert_eq!(again["Records"][0]["body"], "b");
    assert_eq!(again["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
}

#[test]
fn what_a_killed_cloud_had_in_its_hands_comes_again_at_once() {
    let folder = Folder::new("flight");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = std::sync::Mutex::new(None);
    folder.life(async |sdk| {
        let puppeteer = Puppeteer::of(&port);
        let (sqs, url, arn) = queue(&sdk, 40_000).await;
        let lambda = puppet(&sdk, "reader", 30, &[("PUPPETEER", &puppeteer.address())]).await;
        queue_mapping(&lambda, &arn).send().await.unwrap();
        sqs.send_message().queue_url(&url).message_body("a").send().await.unwrap();
        *held.lock().unwrap() = Some(puppeteer.called().await);
    });
    folder.life(async |_| {
        let puppeteer = Puppeteer::of(&port);
        let event = puppeteer.answer(json!(null)).await;
        assert_eq!(event["Records"][0]["body"], "a");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queues_batches_run_beside_each_other() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (sqs, url, arn) = queue(&cloud.sdk().await, 60).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 30, &[("PUPPETEER", &puppeteer.address())]).await;
    queue_mapping(&lambda, &arn).batch_size(1).send().await.unwrap();
    for body in ["a", "b"] {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let (one, two) = (puppeteer.called().await, puppeteer.called().await);
    assert_ne!(one.told["event"]["Records"][0]["body"], two.told["event"]["Records"][0]["body"]);
    for called in [one, two] {
        called.does(json!({"answer": null})).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_is_switched_off_rests_and_goes_on_where_it_was() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (dynamodb, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    let made = stream_mapping(&lambda, &stream).enabled(false).send().await.unwrap();
    let uuid = made.uuid().unwrap();
    put(&dynamodb, "1", "message").await;
    let rests = lambda.get_event_source_mapping().uuid(uuid).send().await.unwrap();
    assert_ne!(rests.state(), Some("Enabled"));
    let on = lambda.update_event_source_mapping().uuid(uuid).enabled(true).batch_size(7).send().await.unwrap();
    assert_eq!((on.state(), on.batch_size()), (Some("Enabling"), Some(7)));
    assert_eq!(ids(&puppeteer.answer(json!(null)).await), ["1"]);
    let gone = lambda.delete_event_source_mapping().uuid(uuid).send().await.unwrap();
    assert_eq!(gone.state(), Some("Deleting"));
    let absent = lambda.get_event_source_mapping().uuid(uuid).send().await.unwrap_err();
    assert_eq!(absent.code(), Some("ResourceNotFoundException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_mapping_that_cannot_work_is_not_made() {
    let cloud = TestCloud::start().await;
    let (_, _, arn) = queue(&cloud.sdk().await, 10).await;
    let (_, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 30, &[]).await;
    let refused = queue_mapping(&lambda, &arn).send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("less than Function timeout"), "{refused:?}");
    let absent = queue_mapping(&lambda, "arn:aws:sqs:us-east-1:000000000000:none").send().await.unwrap_err();
    assert_eq!(absent.code(), Some("InvalidParameterValueException"));
    let mapping = stream_mapping(&lambda, &stream);
    let to = |arn: &str| DestinationConfig::builder().on_failure(OnFailure::builder().destination(arn).build()).build();
    let at_once = |most| ScalingConfig::builder().maximum_concurrency(most).build();
    let of_queue = queue_mapping(&lambda, &arn);
    for (refused, named) in [
        (mapping.clone().maximum_record_age_in_seconds(59), "MaximumRecordAgeInSeconds"),
        (mapping.clone().maximum_retry_attempts(10_001), "MaximumRetryAttempts"),
        (mapping.clone().parallelization_factor(2), "ParallelizationFactor"),
        (mapping.clone().tumbling_window_in_seconds(1), "TumblingWindowInSeconds"),
        (mapping.clone().starting_position(EventSourcePosition::AtTimestamp), "AT_TIMESTAMP"),
        (mapping.clone().destination_config(to("arn:aws:sqs:us-east-1:000000000000:none")), "destination config"),
        (mapping.clone().destination_config(to("arn:aws:sns:us-east-1:000000000000:topic")), "OnFailure"),
        (mapping.clone().scaling_config(at_once(2)), "MaximumConcurrency"),
        (of_queue.clone().scaling_config(at_once(1)), "MaximumConcurrency"),
        (of_queue.clone().scaling_config(at_once(1001)), "MaximumConcurrency"),
        (of_queue.clone().bisect_batch_on_function_error(true), "BisectBatchOnFunctionError"),
        (of_queue.clone().destination_config(to(&arn)), "DestinationConfig"),
    ] {
        let refused = refused.send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidParameterValueException"));
        assert!(refused.message().unwrap().contains(named), "{refused:?}");
    }
    mapping.clone().send().await.unwrap();
    assert_eq!(mapping.send().await.unwrap_err().code(), Some("ResourceConflictException"));
}
