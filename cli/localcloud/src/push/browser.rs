//! The side of browsers: a WebSocket over hyper's upgrade, carried until either side ends it.
//! What is said on it is `session.rs`; this file knows frames, limits and endings.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Door;
use super::session::{Reply, Session};
use crate::clock::Clock;
use crate::wire::{HttpAnswer, answer as http_answer};

/// The subprotocol that Firefox asks for.
const PROTOCOL: &str = "push-notification";
/// The largest frame and message that a browser may send.
const LARGEST_FRAME: usize = 64 * 1024;
/// How long a new connection may take to say hello.
const HELLO: Duration = Duration::from_secs(30);
/// How long a browser may take to read what it is sent.
const SENDING: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What happened on a connection.
enum Turn {
    Frame(Option<Result<Message, Error>>),
    Due,
    Ended(CloseCode),
}

/// Answers the request for a WebSocket and, when it is one, serves it in a task of its own.
pub(super) fn answer(
    door: &Arc<Door>,
    origin: String,
    stop: watch::Receiver<bool>,
    request: hyper::Request<hyper::body::Incoming>,
) -> HttpAnswer {
    if let Some(refusal) = refusal(&request, &origin) {
        return refusal;
    }
    let headers = request.headers();
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return plain(400, "a WebSocket request has a key");
    };
    let accept = derive_accept_key(key.as_bytes());
    let mut fields = vec![("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", &accept)];
    if lists(headers, header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        fields.push(("sec-websocket-protocol", PROTOCOL));
    }
    let agreed = http_answer(101, &fields, "");
    let session = Session::new(door.clone(), origin);
    tokio::spawn(async move {
        if let Ok(Ok(upgraded)) = timeout(HELLO, hyper::upgrade::on(request)).await {
            let limits = WebSocketConfig::default()
                .max_frame_size(Some(LARGEST_FRAME))
                .max_message_size(Some(LARGEST_FRAME))
                .read_buffer_size(8 * 1024)
                .write_buffer_size(8 * 1024);
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
            serve(session, socket, stop).await;
        }
    });
    agreed
}

/// Why a request is not let in as a WebSocket.
fn refusal(request: &hyper::Request<hyper::body::Incoming>, origin: &str) -> Option<HttpAnswer> {
    let headers = request.headers();
    let upgrades = lists(headers, header::UPGRADE, "websocket") && lists(headers, header::CONNECTION, "upgrade");
    if request.method() != http::Method::GET || !upgrades {
        return Some(plain(426, "this address speaks WebSocket only"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Some(http_answer(426, &[("sec-websocket-version", "13")], ""));
    }
    match headers.get(header::ORIGIN) {
        Some(from) if !from.to_str().is_ok_and(|from| own(from, origin)) => {
            Some(plain(403, "this origin may not use the push service"))
        }
        _ => None,
    }
}

/// Whether an `Origin` is the service's own: Firefox gives the address of the server itself.
fn own(from: &str, origin: &str) -> bool {
    let from = from.strip_suffix('/').unwrap_or(from);
    let Some(host) = origin.strip_prefix("http://") else { return false };
    let Some(port) = host.strip_prefix("127.0.0.1:") else { return false };
    match from.strip_prefix("ws://").or_else(|| from.strip_prefix("http://")) {
        Some(named) => named == host || named.strip_prefix("localhost:") == Some(port),
        None => false,
    }
}

/// Whether a header's list has a word, in any case.
fn lists(headers: &http::HeaderMap, name: http::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

fn plain(status: u16, text: &'static str) -> HttpAnswer {
    http_answer(status, &[("content-type", "text/plain")], text)
}

/// Carries one conversation to its end.
async fn serve(mut session: Session, mut socket: Socket, mut stop: watch::Receiver<bool>) {
    let until_hello = tokio::time::sleep(HELLO);
    tokio::pin!(until_hello);
    loop {
        let turn = tokio::select! {
            frame = socket.next() => Turn::Frame(frame),
            () = due(&session) => Turn::Due,
            () = replaced(&session) => Turn::Ended(CloseCode::Normal),
            _ = stop.wait_for(|stop| *stop) => Turn::Ended(CloseCode::Away),
            () = &mut until_hello, if session.seat().is_none() => Turn::Ended(CloseCode::Policy),
        };
        let carried = match turn {
            Turn::Frame(Some(Ok(message))) => hear(&mut session, &mut socket, message).await,
            Turn::Frame(_) => return,
            Turn::Due => deliver(&mut session, &mut socket).await,
            Turn::Ended(code) => Err(code),
        };
        if let Err(code) = carried {
            let frame = CloseFrame { code, reason: "".into() };
            let _ = timeout(SENDING, socket.close(Some(frame))).await;
            return;
        }
    }
}

async fn due(session: &Session) {
    match session.seat() {
        Some(seat) => seat.woken().await,
        None => std::future::pending().await,
    }
}

async fn replaced(session: &Session) {
    match session.seat() {
        Some(seat) => seat.replaced().await,
        None => std::future::pending().await,
    }
}

/// Takes one frame; an `Err` is the code to end with.
async fn hear(session: &mut Session, socket: &mut Socket, message: Message) -> Result<(), CloseCode> {
    match message {
        Message::Text(text) => match session.hear(&text, Clock::System.now_ms()) {
            Reply::Say(value) => send(socket, vec![value.to_string()]).await,
            Reply::Nothing => Ok(()),
            Reply::Close(code) => Err(code.into()),
        },
        Message::Binary(_) => Err(CloseCode::Unsupported),
        Message::Ping(_) | Message::Pong(_) => {
            timeout(SENDING, socket.flush()).await.map_or(Err(CloseCode::Away), sent)
        }
        Message::Close(_) | Message::Frame(_) => Ok(()),
    }
}

async fn deliver(session: &mut Session, socket: &mut Socket) -> Result<(), CloseCode> {
    match session.due(Clock::System.now_ms()) {
        Ok(due) => send(socket, due).await,
        Err(error) => {
            super::log(&format!("the mailbox: {error}"));
            Err(CloseCode::Error)
        }
    }
}

async fn send(socket: &mut Socket, texts: Vec<String>) -> Result<(), CloseCode> {
    let sending = async {
        for text in texts {
            socket.feed(Message::text(text)).await?;
        }
        socket.flush().await
    };
    timeout(SENDING, sending).await.map_or(Err(CloseCode::Away), sent)
}

fn sent(outcome: Result<(), Error>) -> Result<(), CloseCode> {
    outcome.map_err(|_| CloseCode::Away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_services_own_origin_may_open_a_socket() {
        let origin = "http://127.0.0.1:4566";
        for good in ["ws://127.0.0.1:4566/", "ws://127.0.0.1:4566", "http://127.0.0.1:4566", "ws://localhost:4566"] {
            assert!(own(good, origin), "{good}");
        }
        for bad in ["http://127.0.0.1:4567", "https://127.0.0.1:4566", "http://localhost:1", "http://evil.test", "null"]
        {
            assert!(!own(bad, origin), "{bad}");
        }
    }
}
