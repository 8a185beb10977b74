//! HTTP APIs by the SDK, and what their callers get: a function of a few lines of shell speaks the Runtime API.

use std::io::Write as _;

use aws_sdk_apigatewayv2::Client as Apis;
use aws_sdk_apigatewayv2::error::ProvideErrorMetadata as _;
use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType, RouteSettings};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cloud::TestCloud;

/// Answers with the event itself, except for the few paths that ask for something else.
const FUNCTION: &str = r##"#!/bin/bash
export LC_ALL=C
api=${AWS_LAMBDA_RUNTIME_API#http://}
place=${api%%/*}
base=${api#"$place"}/2018-06-01/runtime/invocation
open() { exec 3<>"/dev/tcp/${place%:*}/${place#*:}"; }
while open; do
  printf 'GET %s/next HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$base" "$place" >&3
  length=0
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  IFS= read -r -N "$length" event <&3
  how=response
  case $event in
    *'"rawPath":"/teapot"'*)
      answer='{"statusCode":418,"headers":{"X-Pot":"tea","content-length":"99"},"cookies":["a=b","c=d"],"body":"c2hvcnQ=","isBase64Encoded":true}' ;;
    *'"rawPath":"/rubbish"'*) answer='{"statusCode":"x"}' ;;
    *'"rawPath":"/crash"'*) how=error; answer='{"errorType":"Oh","errorMessage":"no"}' ;;
    *) answer=$event ;;
  esac
  open
  printf 'POST %s/%s/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' \
    "$base" "$id" "$how" "$place" "${#answer}" "$answer" >&3
  while IFS= read -r line <&3; do :; done
done
"##;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn package() -> Blob {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options).unwrap();
    zip.write_all(FUNCTION.as_bytes()).unwrap();
    Blob::new(zip.finish().unwrap().into_inner())
}

/// The ARN of a new function, which API Gateway may not call yet.
async fn function(cloud: &TestCloud) -> String {
    let sdk = cloud.sdk().await;
    let role = aws_sdk_iam::Client::new(&sdk);
    let role = role.create_role().role_name("echo").assume_role_policy_document(TRUST).send().await.unwrap();
    let lambda = aws_sdk_lambda::Client::new(&sdk);
    let made = lambda
        .create_function()
        .function_name("echo")
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role(role.role().unwrap().arn())
        .code(FunctionCode::builder().zip_file(package()).build())
        .send()
        .await
        .unwrap();
    made.function_arn.unwrap()
}

async fn allow(cloud: &TestCloud, api: &str) {
    let lambda = aws_sdk_lambda::Client::new(&cloud.sdk().await);
    let allowing = lambda
        .add_permission()
        .function_name("echo")
        .statement_id("api")
        .action("lambda:InvokeFunction")
        .principal("apigateway.amazonaws.com")
        .source_arn(format!("arn:aws:execute-api:us-east-1:000000000000:{api}/*/*"));
    allowing.send().await.unwrap();
}

/// An API, its address and its integration.
struct Made {
    id: String,
    endpoint: String,
    integration: String,
}

async fn api(apis: &Apis, function: &str) -> Made {
    let made =
        apis.create_api().name("chat-dev").protocol_type(ProtocolType::Http).tags("owner", "me").send().await.unwrap();
    let id = made.api_id.unwrap();
    let integration = apis
        .create_integration()
        .api_id(&id)
        .integration_type(IntegrationType::AwsProxy)
        .integration_uri(function)
        .payload_format_version("2.0")
        .send()
        .await
        .unwrap();
    Made { id, endpoint: made.api_endpoint.unwrap(), integration: integration.integration_id.unwrap() }
}

async fn route(apis: &Apis, made: &Made, key: &str) -> String {
    let target = format!("integrations/{}", made.integration);
    let route = apis.create_route().api_id(&made.id).route_key(key).target(target).send().await.unwrap();
    route.route_id.unwrap()
}

async fn stage(apis: &Apis, made: &Made) {
    let settings = RouteSettings::builder().throttling_burst_limit(100).throttling_rate_limit(50.0).build();
    let stage = apis.create_stage().api_id(&made.id).stage_name("$default").auto_deploy(true);
    stage.default_route_settings(settings).send().await.unwrap();
}

/// Sends a request as it is; the status, the head and the body of its answer.
async fn ask(endpoint: &str, head: &[&str], body: &[u8]) -> (u16, String, String) {
    let place = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(place).await.unwrap();
    let host = format!("host: {place}");
    let length = format!("content-length: {}", body.len());
    let mut lines = vec![head[0]];
    if !head.iter().any(|line| line.starts_with("host:")) {
        lines.push(&host);
    }
    lines.extend(&head[1..]);
    lines.extend(["connection: close", length.as_str(), "", ""]);
    stream.write_all(lines.join("\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_reaches_its_function_and_comes_back() {
    let cloud = TestCloud::start().await;
    let apis = Apis::new(&cloud.sdk().await);
    let function = function(&cloud).await;
    let made = api(&apis, &function).await;
    route(&apis, &made, "POST /a/{id}").await;
    let before = ask(&made.endpoint, &["POST /a/1 HTTP/1.1"], b"").await;
    assert_eq!((before.0, before.2.as_str()), (404, r#"{"message":"Not Found"}"#), "no stage yet");
    stage(&apis, &made).await;
    let denied = ask(&made.endpoint, &["POST /a/1 HTTP/1.1"], b"").await;
    assert_eq!((denied.0, denied.2.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    allow(&cloud, &made.id).await;

    let head =
        ["POST /a/x%20y?q=1&q=2 HTTP/1.1", "content-type: application/json", "X-Two: 1", "x-two: 2", "cookie: a=b"];
    let (status, head, body) = ask(&made.endpoint, &head, br#"{"text":"hi"}"#).await;
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("content-type: application/json") && head.contains("apigw-requestid: "), "{head}");
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /a/{id}");
    assert_eq!(event["rawPath"], "/a/x y");
    assert_eq!(event["pathParameters"]["id"], "x y");
    assert_eq!(event["queryStringParameters"]["q"], "1,2");
    assert_eq!(event["headers"]["x-two"], "1,2");
    assert_eq!(event["cookies"][0], "a=b");
    assert_eq!(event["body"], r#"{"text":"hi"}"#);
    assert_eq!(event["requestContext"]["apiId"], made.id);
    assert_eq!(event["requestContext"]["stage"], "$default");
    assert_eq!(ask(&made.endpoint, &["GET /a/1 HTTP/1.1"], b"").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_functions_word_is_kept_and_its_failures_are_hidden() {
    let cloud = TestCloud::start().await;
    let apis = Apis::new(&cloud.sdk().await);
    let made = api(&apis, &function(&cloud).await).await;
    route(&apis, &made, "$default").await;
    stage(&apis, &made).await;
    allow(&cloud, &made.id).await;
    let (status, head, body) = ask(&made.endpoint, &["GET /teapot HTTP/1.1"], b"").await;
    assert_eq!((status, body.as_str()), (418, "short"));
    assert!(head.contains("x-pot: tea") && head.contains("content-length: 5"), "{head}");
    assert_eq!(head.matches("set-cookie: ").count(), 2, "{head}");
    for path in ["/rubbish", "/crash"] {
        let (status, _, body) = ask(&made.endpoint, &[&format!("GET {path} HTTP/1.1")], b"").await;
        assert_eq!((status, body.as_str()), (500, r#"{"message":"Internal Server Error"}"#), "{path}");
    }
    let foreign = ask(&made.endpoint, &["GET /teapot HTTP/1.1", "host: evil.test"], b"").await;
    assert_eq!((foreign.0, foreign.2.as_str()), (403, r#"{"message":"Forbidden"}"#));
    let large = ask(&made.endpoint, &["POST /x HTTP/1.1"], &vec![b'x'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((large.0, large.2.as_str()), (413, r#"{"message":"Request Entity Too Large"}"#));
    let long = format!("x-long: {}", "x".repeat(11_000));
    assert_eq!(ask(&made.endpoint, &["GET /x HTTP/1.1", &long], b"").await.0, 431);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_keeps_its_address_and_everything_in_it_after_a_kill() {
    let cloud = TestCloud::start().await;
    let made = {
        let apis = Apis::new(&cloud.sdk().await);
        let made = api(&apis, &function(&cloud).await).await;
        route(&apis, &made, "ANY /{proxy+}").await;
        stage(&apis, &made).await;
        allow(&cloud, &made.id).await;
        made
    };
    let cloud = cloud.kill_and_start().await;
    let apis = Apis::new(&cloud.sdk().await);
    let kept = apis.get_api().api_id(&made.id).send().await.unwrap();
    assert_eq!(kept.api_endpoint.as_deref(), Some(made.endpoint.as_str()));
    assert_eq!(kept.tags.unwrap()["owner"], "me");
    while TcpStream::connect(made.endpoint.strip_prefix("http://").unwrap()).await.is_err() {
        tokio::task::yield_now().await; // the killed one's port is free in a moment
    }
    assert_eq!(ask(&made.endpoint, &["GET /teapot HTTP/1.1"], b"").await.0, 418);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parts_of_an_api_are_made_listed_changed_and_deleted() {
    let cloud = TestCloud::start().await;
    let apis = Apis::new(&cloud.sdk().await);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live";
    let made = api(&apis, arn).await;
    let route_id = route(&apis, &made, "GET /a").await;
    stage(&apis, &made).await;

    let found = apis.get_apis().send().await.unwrap().items.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name(), Some("chat-dev"));
    let integrations = apis.get_integrations().api_id(&made.id).send().await.unwrap().items.unwrap();
    assert_eq!(integrations[0].integration_uri(), Some(arn));
    assert_eq!(integrations[0].timeout_in_millis(), Some(30_000));
    let stages = apis.get_stages().api_id(&made.id).send().await.unwrap().items.unwrap();
    assert_eq!(stages[0].default_route_settings().unwrap().throttling_burst_limit(), Some(100));
    assert_eq!(stages[0].auto_deploy(), Some(true));

    apis.update_route().api_id(&made.id).route_id(&route_id).route_key("GET /b").send().await.unwrap();
    let routes = apis.get_routes().api_id(&made.id).send().await.unwrap().items.unwrap();
    assert_eq!(routes[0].route_key(), Some("GET /b"));
    assert!(routes[0].target().unwrap().ends_with(&made.integration));

    let tagged = format!("arn:aws:apigateway:us-east-1::/apis/{}", made.id);
    apis.tag_resource().resource_arn(&tagged).tags("b", "2").send().await.unwrap();
    apis.untag_resource().resource_arn(&tagged).tag_keys("owner").send().await.unwrap();
    let tags = apis.get_tags().resource_arn(&tagged).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [("b".to_owned(), "2".to_owned())].into());

    let used = apis.delete_integration().api_id(&made.id).integration_id(&made.integration).send().await;
    assert_eq!(used.unwrap_err().code(), Some("ConflictException"));
    apis.delete_route().api_id(&made.id).route_id(&route_id).send().await.unwrap();
    apis.delete_integration().api_id(&made.id).integration_id(&made.integration).send().await.unwrap();
    apis.delete_api().api_id(&made.id).send().await.unwrap();
    let gone = apis.get_api().api_id(&made.id).send().await.unwrap_err().into_service_error();
    assert!(gone.is_not_found_exception(), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_api_cannot_be_is_refused_by_its_name() {
    let cloud = TestCloud::start().await;
    let apis = Apis::new(&cloud.sdk().await);
    let made = api(&apis, "arn:aws:lambda:us-east-1:000000000000:function:f").await;
    route(&apis, &made, "GET /a").await;

    let twin = apis.create_route().api_id(&made.id).route_key("GET /a").send().await.unwrap_err();
    assert!(twin.into_service_error().is_conflict_exception());
    let bad = apis.create_route().api_id(&made.id).route_key("FETCH /a").send().await.unwrap_err();
    assert!(bad.into_service_error().is_bad_request_exception());
    let lost = apis.create_route().api_id(&made.id).route_key("GET /b").target("integrations/none").send().await;
    assert!(lost.unwrap_err().into_service_error().is_bad_request_exception());
    let nowhere = apis.create_route().api_id("none").route_key("GET /b").send().await.unwrap_err();
    assert!(nowhere.into_service_error().is_not_found_exception());

    let socket = apis.create_api().name("x").protocol_type(ProtocolType::Websocket).send().await.unwrap_err();
    assert!(socket.message().unwrap().contains("protocolType WEBSOCKET"), "{socket:?}");
    let quick = apis.create_api().name("x").protocol_type(ProtocolType::Http).target("arn").send().await.unwrap_err();
    assert!(quick.message().unwrap().contains("target in API Gateway CreateApi"), "{quick:?}");
    let stage = apis.create_stage().api_id(&made.id).stage_name("beta").auto_deploy(true).send().await.unwrap_err();
    assert!(stage.message().unwrap().contains("stage beta"), "{stage:?}");
    let call = apis.get_vpc_links().send().await.unwrap_err();
    assert_eq!(call.message(), Some("the local cloud does not implement API Gateway GetVpcLinks"));
}
