//! Plain http for a cloud on loopback: no TLS, so no certificates are loaded, which is most of an
//! SDK's start. It must not know which service is called.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector as Tcp},
    rt::{TokioExecutor, TokioTimer},
};

/// Connections that nobody uses are closed after this time.
const IDLE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
struct Plain(Client<Tcp, SdkBody>);

/// The client to give to the SDK.
pub(super) fn client() -> SharedHttpClient {
    let mut tcp = Tcp::new();
    tcp.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(tcp);
    let shared = SharedHttpConnector::new(Plain(client));
    http_client_fn(move |_, _| shared.clone())
}

impl HttpConnector for Plain {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
