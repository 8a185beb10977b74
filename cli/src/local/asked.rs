//! Questions to a local cloud that may run on this machine. Must not start or end one.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use localcloud::Identity;

/// How long a question to a cloud on this machine may take.
const ANSWER: Duration = Duration::from_secs(3);

/// The cloud that this folder names, if it answers and is that very process.
pub(super) async fn answering(state: &Path) -> Option<Identity> {
    let kept = Identity::read(state)?;
    let body = call(kept.port, http::Method::GET, "/_local/identity").await?;
    let said: Identity = serde_json::from_slice(&body).ok()?;
    (said.pid == kept.pid).then_some(said)
}

/// One question to a cloud on this machine; `None` where there is no answer.
pub(super) async fn call(port: u16, method: http::Method, path: &str) -> Option<bytes::Bytes> {
    let asked = async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driven = tokio::spawn(connection);
        let host = format!("127.0.0.1:{port}");
        let request = http::Request::builder().method(method).uri(path).header(http::header::HOST, host);
        let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new()).ok()?).await.ok()?;
        let body = answer.status().is_success().then_some(answer.into_body())?.collect().await.ok()?.to_bytes();
        driven.abort();
        Some(body)
    };
    tokio::time::timeout(ANSWER, asked).await.ok().flatten()
}
