//! The side of senders: RFC 8030, with the statuses, error numbers and words of Mozilla's push server.
//! Must not know WebSockets; what it accepts is in the mailbox before the sender hears of it.

use http::{Method, StatusCode};
use serde_json::json;

use super::mailbox::{Channel, Posted};
use super::{Door, vapid};
use crate::{Rest, RestAnswer};

/// The longest that a message is kept for, in seconds.
const LONGEST_TTL: u64 = 30 * 24 * 60 * 60;
/// The largest body that RFC 8030 makes a service take.
const LARGEST_BODY: usize = 4096;
/// The longest topic (RFC 8030, section 5.4).
const LONGEST_TOPIC: usize = 32;
/// How long a message for a connected client may take to it.
const LIVE_ONLY_MS: i64 = 60_000;

/// Why a post is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum Refused {
    #[error("no such endpoint")]
    NoEndpoint,
    #[error("No such subscription")]
    Gone,
    #[error("{0}")]
    Stranger(#[from] vapid::Stranger),
    #[error("Missing TTL value")]
    NoTtl,
    #[error("TTL value must be 0 or more")]
    BadTtl,
    #[error("Topic must be at most 32 characters of base64url")]
    BadTopic,
    #[error("{0}")]
    BadEncoding(&'static str),
    #[error("Data payload must be at most 4096 bytes")]
    TooLarge,
    #[error("Too many messages wait for this client")]
    Full,
    #[error("the mailbox: {0}")]
    Mailbox(String),
}

impl Refused {
    /// The status and the error number of Mozilla's table.
    fn numbers(&self) -> (StatusCode, u16) {
        match self {
            Self::NoEndpoint => (StatusCode::NOT_FOUND, 102),
            Self::Gone => (StatusCode::GONE, 106),
            Self::Stranger(_) => (StatusCode::UNAUTHORIZED, 109),
            Self::NoTtl => (StatusCode::BAD_REQUEST, 111),
            Self::BadTtl => (StatusCode::BAD_REQUEST, 112),
            Self::BadTopic => (StatusCode::BAD_REQUEST, 113),
            Self::BadEncoding(_) => (StatusCode::BAD_REQUEST, 110),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 104),
            Self::Full | Self::Mailbox(_) => (StatusCode::SERVICE_UNAVAILABLE, 201),
        }
    }

    fn answer(&self) -> RestAnswer {
        let (status, number) = self.numbers();
        if *self == Self::NoEndpoint {
            return empty(status);
        }
        let mut answer = RestAnswer::json(
            status.as_u16(),
            &json!({
                "code": status.as_u16(),
                "errno": number,
                "error": status.canonical_reason().unwrap_or_default(),
                "message": self.to_string(),
            }),
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers.push(("retry-after".to_owned(), "30".to_owned()));
        }
        answer
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Mailbox(error.to_string())
    }
}

/// Answers one request of a sender.
pub(super) fn answer(door: &Door, origin: &str, request: &Rest, now: i64) -> RestAnswer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let done = match (&request.method, path.as_slice()) {
        (&Method::POST, ["wpush", version @ ("v1" | "v2"), token]) => post(door, origin, request, version, token, now),
        (_, ["wpush", "v1" | "v2", _]) => Ok(with_allow("POST")),
        (&Method::DELETE, ["wpush", "m", id]) => withdraw(door, id),
        (_, ["wpush", "m", _]) => Ok(with_allow("DELETE")),
        _ => Err(Refused::NoEndpoint),
    };
    done.unwrap_or_else(|refused| refused.answer())
}

fn post(
    door: &Door,
    origin: &str,
    request: &Rest,
    version: &str,
    token: &str,
    now: i64,
) -> Result<RestAnswer, Refused> {
    let to = door.mailbox.channel(token)?.ok_or(Refused::NoEndpoint)?;
    if to.sender.is_some() != (version == "v2") {
        return Err(Refused::NoEndpoint);
    }
    vapid::check(header(request, "authorization"), to.sender.as_deref(), origin, now / 1000)?;
    if to.gone {
        return Err(Refused::Gone);
    }
    let ttl = ttl(request)?;
    let topic = topic(request)?;
    let encoding = encoding(request)?;
    if request.body.len() > LARGEST_BODY {
        return Err(Refused::TooLarge);
    }
    let posted = Posted {
        topic,
        expires: now + if ttl == 0 { LIVE_ONLY_MS } else { milliseconds(ttl) },
        live_only: ttl == 0,
        encoding,
        body: &request.body,
    };
    let id = deliver(door, &to, &posted, now)?;
    let mut answer = empty(StatusCode::CREATED);
    answer.headers.push(("location".to_owned(), format!("{origin}/wpush/m/{id}")));
    answer.headers.push(("ttl".to_owned(), ttl.to_string()));
    Ok(answer)
}

/// Puts a message into the mailbox and rings; one that is for now or never is not kept for a client that is away.
fn deliver(door: &Door, to: &Channel, posted: &Posted<'_>, now: i64) -> Result<String, Refused> {
    if posted.live_only && !door.live.connected(&to.uaid) {
        return Ok(crate::random::hex(&crate::random::bytes::<12>()));
    }
    let id = door.mailbox.keep(to, posted, now)?.ok_or(Refused::Full)?;
    door.live.wake(&to.uaid);
    Ok(id)
}

fn withdraw(door: &Door, id: &str) -> Result<RestAnswer, Refused> {
    match door.mailbox.withdraw(id)? {
        true => Ok(empty(StatusCode::NO_CONTENT)),
        false => Err(Refused::NoEndpoint),
    }
}

fn ttl(request: &Rest) -> Result<u64, Refused> {
    let text = header(request, "ttl").ok_or(Refused::NoTtl)?.trim();
    match text.parse::<i64>() {
        Ok(seconds) => u64::try_from(seconds).map(|seconds| seconds.min(LONGEST_TTL)).map_err(|_| Refused::BadTtl),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(LONGEST_TTL),
        Err(_) => Err(Refused::NoTtl),
    }
}

fn topic(request: &Rest) -> Result<Option<&str>, Refused> {
    let Some(value) = request.headers.get("topic") else { return Ok(None) };
    let topic = value.to_str().map_err(|_| Refused::BadTopic)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !topic.is_empty() && topic.len() <= LONGEST_TOPIC && topic.bytes().all(allowed) {
        true => Ok(Some(topic)),
        false => Err(Refused::BadTopic),
    }
}

fn encoding(request: &Rest) -> Result<Option<&str>, Refused> {
    if request.body.is_empty() {
        return Ok(None);
    }
    match header(request, "content-encoding").map(str::trim) {
        Some("aes128gcm") => Ok(Some("aes128gcm")),
        Some(_) => Err(Refused::BadEncoding("Unknown Content-Encoding")),
        None => Err(Refused::BadEncoding("Missing Content-Encoding header")),
    }
}

fn header<'a>(request: &'a Rest, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

fn empty(status: StatusCode) -> RestAnswer {
    RestAnswer { status: status.as_u16(), headers: Vec::new(), body: bytes::Bytes::new() }
}

fn with_allow(methods: &str) -> RestAnswer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers.push(("allow".to_owned(), methods.to_owned()));
    answer
}
