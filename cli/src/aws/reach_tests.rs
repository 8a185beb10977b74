//! A network that is gone for a while, for `reach.rs`.
#![allow(clippy::disallowed_methods, reason = "a test has handles of its own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_sts::config::{Credentials, Region};
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;

use super::super::{CallError, behaviour, call};
use super::*;

const ANSWER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                      </GetCallerIdentityResult></GetCallerIdentityResponse>";

/// Connections are refused until then.
#[derive(Debug, Clone)]
struct Gone {
    back: Instant,
    tries: Arc<AtomicU32>,
}

impl HttpConnector for Gone {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.tries.fetch_add(1, Ordering::Relaxed);
        if Instant::now() < self.back {
            let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            return HttpConnectorFuture::ready(Err(ConnectorError::io(refused.into())));
        }
        let status = 200.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(ANSWER))))
    }
}

/// A call while the network is gone for so long: what came of it, how often it was tried, and after which time.
async fn gone_for(seconds: u64) -> (Result<String, CallError>, u32, Duration) {
    let began = Instant::now();
    let gone = Gone { back: began + Duration::from_secs(seconds), tries: Arc::default() };
    let shared = SharedHttpConnector::new(gone.clone());
    let client = Patient(http_client_fn(move |_, _| shared.clone()));
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(behaviour())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(client)
        .build();
    let sent = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
    let answer = sent.map_err(call("STS", "GetCallerIdentity", "this account"));
    let account = answer.map(|answer| answer.account.unwrap_or_default());
    (account, gone.tries.load(Ordering::Relaxed), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_network_that_dies_for_30_s_is_waited_for() {
    let (account, _, took) = gone_for(30).await;
    assert_eq!(account.unwrap(), "123456789012");
    assert!(took < Duration::from_secs(35), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_stays_away_is_given_up_once_and_not_by_every_layer_again() {
    let (account, tries, took) = gone_for(3_600).await;
    let error = account.unwrap_err();
    assert_eq!(error.kind, super::super::Kind::Unreachable, "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(took < Duration::from_secs(60) && tries < 20, "{tries} tries in {took:?}");
}

/// Over real connections to a server that takes each request and hangs up: how often it was asked.
async fn asked_where_no_answer_comes(port: impl FnOnce(&std::net::TcpListener) -> u16) -> (bool, u32) {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = (port(&server), Arc::new(AtomicU32::new(0)));
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut stream in server.incoming().map_while(Result::ok) {
            let mut some = [0; 16];
            if std::io::Read::read(&mut stream, &mut some).is_ok_and(|read| read > 0) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(behaviour())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .http_client(Patient(https()))
        .build();
    let sent = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send();
    let ended = tokio::time::timeout(Duration::from_millis(1_500), sent).await;
    (ended.is_ok(), asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a12_what_was_sent_is_sent_once_and_its_caller_decides_about_the_answer_that_was_lost() {
    assert_eq!(asked_where_no_answer_comes(|server| server.local_addr().unwrap().port()).await, (true, 1));
}

#[tokio::test]
async fn what_could_not_be_sent_is_waited_with() {
    let nobody = |_: &std::net::TcpListener| {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        other.local_addr().unwrap().port()
    };
    assert_eq!(asked_where_no_answer_comes(nobody).await, (false, 0), "it still waits for the network");
}
