//! The way to AWS: HTTPS with the system's certificates and proxies, and patience with a network that is gone
//! for a while. It must not know what is called.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::{Instant, sleep};

/// How long a network may be gone before a call gives up. With the last try it is below a minute.
const PATIENCE: Duration = Duration::from_secs(45);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The SDK's own client, made by hand so that it can be wrapped: where the SDK makes it, nobody else gets it.
pub(super) fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// A client that waits for a network to come back, within bounds. What may have been sent already is not its to repeat:
/// each caller's retries say whether a call may be made twice (A12).
#[derive(Debug)]
pub(super) struct Patient(pub(super) SharedHttpClient);

impl HttpClient for Patient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(PatientConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct PatientConnector(SharedHttpConnector);

impl HttpConnector for PatientConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let inner = self.0.clone();
        HttpConnectorFuture::new(async move {
            let (began, mut pause, mut request) = (Instant::now(), FIRST_PAUSE, request);
            loop {
                let again = request.try_clone();
                match (inner.call(request).await, again) {
                    (Err(error), Some(again)) if unsent(&error) && began.elapsed() < PATIENCE => {
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        request = again;
                    }
                    // Told as what is not tried again: the SDK would begin anew, eight times.
                    (Err(error), Some(_)) if unsent(&error) => return Err(ConnectorError::other(error.into(), None)),
                    (ended, _) => return ended,
                }
            }
        })
    }
}

/// Whether nothing of it can have been sent: no connection came to be.
fn unsent(error: &ConnectorError) -> bool {
    const NOBODY_THERE: [ErrorKind; 5] = [
        ErrorKind::ConnectionRefused,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::AddrNotAvailable,
    ];
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let connecting = error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|it| it.is_connect());
        let refused = error.downcast_ref::<io::Error>().is_some_and(|it| NOBODY_THERE.contains(&it.kind()));
        if connecting || refused {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
