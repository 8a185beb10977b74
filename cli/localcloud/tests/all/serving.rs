//! What the listener itself decides: who may come in, and what no service is asked for.

use serde_json::json;

use crate::cloud::TestCloud;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sites_page_and_another_name_are_refused() {
    let cloud = TestCloud::start().await;
    let host = format!("host: 127.0.0.1:{}", cloud.identity.port);
    let answer = cloud.raw(&["GET /_local/identity HTTP/1.1", "host: evil.example"], "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = cloud.raw(&["GET /_local/identity HTTP/1.1", &host, "origin: https://evil.example"], "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = cloud.raw(&["GET /_local/identity HTTP/1.1", &host], "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&cloud.identity.endpoint), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_not_there_is_refused_by_its_name() {
    let cloud = TestCloud::start().await;
    let calls = [
        ("dynamodb", "DynamoDB_20120810.CreateBackup", "DynamoDB CreateBackup"),
        ("sqs", "AmazonSQS.StartMessageMoveTask", "SQS StartMessageMoveTask"),
        ("ssm", "AmazonSSM.SendCommand", "SSM SendCommand"),
        ("logs", "Logs_20140328.StartQuery", "CloudWatch Logs StartQuery"),
    ];
    for (service, target, name) in calls {
        let (head, body) = cloud.json(service, target, &json!({})).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{head}");
        assert_eq!(body["message"], format!("the local cloud does not implement {name}"));
    }
    let (_, body) = cloud.json("kinesis", "Kinesis_20131202.PutRecord", &json!({})).await;
    assert_eq!(body["message"], "the local cloud does not implement the service kinesis");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_signed_or_not_json_is_a_clear_error() {
    let cloud = TestCloud::start().await;
    let host = format!("host: localhost:{}", cloud.identity.port);
    let answer = cloud.raw(&["POST / HTTP/1.1", &host, "x-amz-target: AmazonSQS.ListQueues"], "{}").await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("MissingAuthenticationToken"), "{answer}");
    let (head, body) = cloud.json("sqs", "AmazonSQS.ListQueues", &json!([])).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert!(body["__type"].as_str().unwrap().ends_with("SerializationException"), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_has_one_cloud_and_a_stopped_one_lets_go() {
    let mut cloud = TestCloud::start().await;
    let config = localcloud::Config { state: cloud.state().clone(), port: Some(0), version: "test".to_owned() };
    assert!(matches!(localcloud::start(config.clone()).await, Err(localcloud::Error::Held(_))));
    let host = format!("host: 127.0.0.1:{}", cloud.identity.port);
    let answer = cloud.raw(&["POST /_local/stop HTTP/1.1", &host], "").await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    cloud.ended().await.unwrap();
    let again = localcloud::start(localcloud::Config { port: None, ..config }).await.unwrap();
    assert_eq!(again.identity().port, cloud.identity.port, "the port is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let state = std::env::temp_dir().join(format!("localcloud-test-taken-{port}"));
    let config = localcloud::Config { state: state.clone(), port: Some(port), version: "test".to_owned() };
    let error = localcloud::start(config).await.err().unwrap();
    assert_eq!(error.to_string(), format!("port {port} on 127.0.0.1 is taken"));
    std::fs::remove_dir_all(state).unwrap();
}

#[test]
fn every_service_says_which_calls_it_has() {
    let implemented = localcloud::implemented();
    for (service, calls) in &implemented {
        assert!(!calls.is_empty(), "{service}");
        let mut sorted = calls.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), calls.len(), "{service} names a call twice");
    }
    assert_eq!(implemented.len(), 11);
}
