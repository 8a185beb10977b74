//! CloudWatch Logs by the SDK.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use crate::cloud::TestCloud;

async fn put(client: &Client, stream: &str, lines: &[(i64, &str)]) {
    client.create_log_stream().log_group_name("/test/group").log_stream_name(stream).send().await.unwrap();
    let mut put = client.put_log_events().log_group_name("/test/group").log_stream_name(stream);
    for (at, line) in lines {
        put = put.log_events(InputLogEvent::builder().timestamp(*at).message(*line).build().unwrap());
    }
    put.send().await.unwrap();
}

async fn group(client: &Client) {
    client.create_log_group().log_group_name("/test/group").tags("owner", "test").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_all_streams_come_in_the_order_of_time() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    group(&client).await;
    put(&client, "a", &[(1000, "one"), (3000, "three")]).await;
    put(&client, "b", &[(2000, "two"), (4000, r#"{"level":"ERROR"}"#)]).await;
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    let pages = client.filter_log_events().log_group_name("/test/group").limit(2).into_paginator().send();
    let pages: Vec<_> = pages.collect::<Result<_, _>>().await.unwrap();
    let messages: Vec<&str> = pages.iter().flat_map(|page| page.events()).filter_map(|event| event.message()).collect();
    assert_eq!(messages, ["one", "two", "three", r#"{"level":"ERROR"}"#]);
    let filter = client.filter_log_events().log_group_name("/test/group").filter_pattern("{ $.level = \"ERROR\" }");
    assert_eq!(filter.send().await.unwrap().events()[0].timestamp(), Some(4000));
    let between = client.filter_log_events().log_group_name("/test/group").start_time(2000).end_time(3000);
    assert_eq!(between.send().await.unwrap().events().len(), 1);
    let of_one = client.filter_log_events().log_group_name("/test/group").log_stream_names("a").filter_pattern("three");
    assert_eq!(of_one.send().await.unwrap().events().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_read_both_ways() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    group(&client).await;
    put(&client, "a", &[(1000, "one"), (2000, "two"), (3000, "three")]).await;
    let get = || client.get_log_events().log_group_name("/test/group").log_stream_name("a").limit(2);
    let newest = get().send().await.unwrap();
    assert_eq!(newest.events()[0].message(), Some("two"));
    let before = get().next_token(newest.next_backward_token().unwrap()).send().await.unwrap();
    assert_eq!(before.events()[0].message(), Some("one"));
    let head = get().start_from_head(true).send().await.unwrap();
    assert_eq!(head.events()[0].message(), Some("one"));
    let after = get().next_token(head.next_forward_token().unwrap()).send().await.unwrap();
    assert_eq!(after.events()[0].message(), Some("three"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_keeps_its_retention_and_tags_until_it_is_deleted() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    group(&client).await;
    let again = client.create_log_group().log_group_name("/test/group").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_already_exists_exception(), "{again:?}"); // A12
    client.put_retention_policy().log_group_name("/test/group").retention_in_days(14).send().await.unwrap();
    let groups = client.describe_log_groups().log_group_name_prefix("/test/").send().await.unwrap();
    let group = &groups.log_groups()[0];
    assert_eq!(group.retention_in_days(), Some(14));
    let tags = client.list_tags_for_resource().resource_arn(group.log_group_arn().unwrap()).send().await.unwrap();
    assert_eq!(tags.tags().unwrap()["owner"], "test");
    put(&client, "a", &[(1000, "one")]).await;
    let streams = client.describe_log_streams().log_group_name("/test/group").send().await.unwrap();
    assert_eq!(streams.log_streams()[0].last_event_timestamp(), Some(1000));
    client.delete_log_group().log_group_name("/test/group").send().await.unwrap();
    let gone = client.filter_log_events().log_group_name("/test/group").send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
}
