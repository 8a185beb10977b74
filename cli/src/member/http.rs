//! One connection pool for a member: plain http on the loopback, https elsewhere, and the upgrade
//! to a WebSocket. Must not know what is sent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

/// Longer than any function may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);
/// More than any page of messages has.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum HttpError {
    #[error("{host} cannot be reached")]
    Unreachable { host: String, source: Cause },
    #[error("{host} did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent { host: String },
    #[error("the answer of {host} cannot be read")]
    Broken { host: String, source: Cause },
    #[error("there are no certificates to trust on this computer")]
    NoCertificates { source: Cause },
}

/// The pool. A clone shares it.
#[derive(Clone)]
pub struct Http {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when first needed: reading the system's certificates takes 20 ms.
    secure: Arc<OnceLock<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>>,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// An empty pool.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { plain: Client::builder(TokioExecutor::new()).build(connector), secure: Arc::default() }
    }

    /// Sends a request and reads the whole answer.
    pub async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let host = host_of(request.uri());
        let answered = async {
            let (head, body) = self.send(request, &host).await?.into_parts();
            match Limited::new(body, LARGEST_ANSWER).collect().await {
                Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
                Err(source) => Err(HttpError::Broken { host: host.clone(), source }),
            }
        };
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Silent { host }),
        }
    }

    /// Sends a request for another protocol: the answer's head and the connection that it leaves.
    pub(super) async fn upgrade(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<()>, TokioIo<Upgraded>), HttpError> {
        let host = host_of(request.uri());
        let upgraded = async {
            let mut answer = self.send(request, &host).await?;
            let connection = hyper::upgrade::on(&mut answer);
            let (head, _) = answer.into_parts();
            match connection.await {
                Ok(connection) => Ok((Response::from_parts(head, ()), TokioIo::new(connection))),
                Err(source) => Err(HttpError::Broken { host: host.clone(), source: source.into() }),
            }
        };
        match tokio::time::timeout(ANSWER_WITHIN, upgraded).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Silent { host }),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>, host: &str) -> Result<Response<Incoming>, HttpError> {
        let answer = match request.uri().scheme_str() {
            Some("https") => self.secure()?.request(request).await,
            _ => self.plain.request(request).await,
        };
        answer.map_err(|source| HttpError::Unreachable { host: host.to_owned(), source: source.into() })
    }

    fn secure(&self) -> Result<&Client<HttpsConnector<HttpConnector>, Full<Bytes>>, HttpError> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|source| HttpError::NoCertificates { source: source.into() })?
            .https_only()
            .enable_http1()
            .build();
        Ok(self.secure.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector)))
    }
}

fn host_of(uri: &Uri) -> String {
    uri.authority().map_or_else(|| uri.to_string(), |authority| authority.to_string())
}
