//! Lambda as the SDK sees it: functions, versions, aliases, permissions, and what processes may do to each other.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, InvocationType, LogType, Runtime};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::cloud::TestCloud;
use crate::life::Folder;
use crate::puppet::{Puppeteer, puppet, puppet_code, role, zip_of};

async fn invoke(lambda: &Client, name: &str, event: Value) -> InvokeOutput {
    lambda.invoke().function_name(name).payload(Blob::new(event.to_string())).send().await.unwrap()
}

fn payload(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().unwrap().as_ref()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_answers_and_the_end_of_its_log_comes_with_it() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "echo", 5, &[]).await;
    let event = json!({"a": ["ü", 1]});
    let invoke = lambda.invoke().function_name("echo").payload(Blob::new(event.to_string()));
    let answer = invoke.log_type(LogType::Tail).send().await.unwrap();
    assert_eq!(payload(&answer), event);
    assert_eq!(answer.executed_version(), Some("$LATEST"));
    let tail = base64::prelude::BASE64_STANDARD.decode(answer.log_result().unwrap()).unwrap();
    let tail = String::from_utf8(tail).unwrap();
    for (line, part) in tail.lines().zip(["START RequestId", "an event", "END RequestId", "REPORT RequestId"]) {
        assert!(line.starts_with(part), "{tail}");
    }
    assert!(tail.contains("Memory Size: 128 MB") && tail.contains("Init Duration"), "{tail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_knows_who_it_is_and_nothing_of_who_started_it() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "who", 5, &[("PUPPETEER", &puppeteer.address()), ("OWN", "1")]).await;
    let (_, called) = tokio::join!(invoke(&lambda, "who", json!({})), async {
        let called = puppeteer.called().await;
        let told = called.told.clone();
        called.does(json!({"answer": null})).await;
        told
    });
    let environment = called["env"].as_object().unwrap();
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "who"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/who"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", &cloud.identity.endpoint),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("OWN", "1"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert!(!environment.contains_key("HOME") && !environment.contains_key("CARGO_MANIFEST_DIR"));
    assert_eq!(called["arn"], "arn:aws:lambda:us-east-1:000000000000:function:who");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_errs_hangs_or_exits_is_told_apart_and_runs_again() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "bad", 1, &[("PUPPETEER", &puppeteer.address())]).await;
    for (does, kind, message) in [
        (json!({"error": {"errorType": "Mine", "errorMessage": "x"}}), "Mine", "x"),
        (json!({"hang": 1}), "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        (json!({"exit": 3}), "Runtime.ExitError", "exit status 3"),
        (json!({"large": 6_291_557}), "Function.ResponseSizeTooLarge", "6291556"),
    ] {
        let (answer, _) = tokio::join!(invoke(&lambda, "bad", json!({})), async {
            puppeteer.called().await.does(does.clone()).await
        });
        assert_eq!(answer.function_error(), Some("Unhandled"), "{does}");
        let error = payload(&answer);
        assert_eq!(error["errorType"], kind, "{error}");
        assert!(error["errorMessage"].as_str().unwrap().contains(message), "{error}");
    }
    let (answer, _) = tokio::join!(invoke(&lambda, "bad", json!({})), puppeteer.answer(json!("well")));
    assert_eq!(payload(&answer), "well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_to_the_runtime_api_harms_nobody() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "rubbish", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    let rubbish = json!({"post": [
        ["/invocation/no-such-id/response", "1"],
        ["/nothing/here", "1"],
        ["/invocation/ID/response", "\"first\""],
        ["/invocation/ID/response", "\"second\""],
        ["/invocation/ID/error", "{}"],
    ]});
    let (answer, _) =
        tokio::join!(invoke(&lambda, "rubbish", json!({})), async { puppeteer.called().await.does(rubbish).await });
    assert_eq!(payload(&answer), "first");
    let (answer, _) = tokio::join!(invoke(&lambda, "rubbish", json!({})), puppeteer.answer(json!("again")));
    assert_eq!(payload(&answer), "again");
    let host = format!("host: 127.0.0.1:{}", cloud.identity.port);
    let answer = cloud.raw(&["GET /_runtime/ffff/2018-06-01/runtime/invocation/next HTTP/1.1", &host], "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_cannot_start_says_why() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "told", 5, &[("INIT", "error")]).await;
    let answer = invoke(&lambda, "told", json!({})).await;
    assert_eq!(payload(&answer)["errorMessage"], "no way");
    puppet(&cloud.sdk().await, "silent", 5, &[("INIT", "exit")]).await;
    let answer = invoke(&lambda, "silent", json!({})).await;
    assert!(payload(&answer)["errorMessage"].as_str().unwrap().contains("exit status 7"));
    let code = zip_of(&[("bootstrap", "#!/no/such/interpreter\n")]);
    lambda.update_function_code().function_name("silent").zip_file(code).send().await.unwrap();
    let answer = invoke(&lambda, "silent", json!({})).await;
    assert_eq!(payload(&answer)["errorType"], "Runtime.InvalidEntrypoint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_run_at_once_as_are_reserved_and_one_more_is_throttled() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "many", 30, &[("PUPPETEER", &puppeteer.address())]).await;
    let reserve = lambda.put_function_concurrency().function_name("many");
    reserve.reserved_concurrent_executions(2).send().await.unwrap();
    let (one, two, ()) = tokio::join!(invoke(&lambda, "many", json!(1)), invoke(&lambda, "many", json!(2)), async {
        let (first, second) = (puppeteer.called().await, puppeteer.called().await);
        assert_ne!(first.told["pid"], second.told["pid"]);
        let config = aws_sdk_lambda::config::Builder::from(&cloud.sdk().await)
            .retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled())
            .build();
        let impatient = Client::from_conf(config);
        let refused = impatient.invoke().function_name("many").send().await.unwrap_err();
        assert_eq!(refused.code(), Some("TooManyRequestsException"));
        for called in [first, second] {
            let event = called.told["event"].clone();
            called.does(json!({"answer": event})).await;
        }
    });
    assert_eq!((payload(&one), payload(&two)), (json!(1), json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_process_is_used_again_until_the_code_changes() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "warm", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    let pid = async || {
        let (_, pid) = tokio::join!(invoke(&lambda, "warm", json!({})), async {
            let called = puppeteer.called().await;
            let pid = called.told["pid"].clone();
            called.does(json!({"answer": null})).await;
            pid
        });
        pid
    };
    let first = pid().await;
    assert_eq!(pid().await, first);
    lambda.update_function_code().function_name("warm").zip_file(puppet_code("2")).send().await.unwrap();
    assert_ne!(pid().await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a23_a_version_is_published_only_when_something_changed() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "versions", 5, &[]).await;
    let publish = async || lambda.publish_version().function_name("versions").send().await.unwrap().version.unwrap();
    assert_eq!(publish().await, "1");
    assert_eq!(publish().await, "1");
    lambda.update_function_configuration().function_name("versions").timeout(6).send().await.unwrap();
    assert_eq!(publish().await, "2");
    let updated = lambda.update_function_code().function_name("versions").zip_file(puppet_code("2"));
    assert_eq!(updated.publish(true).send().await.unwrap().version(), Some("3"));
    let listed = lambda.list_versions_by_function().function_name("versions").send().await.unwrap();
    let labels: Vec<_> = listed.versions().iter().filter_map(|version| version.version()).collect();
    assert_eq!(labels, ["$LATEST", "1", "2", "3"]);
    let old = lambda.get_function_configuration().function_name("versions").qualifier("1").send().await.unwrap();
    assert_eq!(old.timeout(), Some(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_moves_from_version_to_version() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "moves", 5, &[]).await;
    lambda.publish_version().function_name("moves").send().await.unwrap();
    let create = lambda.create_alias().function_name("moves").name("live").function_version("1");
    let made = create.clone().send().await.unwrap();
    assert!(made.alias_arn().unwrap().ends_with(":function:moves:live"));
    assert_eq!(create.send().await.unwrap_err().code(), Some("ResourceConflictException"));
    let update = lambda.update_function_code().function_name("moves").zip_file(puppet_code("2")).publish(true);
    update.send().await.unwrap();
    let moving = lambda.update_alias().function_name("moves").name("live").function_version("2");
    let stale = moving.clone().revision_id("another").send().await.unwrap_err();
    assert_eq!(stale.code(), Some("PreconditionFailedException"));
    moving.send().await.unwrap();
    let answer = lambda.invoke().function_name("moves:live").payload(Blob::new("7")).send().await.unwrap();
    assert_eq!((answer.executed_version(), payload(&answer)), (Some("2"), json!(7)));
    let absent = lambda.invoke().function_name("moves").qualifier("other").send().await.unwrap_err();
    assert_eq!(absent.code(), Some("ResourceNotFoundException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a31_a_statement_belongs_to_its_qualifier_and_exists_once() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "asked", 5, &[]).await;
    lambda.publish_version().function_name("asked").send().await.unwrap();
    lambda.create_alias().function_name("asked").name("live").function_version("1").send().await.unwrap();
    let add = lambda.add_permission().function_name("asked").qualifier("live").statement_id("api");
    let add = add.action("lambda:InvokeFunction").principal("apigateway.amazonaws.com").source_arn("arn:x/*");
    add.clone().send().await.unwrap();
    assert_eq!(add.send().await.unwrap_err().code(), Some("ResourceConflictException"));
    let none = lambda.get_policy().function_name("asked").send().await.unwrap_err();
    assert_eq!(none.code(), Some("ResourceNotFoundException"));
    let policy = lambda.get_policy().function_name("asked").qualifier("live").send().await.unwrap();
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Condition"]["ArnLike"]["AWS:SourceArn"], "arn:x/*");
    let remove = lambda.remove_permission().function_name("asked").qualifier("live").statement_id("api");
    remove.clone().send().await.unwrap();
    assert_eq!(remove.send().await.unwrap_err().code(), Some("ResourceNotFoundException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_a_role_that_is_not_there_cannot_be_assumed() {
    let cloud = TestCloud::start().await;
    let lambda = Client::new(&cloud.sdk().await);
    let create =
        lambda.create_function().function_name("f").runtime(Runtime::from("provided.al2023")).handler("bootstrap");
    let create = create.code(FunctionCode::builder().zip_file(puppet_code("1")).build());
    let refused = create.clone().role("arn:aws:iam::000000000000:role/none").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValueException"));
    assert!(refused.message().unwrap().contains("cannot be assumed"));
    let create = create.role(role(&cloud.sdk().await).await);
    create.clone().send().await.unwrap();
    assert_eq!(create.send().await.unwrap_err().code(), Some("ResourceConflictException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_taken_at_once_and_carried_out() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "later", 5, &[("PUPPETEER", &puppeteer.address())]).await;
    let invoke = lambda.invoke().function_name("later").invocation_type(InvocationType::Event);
    let taken = invoke.payload(Blob::new(r#"{"n":1}"#)).send().await.unwrap();
    assert_eq!(taken.status_code(), 202);
    assert_eq!(puppeteer.answer(json!(null)).await, json!({"n": 1}));
    let dry = lambda.invoke().function_name("later").invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code(), 204);
    let bad = lambda.invoke().function_name("later").payload(Blob::new("no json")).send().await.unwrap_err();
    assert_eq!(bad.code(), Some("InvalidRequestContentException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_limits_and_settings_are_kept_and_shown() {
    let cloud = TestCloud::start().await;
    let lambda = puppet(&cloud.sdk().await, "kept", 5, &[("A", "b")]).await;
    let shown = lambda.get_function().function_name("kept").send().await.unwrap();
    let configuration = shown.configuration().unwrap();
    let arn = configuration.function_arn().unwrap();
    assert_eq!(configuration.environment().unwrap().variables().unwrap()["A"], "b");
    lambda.tag_resource().resource(arn).tags("owner", "x").tags("other", "y").send().await.unwrap();
    lambda.untag_resource().resource(arn).tag_keys("other").send().await.unwrap();
    let tags = lambda.list_tags().resource(arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [("owner".to_owned(), "x".to_owned())]);
    let allow = aws_sdk_lambda::types::RecursiveLoop::Allow;
    lambda.put_function_recursion_config().function_name("kept").recursive_loop(allow.clone()).send().await.unwrap();
    let kept = lambda.get_function_recursion_config().function_name("kept").send().await.unwrap();
    assert_eq!(kept.recursive_loop(), Some(&allow));
    let settings = lambda.get_account_settings().send().await.unwrap();
    assert_eq!(settings.account_limit().unwrap().concurrent_executions(), 1000);
    let url =
        lambda.create_function_url_config().function_name("kept").auth_type("NONE".into()).send().await.unwrap_err();
    assert!(url.message().unwrap().contains("CreateFunctionUrlConfig"));
    lambda.delete_function().function_name("kept").send().await.unwrap();
    assert!(lambda.list_functions().send().await.unwrap().functions().is_empty());
    let gone = lambda.get_function().function_name("kept").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
}

#[test]
fn functions_are_there_again_after_a_kill() {
    let folder = Folder::new("functions");
    folder.life(async |sdk| {
        let lambda = puppet(&sdk, "again", 5, &[]).await;
        lambda.publish_version().function_name("again").send().await.unwrap();
        assert_eq!(payload(&invoke(&lambda, "again", json!(1)).await), 1);
    });
    folder.life(async |sdk| {
        let lambda = Client::new(&sdk);
        assert_eq!(payload(&invoke(&lambda, "again:1", json!(2)).await), 2);
    });
}
