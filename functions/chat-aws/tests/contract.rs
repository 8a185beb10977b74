//! The contract of the ports on DynamoDB and SQS, at the endpoint that `CHATCTL_TEST_ENDPOINT` names. It makes tables
//! and a queue of its own there and removes them again.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "a test has handles and a clock of its own")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use aws_sdk_sqs::Client as Sqs;
use chat::base64url;
use chat::contract;
use chat::rates::AddressKey;
use chat::room::RoomRecord;
use chat_aws::clients::DynamoClients;
use chat_aws::layout::{self, PK, SK};
use chat_aws::messages::DynamoMessages;
use chat_aws::queue::SqsQueue;
use chat_aws::rates::DynamoRates;
use chat_aws::rooms::DynamoRooms;

/// A world of our own in the cloud of the endpoint.
struct World {
    dynamodb: DynamoDb,
    sqs: Sqs,
    table: String,
    queue_url: String,
}

/// How often a new table is looked at until it is there.
const LOOKS: usize = 100;

impl World {
    async fn make() -> Option<Self> {
        let Ok(endpoint) = std::env::var("CHATCTL_TEST_ENDPOINT") else {
            println!("skipped: no CHATCTL_TEST_ENDPOINT");
            return None;
        };
        let of = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let credentials = Credentials::new(
            of("AWS_ACCESS_KEY_ID", "AKIACHATCTLLOCAL0000"),
            of("AWS_SECRET_ACCESS_KEY", "local-cloud-secret-key-good-on-loopback"),
            None,
            None,
            "the test's environment",
        );
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(of("AWS_REGION", "us-east-1")))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .build();
        let (dynamodb, sqs) = (DynamoDb::new(&config), Sqs::new(&config));
        let name = format!("contract-{}", base64url::encode(chat::random::bytes::<6>()).replace('_', "x"));
        make_table(&dynamodb, &name).await;
        let queue = sqs.create_queue().queue_name(&name).send().await.expect("the queue is made");
        let queue_url = queue.queue_url.expect("a queue has an address");
        Some(Self { dynamodb, sqs, table: name, queue_url })
    }

    async fn end(self) {
        self.dynamodb.delete_table().table_name(&self.table).send().await.expect("the table is removed");
        self.sqs.delete_queue().queue_url(&self.queue_url).send().await.expect("the queue is removed");
    }
}

async fn make_table(dynamodb: &DynamoDb, name: &str) {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let create = dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PK, KeyType::Hash))
        .key_schema(key(SK, KeyType::Range))
        .attribute_definitions(text(PK))
        .attribute_definitions(text(SK));
    create.send().await.expect("the table is made");
    for _ in 0..LOOKS {
        let described = dynamodb.describe_table().table_name(name).send().await;
        let status = described.ok().and_then(|answer| answer.table).and_then(|table| table.table_status);
        if status == Some(TableStatus::Active) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the table {name} is not there");
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn what_holds_of_the_ports_in_memory_holds_of_those_on_aws() {
    let Some(world) = World::make().await else { return };
    let (dynamodb, table, now) = (&world.dynamodb, &world.table, now_ms());

    let known = RoomRecord { trace: true, ..contract::room(now) };
    let key = AddressKey::from_bytes(chat::random::bytes());
    for item in [layout::room_item(&known), layout::address_key_item(&key)] {
        dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.expect("the room is made");
    }
    contract::rooms(&DynamoRooms::new(dynamodb.clone(), table.clone()), &known, now).await;

    let messages = DynamoMessages::new(dynamodb.clone(), table.clone());
    contract::posting(&messages, now).await;
    contract::reading(&messages, now).await;
    contract::rates(&DynamoRates::new(dynamodb.clone(), table.clone()), now).await;

    let clients = DynamoClients::new(dynamodb.clone(), table.clone());
    contract::registering(&clients, now).await;
    contract::too_many(&clients, now).await;
    contract::telling(&clients, now).await;

    contract::queueing(&SqsQueue::new(world.sqs.clone(), world.queue_url.clone()), now).await;
    world.end().await;
}

#[tokio::test]
async fn twenty_posts_at_once_under_one_key_are_one_message() {
    use chat::message::Posted;
    use chat::ports::Messages as _;

    let Some(world) = World::make().await else { return };
    let messages = DynamoMessages::new(world.dynamodb.clone(), world.table.clone());
    let (room, author, now) = (contract::room(now_ms()), contract::author(), now_ms());
    let mut posting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (messages, post) = (messages.clone(), contract::post(&room, &author, "k", "hello", now));
        posting.spawn(async move { messages.post(&post).await.expect("a post is answered") });
    }
    let answers = posting.join_all().await;
    let ids: std::collections::BTreeSet<_> = answers
        .iter()
        .map(|posted| match posted {
            Posted::New(message) | Posted::Known(message) => message.id,
            Posted::Mismatch => panic!("the same post is no other"),
        })
        .collect();
    assert_eq!(ids.len(), 1, "twenty equal answers");
    assert_eq!(answers.iter().filter(|posted| matches!(posted, Posted::New(_))).count(), 1);
    world.end().await;
}
