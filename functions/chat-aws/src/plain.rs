//! An HTTP client for the SDK that speaks plain http only, for a cloud on loopback: no TLS, so no
//! certificates to load. It must not know which service is called.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Below the time after which servers commonly drop an idle connection.
const IDLE: Duration = Duration::from_secs(50);

/// The connector: hyper's pooled client over TCP.
#[derive(Debug, Clone)]
pub(crate) struct PlainHttp {
    client: Client<Tcp, SdkBody>,
}

impl PlainHttp {
    /// The client to give to the SDK.
    pub(crate) fn client() -> SharedHttpClient {
        let mut tcp = Tcp::new();
        tcp.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(tcp);
        let shared = SharedHttpConnector::new(Self { client });
        http_client_fn(move |_, _| shared.clone())
    }
}

impl HttpConnector for PlainHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
