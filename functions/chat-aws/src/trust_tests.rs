//! Whom a client meets, and whom it then trusts, for `trust.rs`.
#![allow(clippy::disallowed_methods, reason = "a test has handles of its own")]

use std::sync::atomic::AtomicU32;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;

use super::*;

/// Whom a client meets: nobody it knows, a server that hangs up, or one that answers.
#[derive(Debug, Clone)]
struct Meets {
    fails: Option<&'static str>,
    calls: Arc<AtomicU32>,
}

impl Meets {
    fn new(fails: Option<&'static str>) -> Self {
        Self { fails, calls: Arc::default() }
    }

    fn client(&self) -> SharedHttpClient {
        let shared = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| shared.clone())
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

/// How often it was asked to read its certificates ahead.
#[derive(Debug, Clone, Default)]
struct Reads(Arc<AtomicU32>);

impl HttpClient for Reads {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Meets::new(None))
    }

    fn validate_base_client_config(&self, _: &RuntimeComponentsBuilder, _: &ConfigBag) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl HttpConnector for Meets {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.calls.fetch_add(1, Ordering::Relaxed);
        HttpConnectorFuture::ready(match self.fails {
            Some(words) => Err(ConnectorError::io(std::io::Error::other(words).into())),
            None => Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}"))),
        })
    }
}

fn sqs(client: SharedHttpClient) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(client);
    aws_sdk_sqs::Client::from_conf(config.build())
}

async fn two_calls(amazons: &Meets, systems: &Meets) -> [bool; 2] {
    let sqs = sqs(SharedHttpClient::new(Trusting::new(amazons.client(), systems.client())));
    [sqs.list_queues().send().await.is_ok(), sqs.list_queues().send().await.is_ok()]
}

#[tokio::test]
async fn an_endpoint_that_amazons_roots_do_not_know_is_asked_over_the_systems_from_then_on() {
    let (amazons, systems) = (Meets::new(Some("invalid peer certificate: UnknownIssuer")), Meets::new(None));
    assert_eq!(two_calls(&amazons, &systems).await, [true, true]);
    assert_eq!((amazons.calls(), systems.calls()), (1, 2));
}

#[tokio::test]
async fn aws_itself_is_asked_over_amazons_roots_and_another_failure_is_no_reason_to_trust_more() {
    let (amazons, systems) = (Meets::new(None), Meets::new(None));
    assert_eq!(two_calls(&amazons, &systems).await, [true, true]);
    assert_eq!((amazons.calls(), systems.calls()), (2, 0));
    let (amazons, systems) = (Meets::new(Some("invalid peer certificate: Expired")), Meets::new(None));
    assert_eq!(two_calls(&amazons, &systems).await, [false, false]);
    assert_eq!((amazons.calls(), systems.calls()), (2, 0));
}

#[test]
fn amazons_roots_are_read_ahead_once_for_all_handles_and_the_systems_are_not() {
    let (amazons, systems) = (Reads::default(), Reads::default());
    let client = Trusting::new(SharedHttpClient::new(amazons.clone()), SharedHttpClient::new(systems.clone()));
    let client = SharedHttpClient::new(client);
    for _ in 0..3 {
        sqs(client.clone());
    }
    assert_eq!([amazons, systems].map(|reads| reads.0.load(Ordering::Relaxed)), [1, 0]);
}

#[test]
fn amazons_five_roots_can_be_read() {
    let text = std::str::from_utf8(AMAZONS_ROOTS).unwrap();
    assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
    // Reads each of them, and does not come back where one can't be.
    sqs(over(TrustStore::empty().with_pem_certificate(AMAZONS_ROOTS)));
}
