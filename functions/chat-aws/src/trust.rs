//! Whom the functions trust to be AWS: the five roots that Amazon Trust Services sign AWS's endpoints with, and
//! the system's only where those do not do (another partition, an endpoint of one's own). Reading five
//! certificates instead of all is most of a cold start. It must not know which service is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// <https://www.amazontrust.com/repository/>: Amazon Root CA 1 to 4, and Starfield Services Root CA G2. The first
/// of them ends in 2037.
const AMAZONS_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");
/// What rustls says of a certificate whose issuer it does not know.
const UNKNOWN_ISSUER: &str = "UnknownIssuer";

/// The client to give to the SDK.
pub(crate) fn client() -> SharedHttpClient {
    let amazons = over(TrustStore::empty().with_pem_certificate(AMAZONS_ROOTS));
    SharedHttpClient::new(Trusting::new(amazons, over(TrustStore::default())))
}

/// A client over TLS that trusts these. Its certificates are read when its first connector is made.
fn over(roots: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(roots).build();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        match &context {
            Ok(context) => connector.tls_context(context.clone()).build(),
            Err(_) => connector.build(),
        }
    })
}

/// Amazon's roots first.
#[derive(Debug)]
struct Trusting {
    amazons: SharedHttpClient,
    systems: SharedHttpClient,
    /// Whether somebody answered whom Amazon's roots do not know.
    foreign: Arc<AtomicBool>,
    /// Whether Amazon's roots were read ahead.
    read: Once,
}

impl Trusting {
    fn new(amazons: SharedHttpClient, systems: SharedHttpClient) -> Self {
        Self { amazons, systems, foreign: Arc::default(), read: Once::new() }
    }
}

impl HttpClient for Trusting {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        if self.foreign.load(Ordering::Relaxed) {
            return self.systems.http_connector(settings, components);
        }
        SharedHttpConnector::new(Connector {
            amazons: self.amazons.http_connector(settings, components),
            systems: self.systems.clone(),
            foreign: self.foreign.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    /// Where the SDK has certificates read ahead of the first call: Lambda gives a start more of a processor than
    /// a call. It asks for that with every handle that is made; once is enough.
    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        bag: &ConfigBag,
    ) -> Result<(), BoxError> {
        let mut ended = Ok(());
        self.read.call_once(|| ended = self.amazons.validate_base_client_config(components, bag));
        ended
    }
}

#[derive(Debug)]
struct Connector {
    amazons: SharedHttpConnector,
    systems: SharedHttpClient,
    foreign: Arc<AtomicBool>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let again = request.try_clone();
        let asked = self.amazons.call(request);
        let (systems, foreign) = (self.systems.clone(), self.foreign.clone());
        let (settings, components) = (self.settings.clone(), self.components.clone());
        HttpConnectorFuture::new(async move {
            match (asked.await, again) {
                // Nothing was sent: the handshake did not end.
                (Err(error), Some(again)) if unknown_issuer(&error) => {
                    foreign.store(true, Ordering::Relaxed);
                    systems.http_connector(&settings, &components).call(again).await
                }
                (ended, _) => ended,
            }
        })
    }
}

fn unknown_issuer(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains(UNKNOWN_ISSUER) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
