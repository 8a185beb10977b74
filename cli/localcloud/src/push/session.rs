//! One conversation with a browser: what each of its messages means and what is said back (PUSH.md, section 1).
//! Works on text, not on sockets, so that it can be read and tested as a dialogue.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::live::Seat;
use super::mailbox::{Registered, Waiting};
use super::{Door, vapid};

/// How many messages are read from the mailbox at a time.
const PAGE: i64 = 50;
/// The code that an acknowledgement without one means.
const DELIVERED: i64 = 100;

/// What to do about a message of the browser.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    Say(Value),
    Nothing,
    /// The connection ends, with this WebSocket code.
    Close(u16),
}

/// The code for what a server cannot make sense of.
const NOT_UNDERSTOOD: Reply = Reply::Close(1011);

/// One browser's conversation.
pub(super) struct Session {
    door: Arc<Door>,
    origin: String,
    seat: Option<Seat>,
    /// The number of the last message that was sent on this connection.
    sent: i64,
}

impl Session {
    pub(super) fn new(door: Arc<Door>, origin: String) -> Self {
        Self { door, origin, seat: None, sent: 0 }
    }

    /// The seat of the client, once it has said hello.
    pub(super) fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    /// Answers one text of the browser.
    pub(super) fn hear(&mut self, text: &str, now: i64) -> Reply {
        let Ok(Value::Object(message)) = serde_json::from_str(text) else { return NOT_UNDERSTOOD };
        let heard = match (message.get("messageType").and_then(Value::as_str), &self.seat) {
            (None, _) if message.is_empty() => Ok(Reply::Say(json!({}))),
            (Some("ping"), _) => Ok(Reply::Say(json!({}))),
            (Some("hello"), None) => self.hello(&message),
            (Some("register"), Some(seat)) => self.register(&seat.uaid, &message),
            (Some("unregister"), Some(seat)) => self.unregister(&seat.uaid, &message, now),
            (Some("ack"), Some(seat)) => self.acknowledge(&seat.uaid, &message),
            (Some("nack"), Some(_)) => self.door.mailbox.note(code(&message)).map(|()| Reply::Nothing),
            (Some("broadcast_subscribe"), _) => Ok(Reply::Nothing),
            _ => Ok(NOT_UNDERSTOOD),
        };
        heard.unwrap_or_else(|error| {
            super::log(&format!("the mailbox: {error}"));
            NOT_UNDERSTOOD
        })
    }

    /// The next notifications to send, oldest first; wakes itself again when there may be more.
    pub(super) fn due(&mut self, now: i64) -> Result<Vec<String>, rusqlite::Error> {
        let Some(seat) = &self.seat else { return Ok(Vec::new()) };
        let waiting = self.door.mailbox.after(&seat.uaid, self.sent, PAGE, now)?;
        if waiting.len() as i64 == PAGE {
            seat.again();
        }
        if let Some(last) = waiting.last() {
            self.sent = last.number;
        }
        Ok(waiting.iter().map(notification).collect())
    }

    fn hello(&mut self, message: &Map<String, Value>) -> Result<Reply, rusqlite::Error> {
        if message.get("use_webpush") != Some(&Value::Bool(true)) {
            return Ok(NOT_UNDERSTOOD);
        }
        let uaid = self.door.mailbox.hello(message.get("uaid").and_then(Value::as_str))?;
        self.seat = Some(Seat::take(&self.door, uaid.clone()));
        Ok(Reply::Say(json!({
            "messageType": "hello", "uaid": uaid, "status": 200, "use_webpush": true, "broadcasts": {},
        })))
    }

    fn register(&self, uaid: &str, message: &Map<String, Value>) -> Result<Reply, rusqlite::Error> {
        let asked = message.get("channelID").and_then(Value::as_str).unwrap_or_default();
        let refused = |status: u16| {
            Reply::Say(json!({ "messageType": "register", "channelID": asked, "status": status, "pushEndpoint": "" }))
        };
        if uuid::Uuid::try_parse(asked).is_err() {
            return Ok(refused(400));
        }
        let key = match message.get("key") {
            None | Some(Value::Null) => None,
            Some(text) => match text.as_str().and_then(vapid::key) {
                Some(key) => Some(key),
                None => return Ok(refused(400)),
            },
        };
        Ok(match self.door.mailbox.register(uaid, asked, key.as_deref())? {
            Registered::Token(token) => {
                let version = if key.is_some() { "v2" } else { "v1" };
                Reply::Say(json!({
                    "messageType": "register", "channelID": asked, "status": 200,
                    "pushEndpoint": format!("{}/wpush/{version}/{token}", self.origin),
                }))
            }
            Registered::OtherKey => refused(409),
            Registered::Full => refused(503),
        })
    }

