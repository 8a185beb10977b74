//! A member of one room: posts, reads and registers over the HTTP API, as the page does.
//! Must not know who asks, nor how the answers are shown.

use bytes::Bytes;
use chat::client::ClientId;
use chat::history::Cursor;
use chat::message::{AuthorId, IdempotencyKey, Item, Message};
use chat::room::Token;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::http::{Http, HttpError};
use super::identity::Identity;
use super::refusal::{MemberError, Refusal};

/// How often a repeatable request is sent when no answer comes.
const TRIES: u32 = 3;

/// What the chat must know of a push subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where pushes go.
    pub endpoint: String,
    /// The receiver's public key, base64url.
    pub p256dh: String,
    /// The receiver's secret for authentication, base64url.
    pub auth: String,
}

/// A message that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// As it is stored.
    pub message: Message,
    /// Whether the key was known: then this is the first post's message, and nothing new was stored.
    pub repeated: bool,
}

/// Which part of the history is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The newest page.
    #[default]
    Newest,
    /// What came after a cursor.
    After(Cursor),
    /// What was before a cursor.
    Before(Cursor),
}

/// One page of a room's history.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct History {
    /// Which room.
    pub room: NamedRoom,
    /// The entries, the oldest first.
    pub items: Vec<Item>,
    /// The cursor for what comes next.
    pub after: Cursor,
    /// The cursor for what was before; none when nothing was.
    pub before: Option<Cursor>,
    /// Whether there is more in the direction that was asked for.
    pub more: bool,
}

/// A room as its members know it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NamedRoom {
    /// Its hash.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Someone in a room: an address, a token, a secret.
#[derive(Clone)]
pub struct Member {
    http: Http,
    base: String,
    token: String,
    identity: Identity,
}

impl Member {
    /// A member of the token's room at this origin.
    pub fn new(http: &Http, base: &str, token: &Token, identity: Identity) -> Self {
        Self { http: http.clone(), base: base.trim_end_matches('/').to_owned(), token: token.to_string(), identity }
    }

    /// Under which id the others know this member.
    pub fn author(&self) -> AuthorId {
        self.identity.secret().author()
    }

    /// Posts a message. The key makes it repeatable: it is stored once however often it is sent.
    pub async fn post(&self, name: &str, text: &str, key: &IdempotencyKey) -> Result<Posted, MemberError> {
        let what = "post the message";
        let body = json!({"name": name, "text": text});
        let answer = self.ask(what, Method::POST, "/api/messages", Some(&body), Some(key)).await?;
        let repeated = answer.status() == StatusCode::OK;
        match read::<Item>(what, &answer)? {
            Item::Message(message) => Ok(Posted { message, repeated }),
            Item::Deletion(_) => Err(MemberError::Rubbish {
                what,
                source: <serde_json::Error as serde::de::Error>::custom("a deletion"),
            }),
        }
    }

    /// Reads a page of the history.
    pub async fn page(&self, part: &Part, limit: u16) -> Result<History, MemberError> {
        let what = "read the messages";
        let mut path = format!("/api/messages?limit={limit}");
        // A cursor is base64url: it stands in an address as it is.
        match part {
            Part::Newest => {}
            Part::After(cursor) => path.push_str(&format!("&after={cursor}")),
            Part::Before(cursor) => path.push_str(&format!("&before={cursor}")),
        }
        read(what, &self.ask(what, Method::GET, &path, None, None).await?)
    }

    /// Registers a push subscription in the room.
    pub async fn register(&self, subscription: &Subscription) -> Result<ClientId, MemberError> {
        #[derive(Deserialize)]
        struct Registered {
            id: ClientId,
        }
        let what = "register for pushes";
        let body = json!({
            "endpoint": subscription.endpoint,
            "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
            "install": self.identity.install(),
        });
        let answer = self.ask(what, Method::POST, "/api/clients", Some(&body), None).await?;
        read::<Registered>(what, &answer).map(|registered| registered.id)
    }

    /// Takes a push subscription out of the room; also when it is not there.
    pub async fn unregister(&self, endpoint: &str) -> Result<(), MemberError> {
        let body = json!({"endpoint": endpoint});
        self.ask("end the pushes", Method::DELETE, "/api/clients", Some(&body), None).await.map(|_| ())
    }

    /// The chat's own configuration: its version, its VAPID key, its limits.
    pub async fn config(&self) -> Result<Value, MemberError> {
        let what = "read the chat's configuration";
        read(what, &self.ask(what, Method::GET, "/api/config", None, None).await?)
    }

    /// Every request here may be repeated: posts carry a key, the others change nothing twice.
    async fn ask(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Response<Bytes>, MemberError> {
        let mut tried = 0;
        loop {
            let request = self.request(&method, path, body, key).map_err(|source| MemberError::Refused {
                what,
                source: Refusal {
                    status: 400,
                    code: "bad_request".to_owned(),
                    detail: source.to_string(),
                    retry_after: None,
                },
            })?;
            tried += 1;
            match self.http.call(request).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => return Err(MemberError::Refused { what, source: Refusal::of(&answer) }),
                // A kept connection that the other side has just closed: the next try makes a new one.
                Err(HttpError::Unreachable { .. }) if tried < TRIES => {}
                Err(source) => return Err(MemberError::Http { what, source }),
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header("chat-member", self.identity.secret().expose());
        if let Some(key) = key {
            request = request.header("idempotency-key", key.as_str());
        }
        match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body.to_string())))
            }
            None => request.body(Full::new(Bytes::new())),
        }
    }
}

fn read<T: DeserializeOwned>(what: &'static str, answer: &Response<Bytes>) -> Result<T, MemberError> {
    serde_json::from_slice(answer.body()).map_err(|source| MemberError::Rubbish { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_the_api_writes_it() {
        let body = r#"{"room":{"id":"h","name":"lobby"},"after":"CURSOR","before":null,"more":false,"items":[
            {"kind":"message","id":"019c8e2a-0000-7000-8000-000000000000","author":"AAAAAAAAAAAAAAAA","name":"Ann","text":"hi","at":"2026-01-02T03:04:05.678Z"},
            {"kind":"deletion","id":"019c8e2a-0000-7000-8000-000000000001","of":"019c8e2a-0000-7000-8000-000000000000","at":"2026-01-02T03:04:05.678Z"}]}"#;
        let body = body.replace("CURSOR", &Cursor::start().to_string());
        let page: History = read("read the messages", &Response::new(Bytes::from(body))).unwrap();
        assert_eq!((page.items.len(), page.room.name.as_str(), page.before), (2, "lobby", None));
    }
}
