//! SQS by the SDK.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::cloud::TestCloud;

async fn queue(client: &Client, name: &str) -> String {
    client.create_queue().queue_name(name).tags("owner", "test").send().await.unwrap().queue_url.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_received_with_what_it_was_sent_with_and_deleted() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let url = queue(&client, "things").await;
    assert_eq!(url, format!("{}/000000000000/things", cloud.identity.endpoint));
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("x").build().unwrap();
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_group_id("room-1")
        .message_attributes("kind", attribute)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    let received = client
        .receive_message()
        .queue_url(&url)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    let message = &received.messages()[0];
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let system = message.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::MessageGroupId], "room-1");
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    assert!(client.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
    client.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    let all =
        client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await.unwrap();
    let all = all.attributes().unwrap();
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "0");
    assert_eq!(all[&QueueAttributeName::QueueArn], "arn:aws:sqs:us-east-1:000000000000:things");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_is_woken_by_a_send() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let url = queue(&client, "things").await;
    let (receiving, sending) = (client.receive_message().queue_url(&url).wait_time_seconds(20), client.send_message());
    let (received, sent) = tokio::join!(receiving.send(), sending.queue_url(&url).message_body("now").send());
    sent.unwrap();
    assert_eq!(received.unwrap().messages()[0].body(), Some("now"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_message_ends_a_long_poll_when_its_time_comes() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let url = queue(&client, "things").await;
    client.send_message().queue_url(&url).message_body("later").delay_seconds(1).send().await.unwrap();
    assert!(client.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
    let received = client.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("later"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_received_too_often_goes_to_the_dead_letters() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let dead = queue(&client, "dead").await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
    let url = client
        .create_queue()
        .queue_name("things")
        .attributes(QueueAttributeName::RedrivePolicy, policy)
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    client.send_message().queue_url(&url).message_body("bad").send().await.unwrap();
    let receive = || client.receive_message().queue_url(&url).visibility_timeout(0).send();
    assert_eq!(receive().await.unwrap().messages().len(), 1);
    assert_eq!(receive().await.unwrap().messages().len(), 1);
    assert!(receive().await.unwrap().messages().is_empty());
    let moved =
        client.receive_message().queue_url(&dead).message_system_attribute_names(MessageSystemAttributeName::All);
    let moved = moved.send().await.unwrap();
    assert_eq!(moved.messages()[0].body(), Some("bad"));
    let source = &moved.messages()[0].attributes().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:things");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_done_entry_by_entry() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let url = queue(&client, "things").await;
    let entry =
        |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let sent = client.send_message_batch().queue_url(&url).entries(entry("a", "one")).entries(entry("b", "\u{1}"));
    let sent = sent.send().await.unwrap();
    assert_eq!((sent.successful().len(), sent.failed()[0].code()), (1, "InvalidMessageContents"));
    let received = client.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
    let receipt = received.messages()[0].receipt_handle().unwrap();
    let change =
        ChangeMessageVisibilityBatchRequestEntry::builder().id("a").receipt_handle(receipt).visibility_timeout(0);
    let changed = client.change_message_visibility_batch().queue_url(&url).entries(change.build().unwrap());
    assert_eq!(changed.send().await.unwrap().successful().len(), 1);
    let again = client.receive_message().queue_url(&url).send().await.unwrap();
    let receipt = again.messages()[0].receipt_handle().unwrap();
    let delete = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build().unwrap()
    };
    let deleted =
        client.delete_message_batch().queue_url(&url).entries(delete("a", receipt)).entries(delete("b", "rubbish"));
    let deleted = deleted.send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed()[0].code()), (1, "ReceiptHandleIsInvalid"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_the_same_queue_only_with_the_same_attributes() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let create = |seconds: &str| {
        client.create_queue().queue_name("things").attributes(QueueAttributeName::VisibilityTimeout, seconds).send()
    };
    let url = create("60").await.unwrap().queue_url.unwrap();
    assert_eq!(create("60").await.unwrap().queue_url(), Some(url.as_str()));
    let other = create("61").await.unwrap_err().into_service_error();
    assert!(other.is_queue_name_exists(), "{other:?}");
    client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = client.get_queue_url().queue_name("things").send().await.unwrap_err().into_service_error();
    assert!(gone.is_queue_does_not_exist(), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_messages_and_tags_are_there_after_a_kill() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let url = queue(&client, "things").await;
    client.send_message().queue_url(&url).message_body("kept").send().await.unwrap();
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    let tags = client.list_queue_tags().queue_url(&url).send().await.unwrap();
    assert_eq!(tags.tags().unwrap()["owner"], "test");
    let received = client.receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("kept"));
}