    fn unregister(&self, uaid: &str, message: &Map<String, Value>, now: i64) -> Result<Reply, rusqlite::Error> {
        let Some(channel) = message.get("channelID").and_then(Value::as_str) else { return Ok(NOT_UNDERSTOOD) };
        self.door.mailbox.unregister(uaid, channel, now)?;
        if message.contains_key("code") {
            self.door.mailbox.note(code(message))?;
        }
        Ok(Reply::Say(json!({ "messageType": "unregister", "channelID": channel, "status": 200 })))
    }

    fn acknowledge(&self, uaid: &str, message: &Map<String, Value>) -> Result<Reply, rusqlite::Error> {
        let updates = message.get("updates").and_then(Value::as_array);
        for update in updates.into_iter().flatten().filter_map(Value::as_object) {
            if let Some(version) = update.get("version").and_then(Value::as_str) {
                self.door.mailbox.acknowledge(uaid, version, code(update))?;
            }
        }
        Ok(Reply::Nothing)
    }
}

fn code(message: &Map<String, Value>) -> i64 {
    message.get("code").and_then(Value::as_i64).unwrap_or(DELIVERED)
}

/// A message as the browser gets it; without a body there are neither `data` nor `headers`.
fn notification(waiting: &Waiting) -> String {
    let mut message = json!({
        "messageType": "notification", "channelID": waiting.channel, "version": waiting.id,
    });
    if let Some(encoding) = &waiting.encoding {
        message["data"] = URL_SAFE_NO_PAD.encode(&waiting.body).into();
        message["headers"] = json!({ "encoding": encoding });
    }
    message.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::{live, mailbox, sender};
    use crate::{Rest, RestAnswer, State};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, Method};

    const ORIGIN: &str = "http://127.0.0.1:4566";
    const CHANNEL: &str = "7c1f5a3e-90ab-4c6e-8d11-2f6b1c9a0e01";

    fn door() -> Arc<Door> {
        let folder = std::env::temp_dir().join(format!("localcloud-push-{}", crate::random::uuid()));
        let state = State::open(&folder, crate::clock::Clock::System).unwrap();
        let _ = std::fs::remove_dir_all(folder); // SQLite keeps its files open: nothing is left behind
        Arc::new(Door { mailbox: mailbox::Mailbox::open(&state).unwrap(), live: live::Live::default() })
    }

    fn say(session: &mut Session, message: Value) -> Value {
        match session.hear(&message.to_string(), 1) {
            Reply::Say(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn hello(door: &Arc<Door>, uaid: Option<&str>) -> (Session, String) {
        let mut session = Session::new(door.clone(), ORIGIN.to_owned());
        let reply = say(&mut session, json!({ "messageType": "hello", "uaid": uaid, "use_webpush": true }));
        (session, reply["uaid"].as_str().unwrap().to_owned())
    }

    /// The path of a new channel's endpoint, open to any sender.
    fn register(session: &mut Session, channel: &str) -> String {
        let reply = say(session, json!({ "messageType": "register", "channelID": channel }));
        assert_eq!(reply["status"], 200);
        reply["pushEndpoint"].as_str().unwrap().strip_prefix(ORIGIN).unwrap().to_owned()
    }

    fn post(door: &Door, path: &str, headers: &[(&'static str, &str)], body: &'static [u8], now: i64) -> RestAnswer {
        let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let request = Rest {
            method: Method::POST,
            path: crate::wire::rest::segments(path),
            query: Vec::new(),
            headers: HeaderMap::from_iter(pairs),
            body: Bytes::from_static(body),
        };
        sender::answer(door, ORIGIN, &request, now)
    }

    const DAY: [(&str, &str); 2] = [("ttl", "86400"), ("content-encoding", "aes128gcm")];

    fn due(session: &mut Session, now: i64) -> Vec<Value> {
        session.due(now).unwrap().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    #[test]
    fn a_message_is_redelivered_until_it_is_acknowledged() {
        let door = door();
        let (mut session, uaid) = hello(&door, None);
        let endpoint = register(&mut session, CHANNEL);
        assert_eq!(post(&door, &endpoint, &DAY, b"one", 1).status, 201);
        let first = due(&mut session, 2);
        assert_eq!(first[0]["data"], "b25l");
        assert_eq!(first[0]["headers"], json!({ "encoding": "aes128gcm" }));
        assert!(due(&mut session, 2).is_empty());
        drop(session);

        let (mut session, same) = hello(&door, Some(&uaid));
        assert_eq!(same, uaid);
        assert_eq!(due(&mut session, 3), first);
        let update = json!({ "channelID": CHANNEL, "version": first[0]["version"], "code": 101 });
        let ack = json!({ "messageType": "ack", "updates": [update] });
        assert_eq!(session.hear(&ack.to_string(), 3), Reply::Nothing);
        let (mut session, _) = hello(&door, Some(&uaid));
        assert!(due(&mut session, 4).is_empty());
        assert_eq!(door.mailbox.counts().unwrap().codes, [(101, 1)].into());
    }

    #[test]
    fn what_ran_out_or_was_replaced_is_not_delivered() {
        let door = door();
        let (mut session, uaid) = hello(&door, None);
        let endpoint = register(&mut session, CHANNEL);
        drop(session);
        let topic = |ttl| [("ttl", ttl), ("content-encoding", "aes128gcm"), ("topic", "room_1")];
        assert_eq!(post(&door, &endpoint, &topic("60"), b"old", 1).status, 201);
        assert_eq!(post(&door, &endpoint, &topic("60"), b"new", 1).status, 201);
        assert_eq!(post(&door, &endpoint, &[("ttl", "1")], b"", 1).status, 201);
        assert_eq!(post(&door, &endpoint, &[("ttl", "0")], b"", 1).status, 201);
        let (mut session, _) = hello(&door, Some(&uaid));
        let delivered = due(&mut session, 30_000);
        assert_eq!((delivered.len(), &delivered[0]["data"]), (1, &json!("bmV3")));
        assert_eq!(post(&door, &endpoint, &[("ttl", "0")], b"", 30_000).status, 201);
        let now_or_never = due(&mut session, 30_000);
        assert_eq!((now_or_never.len(), now_or_never[0].get("data"), now_or_never[0].get("headers")), (1, None, None));
    }

    #[test]
    fn a_sender_gets_mozillas_answers() {
        let door = door();
        let (mut session, _) = hello(&door, None);
        let endpoint = register(&mut session, CHANNEL);
        let errno = |answer: RestAnswer| {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            (answer.status, body["errno"].as_u64().unwrap())
        };
        assert_eq!(errno(post(&door, &endpoint, &[], b"", 1)), (400, 111));
        assert_eq!(errno(post(&door, &endpoint, &[("ttl", "soon")], b"", 1)), (400, 111));
        assert_eq!(errno(post(&door, &endpoint, &[("ttl", "-1")], b"", 1)), (400, 112));
        assert_eq!(errno(post(&door, &endpoint, &[("ttl", "1"), ("topic", "a b!")], b"", 1)), (400, 113));
        assert_eq!(errno(post(&door, &endpoint, &[("ttl", "1"), ("topic", &"a".repeat(33))], b"", 1)), (400, 113));
        assert_eq!(errno(post(&door, &endpoint, &[("ttl", "1")], b"x", 1)), (400, 110));
        assert_eq!(errno(post(&door, &endpoint, &DAY, &[0; 4097], 1)), (413, 104));
        let long = post(&door, &endpoint, &[("ttl", "99999999"), ("content-encoding", "aes128gcm")], &[0; 4096], 1);
        assert_eq!(long.status, 201);
        assert!(long.headers.contains(&("ttl".to_owned(), "2592000".to_owned())));
        let mangled = post(&door, &format!("{endpoint}x"), &DAY, b"x", 1);
        assert_eq!((mangled.status, mangled.body.len()), (404, 0));
        let gone = say(&mut session, json!({ "messageType": "unregister", "channelID": CHANNEL, "code": 200 }));
        assert_eq!(gone, json!({ "messageType": "unregister", "channelID": CHANNEL, "status": 200 }));
        assert_eq!(errno(post(&door, &endpoint, &DAY, b"x", 1)), (410, 106));
        assert_ne!(register(&mut session, CHANNEL), endpoint);
    }

    #[test]
    fn a_conversation_keeps_to_its_protocol() {
        let door = door();
        let mut early = Session::new(door.clone(), ORIGIN.to_owned());
        assert_eq!(early.hear(&json!({ "messageType": "register" }).to_string(), 1), NOT_UNDERSTOOD);
        let (mut session, uaid) = hello(&door, Some("0000"));
        assert_ne!(uaid, "0000");
        assert_eq!(say(&mut session, json!({})), json!({}));
        assert_eq!(session.hear("rubbish", 1), NOT_UNDERSTOOD);
        let subscribe = json!({ "messageType": "broadcast_subscribe", "broadcasts": { "a": "0" } });
        assert_eq!(session.hear(&subscribe.to_string(), 1), Reply::Nothing);
        for mut bad in [json!({ "channelID": CHANNEL, "key": "BAAA" }), json!({ "channelID": "x" })] {
            bad["messageType"] = "register".into();
            assert_eq!(say(&mut session, bad)["status"], 400);
        }
        assert_eq!(register(&mut session, CHANNEL), register(&mut session, CHANNEL));
    }
}
