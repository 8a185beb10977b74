//! The AWS command line, as people have it, on a local stage: with the endpoint and the credentials that `status` shows.

use std::process::Command;

use serde_json::Value;

use crate::tool;
use crate::world::World;

/// One call of the AWS command line; what it answered.
fn aws(python: &str, status: &Value, arguments: &[&str]) -> Value {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let out = Command::new(python)
        .args(["-m", "awscli", "--output", "json", "--endpoint-url"])
        .arg(text(&status["endpoint_url"]))
        .args(arguments)
        .env("AWS_REGION", text(&status["region"]))
        .env("AWS_DEFAULT_REGION", text(&status["region"]))
        .env("AWS_ACCESS_KEY_ID", text(&status["credentials"]["access_key_id"]))
        .env("AWS_SECRET_ACCESS_KEY", text(&status["credentials"]["secret_access_key"]))
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_PAGER", "")
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{arguments:?}: {said}{errors}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
}

#[test]
fn the_aws_command_line_reads_tables_queue_function_api_and_logs() {
    let Some(python) = tool("CHATCTL_TEST_PYTHON", "the AWS command line") else { return };
    let world = World::up();
    let status = world.status();
    let read = |arguments: &[&str]| aws(&python, &status, arguments);

    let tables = read(&["dynamodb", "list-tables"]);
    assert_eq!(tables["TableNames"].as_array().unwrap().len(), 3, "{tables}");
    let table = read(&["dynamodb", "describe-table", "--table-name", "chat-dev-messages"]);
    let stream = table["Table"]["LatestStreamArn"].as_str().unwrap().to_owned();
    let stream = read(&["dynamodbstreams", "describe-stream", "--stream-arn", &stream]);
    assert_eq!(stream["StreamDescription"]["StreamStatus"], "ENABLED");

    let queue = read(&["sqs", "get-queue-url", "--queue-name", "chat-dev-new-messages"]);
    let url = queue["QueueUrl"].as_str().unwrap().to_owned();
    let queue = read(&["sqs", "get-queue-attributes", "--queue-url", &url, "--attribute-names", "All"]);
    assert_eq!(queue["Attributes"]["ApproximateNumberOfMessages"], "0");

    let function = read(&["lambda", "get-function", "--function-name", "chat-dev-store-message:live"]);
    assert_eq!(function["Configuration"]["State"], "Active");
    let mappings = read(&["lambda", "list-event-source-mappings"]);
    assert_eq!(mappings["EventSourceMappings"].as_array().unwrap().len(), 2);

    let apis = read(&["apigatewayv2", "get-apis"]);
    assert_eq!(apis["Items"].as_array().unwrap().len(), 1);
    let routes = read(&["apigatewayv2", "get-routes", "--api-id", apis["Items"][0]["ApiId"].as_str().unwrap()]);
    assert!(routes["Items"].as_array().unwrap().iter().any(|route| route["RouteKey"] == "POST /api/messages"));

    // The proof's message was stored by it, and a function writes a line for each call.
    let logs = read(&["logs", "filter-log-events", "--log-group-name", "/aws/lambda/chat-dev-store-message"]);
    assert!(!logs["events"].as_array().unwrap().is_empty(), "{logs}");
}
