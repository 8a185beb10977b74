//! A service at its limit, for `quota.rs`.
#![allow(clippy::disallowed_methods, reason = "a test has handles of its own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use super::super::behaviour;
use super::*;

/// A service at its limit.
#[derive(Clone, Debug)]
struct Full {
    message: &'static str,
    calls: Arc<AtomicU32>,
}

impl HttpConnector for Full {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#LimitExceededException","message":"{}"}}"#,
            self.message
        );
        HttpConnectorFuture::ready(Ok(HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body))))
    }
}

/// How often a call is made whose answer is always this one.
async fn calls(message: &'static str) -> u32 {
    let full = Full { message, calls: Arc::default() };
    let connector = SharedHttpConnector::new(full.clone());
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(behaviour())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .retry_classifier(Quotas)
        .build();
    let refused = aws_sdk_dynamodb::Client::from_conf(config).describe_table().table_name("t").send().await;
    assert!(refused.is_err());
    full.calls.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a32_a_quota_is_asked_for_once_and_a_throttled_call_again() {
    assert_eq!(calls("Subscriber limit exceeded: 2500 tables").await, 1);
    assert_eq!(calls("Rate exceeded").await, 4);
}
