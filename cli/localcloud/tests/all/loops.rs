//! A25: a chain function → queue → function is stopped after sixteen turns, unless the function's settings allow it. The
//! puppet's messages are sent with the header that an SDK sends from a function's environment.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::RecursiveLoop;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use crate::cloud::TestCloud;
use crate::poison::next_of;
use crate::puppet::{Called, Puppeteer, puppet};
use crate::sources::queue_mapping;

const HEADER: &str = "x-amzn-trace-id";
/// A loop that is not stopped by then is not stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// A queue with a dead-letter queue, and a function that reads it.
struct Ring {
    sqs: Sqs,
    lambda: Lambda,
    queue: String,
    dead: String,
}

async fn ring(sdk: &SdkConfig, puppeteer: &Puppeteer) -> Ring {
    let sqs = Sqs::new(sdk);
    let dead = sqs.create_queue().queue_name("dead").send().await.unwrap().queue_url.unwrap();
    let redrive = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 100});
    let create = sqs.create_queue().queue_name("queue");
    let create = create.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
    let queue = create.send().await.unwrap().queue_url.unwrap();
    let lambda = puppet(sdk, "reader", 20, &[("PUPPETEER", &puppeteer.address())]).await;
    queue_mapping(&lambda, "arn:aws:sqs:us-east-1:000000000000:queue").send().await.unwrap();
    Ring { sqs, lambda, queue, dead }
}

impl Ring {
    /// Sends as a function does whose environment has this trace.
    async fn send(&self, body: &str, trace: Option<String>) {
        let request = self.sqs.send_message().queue_url(&self.queue).message_body(body).customize();
        let request = request.mutate_request(move |request| {
            if let Some(trace) = &trace {
                request.headers_mut().insert(HEADER, trace.clone());
            }
        });
        request.send().await.unwrap();
    }

    /// The function puts what it got back on its own queue.
    async fn turn(&self, called: Called) -> String {
        let trace = called.told["trace"].as_str().unwrap().to_owned();
        let body = called.told["event"]["Records"][0]["body"].as_str().unwrap().to_owned();
        self.send(&body, Some(trace.clone())).await;
        called.does(json!({"answer": null})).await;
        trace
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a25_a_loop_is_stopped_after_sixteen_turns_and_its_message_goes_to_the_dlq() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let ring = ring(&cloud.sdk().await, &puppeteer).await;
    ring.send("round", None).await;
    let mut turns = 0;
    let mut next = std::pin::pin!(next_of(&ring.sqs, &ring.dead));
    let looping = async {
        loop {
            tokio::select! {
                dead = &mut next => break dead,
                called = puppeteer.called() => turns += usize::from(!ring.turn(called).await.is_empty()),
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, looping).await.expect("an end of the loop"), "round");
    assert_eq!(turns, 16);
    ring.send("another", None).await; // what is not of that chain goes on
    let event = puppeteer.answer(json!(null)).await;
    assert_eq!(event["Records"][0]["body"], "another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a25_a_function_that_may_loop_is_not_stopped() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let ring = ring(&cloud.sdk().await, &puppeteer).await;
    let allow =
        ring.lambda.put_function_recursion_config().function_name("reader").recursive_loop(RecursiveLoop::Allow);
    allow.send().await.unwrap();
    ring.send("round", None).await;
    for _ in 0..20 {
        let called = tokio::time::timeout(PATIENCE, puppeteer.called()).await.expect("the next turn");
        ring.turn(called).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a25_a_function_that_calls_itself_is_told_that_it_loops() {
    let cloud = TestCloud::start().await;
    let puppeteer = Puppeteer::new().await;
    let lambda = puppet(&cloud.sdk().await, "self", 20, &[("PUPPETEER", &puppeteer.address())]).await;
    let mark = trace_of_a_call(&lambda, &puppeteer).await;
    let mark = mark.split("Lineage=").nth(1).unwrap().split(':').next().unwrap().to_owned();
    let call = async |turns: u32| {
        let trace = format!("Root=1-0-0;Lineage={mark}:{turns}");
        let request = lambda.invoke().function_name("self").customize();
        let header = move |request: &mut aws_sdk_lambda::config::http::HttpRequest| {
            request.headers_mut().insert(HEADER, trace.clone());
        };
        request.mutate_request(header).send().await
    };
    let (last, _) = tokio::join!(call(15), puppeteer.answer(json!(null)));
    assert_eq!(last.unwrap().status_code, 200);
    let stopped = call(16).await.unwrap_err();
    assert_eq!(stopped.code(), Some("RecursiveInvocationException"));
}

/// The trace that the function is given, which names it once.
async fn trace_of_a_call(lambda: &Lambda, puppeteer: &Puppeteer) -> String {
    let told = async {
        let called = puppeteer.called().await;
        let trace = called.told["trace"].as_str().unwrap().to_owned();
        called.does(json!({"answer": null})).await;
        trace
    };
    tokio::join!(lambda.invoke().function_name("self").send(), told).1
}
