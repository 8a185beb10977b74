//! A WebSocket to a push service. Must not know what is said over it.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, handshake::derive_accept_key, protocol::Role};

use super::http::Http;
use super::inbox::InboxError;

/// The connection.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Opens the WebSocket over the member's own pool, so that ws and wss are one code path.
pub(super) async fn websocket(http: &Http, service: &str) -> Result<Socket, InboxError> {
    let address = || InboxError::Address(service.to_owned());
    let uri = match service.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => return Err(address()),
    };
    let nonce = tungstenite::handshake::client::generate_key();
    let request = Request::get(uri)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &nonce)
        .header(header::SEC_WEBSOCKET_PROTOCOL, "push-notification")
        .body(Full::new(Bytes::new()))
        .map_err(|_| address())?;
    let (answer, connection) = http.upgrade(request).await?;
    let accepted = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT).map(http::HeaderValue::as_bytes);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS
        || accepted != Some(derive_accept_key(nonce.as_bytes()).as_bytes())
    {
        return Err(InboxError::NoWebSocket(answer.status()));
    }
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, None).await)
}
