//! A push client, as a browser has one inside: it subscribes at a push service over a WebSocket,
//! receives, decrypts and acknowledges. Must not know what a push says.

use std::collections::VecDeque;
use std::time::Duration;

use chat::base64url;
use chat::webpush::ReceiverKey;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::{self, Message};

use super::api::Subscription;
use super::http::{Http, HttpError};
use super::socket::{Socket, websocket};
use super::wire::{self, Ack, Frame};
use crate::failure::{Exit, Explain};

/// How long the push service may take for hello and for register.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The first wait before a lost connection is made again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Tries to connect again before the inbox gives up: 3 s, then its owner can say that nothing comes.
const MOST_TRIES: u32 = 4;

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum InboxError {
    #[error("{0:?} is not the address of a push service: it begins with ws:// or wss://")]
    Address(String),
    #[error("the push service cannot be reached")]
    Http(#[from] HttpError),
    #[error("the push service refused the WebSocket with status {0}")]
    NoWebSocket(StatusCode),
    #[error("the push service ended the connection")]
    Closed,
    #[error("the connection to the push service broke")]
    Broken(#[source] Box<tungstenite::Error>),
    #[error("the push service did not answer {what} within {} s", ANSWER_WITHIN.as_secs())]
    Silent { what: &'static str },
    #[error("the push service answered {what} with status {status}")]
    Refused { what: &'static str, status: u16 },
    #[error("the push service said something that cannot be read")]
    Rubbish(#[source] serde_json::Error),
    #[error("the kept subscription cannot be read")]
    Kept,
}

impl Explain for InboxError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn next(&self) -> Option<String> {
        Some("chatctl status".to_owned())
    }
}

impl InboxError {
    /// Whether another try may end better.
    fn passes(&self) -> bool {
        !matches!(self, Self::Address(_) | Self::Kept)
    }
}

/// A subscription, to be kept on disk: it holds the private key, so the file is for its owner only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    service: String,
    vapid: String,
    uaid: String,
    channel: String,
    endpoint: String,
    key: String,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A push, decrypted.
    Push(Vec<u8>),
    /// A push that this inbox has no key for.
    Unreadable,
    /// The push service forgot the subscription: there is a new one, which the chat must be told.
    Renewed,
}

/// One subscription at a push service, and the connection to it.
pub struct Inbox {
    http: Http,
    kept: Kept,
    key: ReceiverKey,
    socket: Option<Socket>,
    /// What came while something else was awaited.
    early: VecDeque<Frame>,
    /// What was handed out last: acknowledged when the next is asked for, so that what its receiver
    /// did not finish comes again.
    unacknowledged: Option<Ack>,
}

impl Inbox {
    /// Connects and subscribes, or takes up the subscription that was kept.
    pub async fn open(http: &Http, service: &str, vapid_public: &str, kept: Option<Kept>) -> Result<Self, InboxError> {
        let (kept, key) = match kept.filter(|kept| kept.service == service && kept.vapid == vapid_public) {
            Some(kept) => {
                let bytes = base64url::decode(&kept.key).ok_or(InboxError::Kept)?;
                let key = ReceiverKey::from_bytes(&bytes).map_err(|_| InboxError::Kept)?;
                (kept, key)
            }
            None => fresh(service, vapid_public),
        };
        let mut inbox =
            Self { http: http.clone(), kept, key, socket: None, early: VecDeque::new(), unacknowledged: None };
        inbox.connect().await?;
        Ok(inbox)
    }

    /// What the chat must know to send here.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            endpoint: self.kept.endpoint.clone(),
            p256dh: base64url::encode(self.key.p256dh()),
            auth: base64url::encode(self.key.auth()),
        }
    }

    /// What must be kept to receive here again.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// The next push. A lost connection is made again, a bounded number of times.
    ///
    /// May be dropped while it waits: nothing that came is lost.
    pub async fn next(&mut self) -> Result<Arrival, InboxError> {
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            match self.receive().await {
                Ok(Some(arrival)) => return Ok(arrival),
                Ok(None) => (tries, pause) = (0, FIRST_PAUSE),
                Err(error) if tries < MOST_TRIES && error.passes() => {
                    self.socket = None;
                    tries += 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Acknowledges the last push, gives the subscription back and hangs up.
    pub async fn close(mut self) -> Result<(), InboxError> {
        self.acknowledge().await?;
        self.say(&wire::unregister(&self.kept.channel)).await?;
        self.answer("unregister").await?;
        if let Some(mut socket) = self.socket.take() {
            // It is over either way.
            let _ = socket.close(None).await;
        }
        Ok(())
    }

    /// One frame, and what it means; `None` for one that only the protocol cares about.
    async fn receive(&mut self) -> Result<Option<Arrival>, InboxError> {
        if self.socket.is_none() {
            let before = self.kept.endpoint.clone();
            self.connect().await?;
            if self.kept.endpoint != before {
                return Ok(Some(Arrival::Renewed));
            }
        }
        self.acknowledge().await?;
        let frame = match self.early.pop_front() {
            Some(frame) => frame,
            None => self.frame().await?,
        };
        if frame.message_type != "notification" || frame.channel != self.kept.channel {
            return Ok(None);
        }
        let opened = frame
            .data
            .filter(|_| frame.headers.encoding == "aes128gcm")
            .and_then(|data| base64url::decode(data.trim_end_matches('=')))
            .and_then(|body| self.key.open(&body).ok());
        let code = if opened.is_some() { wire::DECRYPTED } else { wire::NOT_DECRYPTED };
        self.unacknowledged = Some(Ack { channel: frame.channel, version: frame.version, code });
        Ok(Some(opened.map_or(Arrival::Unreadable, Arrival::Push)))
    }

    async fn acknowledge(&mut self) -> Result<(), InboxError> {
        if let Some(ack) = &self.unacknowledged {
            let said = wire::ack(ack);
            self.say(&said).await?;
            self.unacknowledged = None;
        }
        Ok(())
    }

    /// Connects, says hello, and subscribes unless the service still knows us.
    async fn connect(&mut self) -> Result<(), InboxError> {
        self.socket = Some(websocket(&self.http, &self.kept.service).await?);
        // What was not acknowledged on the old connection comes again on this one.
        self.early.clear();
        self.unacknowledged = None;
        let known = (!self.kept.uaid.is_empty()).then_some(self.kept.uaid.as_str());
        let hello = wire::hello(known);
        self.say(&hello).await?;
        let hello = self.answer("hello").await?;
        if hello.uaid == self.kept.uaid && !self.kept.endpoint.is_empty() {
            return Ok(());
        }
        let channel = uuid::Builder::from_random_bytes(chat::random::bytes()).into_uuid().to_string();
        // Firefox pads the key; the services take both.
        let padding = "=".repeat((4 - self.kept.vapid.len() % 4) % 4);
        self.say(&wire::register(&channel, &format!("{}{padding}", self.kept.vapid))).await?;
        let registered = self.answer("register").await?;
        self.kept.uaid = hello.uaid;
        self.kept.channel = channel;
        self.kept.endpoint = registered.push_endpoint;
        Ok(())
    }

    async fn say(&mut self, frame: &serde_json::Value) -> Result<(), InboxError> {
        let socket = self.socket.as_mut().ok_or(InboxError::Closed)?;
        socket.send(Message::text(frame.to_string())).await.map_err(broken)
    }

    /// The answer to what was asked; pushes that come before it are put aside.
    async fn answer(&mut self, what: &'static str) -> Result<Frame, InboxError> {
        let answered = tokio::time::timeout(ANSWER_WITHIN, async {
            loop {
                let frame = self.frame().await?;
                if frame.message_type == what {
                    return Ok(frame);
                }
                self.early.push_back(frame);
            }
        });
        let frame = answered.await.unwrap_or(Err(InboxError::Silent { what }))?;
        match frame.status {
            Some(status) if status != 200 => Err(InboxError::Refused { what, status }),
            _ => Ok(frame),
        }
    }

    async fn frame(&mut self) -> Result<Frame, InboxError> {
        let socket = self.socket.as_mut().ok_or(InboxError::Closed)?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).map_err(InboxError::Rubbish),
                Some(Ok(Message::Close(_))) | None => return Err(InboxError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }
}

fn fresh(service: &str, vapid: &str) -> (Kept, ReceiverKey) {
    let key = ReceiverKey::generate();
    let kept = Kept {
        service: service.to_owned(),
        vapid: vapid.to_owned(),
        uaid: String::new(),
        channel: String::new(),
        endpoint: String::new(),
        key: base64url::encode(key.to_bytes()),
    };
    (kept, key)
}

fn broken(error: tungstenite::Error) -> InboxError {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => InboxError::Closed,
        other => InboxError::Broken(Box::new(other)),
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
