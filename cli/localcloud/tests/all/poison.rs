//! Records that no try helps (A20), and how many batches a queue's function has at once (A33): what is given up ends in a
//! queue of its own, and everything else arrives.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::types::{DestinationConfig, FunctionResponseType, OnFailure, ScalingConfig};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use serde_json::{Value, json};

use crate::cloud::TestCloud;
use crate::life::Folder;
use crate::puppet::{Called, Puppeteer, puppet};
use crate::sources::{failing, ids, put, queue_mapping, stream_mapping, table};

const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
/// A test that waits longer than this waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A queue for what is given up; the handle and its address.
async fn dead(sdk: &SdkConfig) -> (Sqs, String) {
    let sqs = Sqs::new(sdk);
    let url = sqs.create_queue().queue_name("dead").send().await.unwrap().queue_url.unwrap();
    (sqs, url)
}

/// The next message there.
pub(crate) async fn next_of(sqs: &Sqs, url: &str) -> String {
    let receive = || sqs.receive_message().queue_url(url).wait_time_seconds(20).send();
    let looking = async {
        loop {
            if let Some(message) = receive().await.unwrap().messages.unwrap_or_default().pop() {
                return message.body.unwrap();
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("a message in the dead-letter queue")
}

fn to_dead() -> DestinationConfig {
    DestinationConfig::builder().on_failure(OnFailure::builder().destination(DEAD).build()).build()
}

/// Plays a function until the dead-letter queue has a message, which is answered, and all but the poison has arrived.
async fn played(
    puppeteer: &Puppeteer,
    (sqs, url): &(Sqs, String),
    all: usize,
    mut play: impl AsyncFnMut(Called) -> Vec<String>,
) -> (String, BTreeSet<String>) {
    let (mut arrived, mut dead) = (BTreeSet::new(), None);
    let mut next = std::pin::pin!(next_of(sqs, url));
    let playing = async {
        while dead.is_none() || arrived.len() + 1 < all {
            tokio::select! {
                message = &mut next, if dead.is_none() => dead = Some(message),
                called = puppeteer.called() => arrived.extend(play(called).await),
            }
        }
    };
    tokio::time::timeout(PATIENCE, playing).await.expect("all but the poison");
    (dead.unwrap(), arrived)
}

fn all_but(poison: &str) -> BTreeSet<String> {
    (0..100).map(|n: u32| n.to_string()).filter(|id| id != poison).collect()
}

/// The proof for a stream: one poison record among 100 ends in the dead-letter queue and the 99 others arrive.
async fn one_of_a_hundred_in_a_stream(names_it: bool) {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let dead = dead(&cloud.sdk().await).await;
    let (dynamodb, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 20, &[("PUPPETEER", &puppeteer.address())]).await;
    for n in 0..100 {
        put(&dynamodb, &n.to_string(), "message").await;
    }
    let mapping = stream_mapping(&lambda, &stream).bisect_batch_on_function_error(true).maximum_retry_attempts(1);
    let reports = names_it.then(|| vec![FunctionResponseType::ReportBatchItemFailures]);
    mapping.destination_config(to_dead()).set_function_response_types(reports).send().await.unwrap();
    let mut poison = None;
    let play = async |called: Called| {
        let event = called.told["event"].clone();
        let all: Vec<String> = ids(&event).into_iter().map(str::to_owned).collect();
        let Some(at) = all.iter().position(|id| id == "37") else {
            called.does(json!({"answer": null})).await;
            return all;
        };
        let record = &event["Records"][at];
        poison = Some(record["dynamodb"]["SequenceNumber"].clone());
        if names_it {
            called.does(json!({"answer": failing(record)})).await;
            return all[..at].to_vec();
        }
        called.does(json!({"error": {"errorType": "Poison", "errorMessage": "no"}})).await;
        Vec::new()
    };
    let (told, arrived) = played(&puppeteer, &dead, 100, play).await;
    assert_eq!(arrived, all_but("37"));
    let told: Value = serde_json::from_str(&told).unwrap();
    let batch = &told["DDBStreamBatchInfo"];
    assert_eq!((&batch["batchSize"], &batch["streamArn"]), (&json!(1), &json!(stream)));
    assert_eq!(
        (Some(&batch["startSequenceNumber"]), Some(&batch["endSequenceNumber"])),
        (poison.as_ref(), poison.as_ref())
    );
    assert!(batch["shardId"].as_str().is_some_and(|id| id.starts_with("shardId-")), "{batch}");
    assert!(batch["approximateArrivalOfFirstRecord"].as_str().is_some_and(|at| at.ends_with('Z')), "{batch}");
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(told["requestContext"]["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:reader");
    assert_eq!(told["responseContext"]["statusCode"], 200);
    let error = if names_it { Value::Null } else { json!("Unhandled") };
    assert_eq!(told["responseContext"]["functionError"], error, "an answer that names failures is no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_one_poison_record_of_100_in_a_stream_ends_in_the_dlq_and_the_99_others_arrive_by_bisecting() {
    one_of_a_hundred_in_a_stream(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_one_poison_record_of_100_in_a_stream_ends_in_the_dlq_and_the_99_others_arrive_where_failures_are_named() {
    one_of_a_hundred_in_a_stream(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_one_poison_message_of_100_in_a_queue_ends_in_the_dlq_and_the_99_others_arrive() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let dead = dead(&cloud.sdk().await).await;
    let redrive = json!({"deadLetterTargetArn": DEAD, "maxReceiveCount": 2}).to_string();
    let create = dead.0.create_queue().queue_name("queue").attributes(QueueAttributeName::VisibilityTimeout, "3");
    let url = create.attributes(QueueAttributeName::RedrivePolicy, redrive).send().await.unwrap().queue_url.unwrap();
    for tens in 0..10 {
        let entry = |n: u32| SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(n.to_string());
        let entries = (tens * 10..tens * 10 + 10).map(|n| entry(n).build().unwrap()).collect();
        dead.0.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    }
    let lambda = puppet(&cloud.sdk().await, "reader", 3, &[("PUPPETEER", &puppeteer.address())]).await;
    let mapping = queue_mapping(&lambda, "arn:aws:sqs:us-east-1:000000000000:queue");
    mapping.function_response_types(FunctionResponseType::ReportBatchItemFailures).send().await.unwrap();
    let play = async |called: Called| {
        let records = called.told["event"]["Records"].as_array().unwrap().clone();
        let (poison, others): (Vec<&Value>, Vec<&Value>) = records.iter().partition(|record| record["body"] == "37");
        let failed: Vec<Value> = poison.iter().map(|record| json!({"itemIdentifier": record["messageId"]})).collect();
        called.does(json!({"answer": {"batchItemFailures": failed}})).await;
        others.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect()
    };
    let (told, arrived) = played(&puppeteer, &dead, 100, play).await;
    assert_eq!((told.as_str(), arrived), ("37", all_but("37")));
}

#[test]
fn a20_the_tries_of_a_record_are_counted_on_after_a_kill() {
    let folder = Folder::new("tries");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fails = json!({"error": {"errorType": "Poison", "errorMessage": "no"}});
    let held = std::sync::Mutex::new(None);
    folder.life(async |sdk| {
        let puppeteer = Puppeteer::of(&port);
        dead(&sdk).await;
        let (dynamodb, stream) = table(&sdk).await;
        let lambda = puppet(&sdk, "reader", 30, &[("PUPPETEER", &puppeteer.address())]).await;
        put(&dynamodb, "1", "message").await;
        let mapping = stream_mapping(&lambda, &stream).bisect_batch_on_function_error(true).maximum_retry_attempts(1);
        mapping.destination_config(to_dead()).send().await.unwrap();
        puppeteer.called().await.does(fails.clone()).await;
        // Its second and last try is under way, and stays so: were it let go, this life could still see it fail.
        *held.lock().unwrap() = Some(puppeteer.called().await);
    });
    folder.life(async |sdk| {
        let puppeteer = Puppeteer::of(&port);
        puppeteer.called().await.does(fails.clone()).await;
        let (sqs, url) = dead(&sdk).await;
        let told = tokio::select! {
            told = next_of(&sqs, &url) => told,
            _ = puppeteer.called() => panic!("it was tried more often than it may be"),
        };
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["requestContext"]["approximateInvokeCount"], 2);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_a_record_that_is_too_old_is_left_without_a_try() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let (sqs, url) = dead(&cloud.sdk().await).await;
    let (dynamodb, stream) = table(&cloud.sdk().await).await;
    let lambda = puppet(&cloud.sdk().await, "reader", 20, &[("PUPPETEER", &puppeteer.address())]).await;
    put(&dynamodb, "old", "message").await;
    let file = rusqlite::Connection::open(cloud.state().join("cloud/dynamodb.db")).unwrap();
    assert_eq!(file.execute("UPDATE _stream_records SET created_at = created_at - 90", []).unwrap(), 1);
    put(&dynamodb, "new", "message").await;
    let mapping = stream_mapping(&lambda, &stream).maximum_record_age_in_seconds(60);
    mapping.destination_config(to_dead()).send().await.unwrap();
    assert_eq!(ids(&puppeteer.answer(json!(null)).await), ["new"]);
    let told: Value = serde_json::from_str(&next_of(&sqs, &url).await).unwrap();
    assert_eq!(told["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 1);
    assert!(told.get("responseContext").is_none(), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a33_a_queues_function_has_only_so_many_batches_at_once_as_the_mapping_says() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let sqs = Sqs::new(&cloud.sdk().await);
    let url = sqs.create_queue().queue_name("queue").send().await.unwrap().queue_url.unwrap();
    for n in 0..6 {
        sqs.send_message().queue_url(&url).message_body(n.to_string()).send().await.unwrap();
    }
    let lambda = puppet(&cloud.sdk().await, "reader", 20, &[("PUPPETEER", &puppeteer.address())]).await;
    let at_once = |most| ScalingConfig::builder().set_maximum_concurrency(most).build();
    let mapping = queue_mapping(&lambda, "arn:aws:sqs:us-east-1:000000000000:queue").batch_size(1);
    let made = mapping.scaling_config(at_once(Some(2))).send().await.unwrap();
    assert_eq!(made.scaling_config().and_then(ScalingConfig::maximum_concurrency), Some(2));
    let waiting = async || {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = sqs.get_queue_attributes().queue_url(&url).attribute_names(name.clone()).send().await.unwrap();
        answer.attributes.unwrap()[&name].parse::<u32>().unwrap()
    };
    let mut held = vec![puppeteer.called().await, puppeteer.called().await];
    for waits in [4, 3, 2] {
        assert_eq!(waiting().await, waits, "two are with the function, the others wait in the queue");
        held.remove(0).does(json!({"answer": null})).await;
        held.push(puppeteer.called().await);
    }
    let update = lambda.update_event_source_mapping().uuid(made.uuid().unwrap()).scaling_config(at_once(None));
    assert!(update.send().await.unwrap().scaling_config().is_none(), "an empty one takes the bound away");
}
