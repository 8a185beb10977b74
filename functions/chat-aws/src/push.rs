//! The way to the push services: one POST a notice (RFC 8030), over HTTPS with the connections kept, without
//! redirects, in bounded time, and only to where the stage sends. It must not know what a notice says.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fmt, io, vec};

use aws_smithy_types::body::SdkBody;
use chat::client::{Endpoint, PushServices};
use chat::delivery::{PushAnswer, retry_after};
use chat::notice::Notice;
use chat::ports::{PortError, PortResult, PushGate};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lambda_runtime::tower::{self, util::BoxCloneSyncService};

use crate::moment;

/// How long a push service may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// Below the time after which push services drop an idle connection.
const IDLE: Duration = Duration::from_secs(50);
/// How much of an answer's body is read, only so that its connection can be used again.
const BODY_MOST: usize = 8 * 1024;

type Found = vec::IntoIter<SocketAddr>;
type Resolver = BoxCloneSyncService<Name, Found, io::Error>;
/// Bodies are the SDK's: then its connections and these are the same code, compiled once.
type Secure = Client<HttpsConnector<HttpConnector<Resolver>>, SdkBody>;
type Plain = Client<HttpConnector, SdkBody>;

/// The push services of a stage.
pub struct HttpsGate {
    services: PushServices,
    plain: Plain,
    secure: OnceLock<Secure>,
}

impl fmt::Debug for HttpsGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsGate").field("services", &self.services).finish_non_exhaustive()
    }
}

impl HttpsGate {
    /// The way to these services.
    pub fn new(services: PushServices) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN));
        Self { services, plain: builder().build(tcp), secure: OnceLock::new() }
    }

    /// The client for HTTPS, with the system's certificates: only made when it is needed, since loading those takes
    /// longer than everything else at a start.
    fn secure(&self) -> PortResult<&Secure> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let mut tcp = HttpConnector::new_with_resolver(public_addresses());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN));
        let tls = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| PortError::new(format!("the system's certificates can't be loaded: {error}"), false))?
            .https_only()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        Ok(self.secure.get_or_init(|| builder().build(tls)))
    }

    async fn post(&self, endpoint: &Endpoint, request: Request<SdkBody>) -> PortResult<Response<Incoming>> {
        let lost = |error: hyper_util::client::legacy::Error| {
            PortError::new(format!("{} did not answer: {}", endpoint.host(), in_words(&error)), true)
        };
        if endpoint.as_str().starts_with("https://") {
            self.secure()?.request(request).await.map_err(lost)
        } else {
            self.plain.request(request).await.map_err(lost)
        }
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
    builder
}

/// Names are resolved to public addresses only: a name on the list that points inside is nobody's push service.
fn public_addresses() -> Resolver {
    BoxCloneSyncService::new(tower::service_fn(|name: Name| async move {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
        if public.is_empty() {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "its name has no public address"));
        }
        Ok(public.into_iter())
    }))
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let special = ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast();
            !(ip.is_private() || special || shared) && a != 0 && a < 240
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

fn request(notice: &Notice) -> PortResult<Request<SdkBody>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(notice.endpoint.as_str())
        .header("ttl", notice.ttl_s)
        .header("urgency", Notice::URGENCY)
        .header("content-encoding", Notice::ENCODING)
        .header("content-type", "application/octet-stream")
        .header("authorization", &*notice.authorization);
    let request = match &notice.topic {
        Some(topic) => request.header("topic", topic.as_str()),
        None => request,
    };
    request
        .body(SdkBody::from(notice.body.clone()))
        .map_err(|error| PortError::new(format!("a push can't be addressed: {error}"), false))
}

fn in_words(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

impl PushGate for HttpsGate {
    async fn send(&self, notice: &Notice) -> PortResult<PushAnswer> {
        // Checked again here: what was allowed when it was stored may not be now.
        notice.endpoint.allowed(&self.services).map_err(|bad| PortError::new(bad.to_string(), false))?;
        let request = request(notice)?;
        let answered = async {
            let response = self.post(&notice.endpoint, request).await?;
            let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let now_s = moment::now_micros() / 1_000_000;
            let answer = PushAnswer {
                status: response.status().as_u16(),
                retry_after: header.and_then(|text| retry_after(text, now_s)),
            };
            // Read to its end, so that the connection is free again; what it says is not needed.
            let _ = Limited::new(response.into_body(), BODY_MOST).collect().await;
            Ok(answer)
        };
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(answer) => answer,
            Err(_) => Err(PortError::new(format!("{} did not answer in time", notice.endpoint.host()), true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_sent_to() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["142.250.74.42", "34.107.221.82", "2a00:1450:4001:80b::200a"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
