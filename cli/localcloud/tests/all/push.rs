//! The push service as both sides meet it: a sender that signs as RFC 8292 says, and a client on a WebSocket.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::cloud::TestCloud;

const CHANNEL: &str = "7c1f5a3e-90ab-4c6e-8d11-2f6b1c9a0e01";

/// A browser's side of the push service.
struct Browser(WebSocketStream<TcpStream>);

impl Browser {
    async fn connect(cloud: &TestCloud, origin: Option<&str>) -> Result<Self, Error> {
        let mut request = cloud.identity.push.as_str().into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "push-notification".parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(("127.0.0.1", cloud.identity.port)).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| Self(socket))
    }

    /// Connects and says hello; the client's id.
    async fn hello(cloud: &TestCloud, uaid: Option<&str>) -> (Self, String) {
        let mut browser = Self::connect(cloud, Some(&cloud.identity.push)).await.unwrap();
        let mut hello = json!({ "messageType": "hello", "broadcasts": {}, "use_webpush": true });
        if let Some(uaid) = uaid {
            hello["uaid"] = uaid.into();
        }
        browser.say(&hello).await;
        let reply = browser.hear().await;
        assert_eq!((&reply["status"], &reply["use_webpush"]), (&json!(200), &json!(true)));
        let uaid = reply["uaid"].as_str().unwrap().to_owned();
        (browser, uaid)
    }

    async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The code that the connection is closed with.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn register(&mut self, key: &EcdsaKeyPair) -> String {
        let key = URL_SAFE.encode(key.public_key().as_ref()); // with its padding, as Firefox sends it
        self.say(&json!({ "messageType": "register", "channelID": CHANNEL, "key": key })).await;
        let reply = self.hear().await;
        assert_eq!((&reply["messageType"], &reply["status"]), (&json!("register"), &json!(200)));
        assert_eq!(reply["channelID"], CHANNEL);
        reply["pushEndpoint"].as_str().unwrap().to_owned()
    }

    async fn acknowledge(&mut self, notification: &Value, code: u16) {
        let update = json!({ "channelID": CHANNEL, "version": notification["version"], "code": code });
        self.say(&json!({ "messageType": "ack", "updates": [update] })).await;
        self.say(&json!({})).await; // answered after the acknowledgement
        assert_eq!(self.hear().await, json!({}));
    }
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn vapid(key: &EcdsaKeyPair, audience: &str) -> String {
    let expiry = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
    let claims = json!({ "aud": audience, "exp": expiry, "sub": "mailto:a@example.com" }).to_string();
    let head = json!({ "typ": "JWT", "alg": "ES256" }).to_string();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap());
    let key = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    format!("authorization: vapid t={signed}.{signature}, k={key}")
}

/// Posts a message; the status, and the whole answer.
async fn post(cloud: &TestCloud, endpoint: &str, headers: &[&str], body: &str) -> (u16, String) {
    let path = endpoint.strip_prefix(&cloud.identity.endpoint).unwrap();
    send(cloud, &format!("POST {path} HTTP/1.1"), headers, body).await
}

async fn send(cloud: &TestCloud, line: &str, headers: &[&str], body: &str) -> (u16, String) {
    let host = format!("host: 127.0.0.1:{}", cloud.identity.port);
    let answer = cloud.raw(&[&[line, host.as_str()], headers].concat(), body).await;
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_reaches_a_connected_client_and_waits_for_one_that_is_away() {
    let cloud = TestCloud::start().await;
    let key = key();
    let (mut browser, uaid) = Browser::hello(&cloud, None).await;
    let endpoint = browser.register(&key).await;
    assert!(endpoint.starts_with(&format!("{}/wpush/v2/", cloud.identity.endpoint)));
    let vapid = vapid(&key, &cloud.identity.endpoint);
    let headers = [vapid.as_str(), "ttl: 60", "content-encoding: aes128gcm", "urgency: high"];

    let (status, answer) = post(&cloud, &endpoint, &headers, "sealed").await;
    assert_eq!(status, 201, "{answer}");
    assert!(answer.contains("ttl: 60") && answer.contains("/m/"), "{answer}");
    let first = browser.hear().await;
    assert_eq!((&first["messageType"], &first["channelID"]), (&json!("notification"), &json!(CHANNEL)));
    assert_eq!(first["data"], URL_SAFE_NO_PAD.encode("sealed"));
    assert_eq!(first["headers"]["encoding"], "aes128gcm");
    drop(browser);

    assert_eq!(post(&cloud, &endpoint, &headers, "later").await.0, 201);
    let cloud = cloud.kill_and_start().await;
    let (mut browser, same) = Browser::hello(&cloud, Some(&uaid)).await;
    assert_eq!(same, uaid);
    assert_eq!(browser.hear().await, first, "not acknowledged, so delivered again");
    let second = browser.hear().await;
    assert_eq!(second["data"], URL_SAFE_NO_PAD.encode("later"));
    browser.acknowledge(&first, 100).await;
    browser.acknowledge(&second, 101).await;
    let (_, summary) = send(&cloud, "GET /_local/push HTTP/1.1", &[], "").await;
    let summary: Value = serde_json::from_str(summary.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(summary["pending"], 0);
    assert_eq!(summary["acknowledged"], json!({ "100": 1, "101": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_and_a_withdrawn_message_is_not_delivered() {
    let cloud = TestCloud::start().await;
    let key = key();
    let (mut browser, uaid) = Browser::hello(&cloud, None).await;
    let endpoint = browser.register(&key).await;
    drop(browser);
    let good = vapid(&key, &cloud.identity.endpoint);
    let (other, portless) = (vapid(&self::key(), &cloud.identity.endpoint), vapid(&key, "http://127.0.0.1"));
    let rest = ["ttl: 60", "content-encoding: aes128gcm"];
    for (vapid, why) in [
        (other.as_str(), "VAPID public key mismatch"),
        (portless.as_str(), "Invalid VAPID audience"),
        ("x-none: 1", "Missing VAPID public key"),
    ] {
        let (status, answer) = post(&cloud, &endpoint, &[vapid, rest[0], rest[1]], "x").await;
        assert_eq!(status, 401, "{answer}");
        assert!(answer.contains(r#""errno":109"#) && answer.contains(why), "{answer}");
    }
    let (status, answer) = post(&cloud, &endpoint, &[&good, rest[0], rest[1]], "x").await;
    assert_eq!(status, 201);
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let path = location.strip_prefix(&cloud.identity.endpoint).unwrap();
    assert_eq!(send(&cloud, &format!("DELETE {path} HTTP/1.1"), &[], "").await.0, 204);
    assert_eq!(post(&cloud, &endpoint, &[&good, rest[0], rest[1]], "y").await.0, 201);
    let (mut browser, _) = Browser::hello(&cloud, Some(&uaid)).await;
    assert_eq!(browser.hear().await["data"], URL_SAFE_NO_PAD.encode("y"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_connection_wins_and_a_strange_one_is_ended() {
    let cloud = TestCloud::start().await;
    let (mut old, uaid) = Browser::hello(&cloud, None).await;
    let (mut new, same) = Browser::hello(&cloud, Some(&uaid)).await;
    assert_eq!(same, uaid);
    assert_eq!(old.closed().await, 1000);
    new.say(&json!({ "messageType": "broadcast_subscribe", "broadcasts": { "a": "0" } })).await;
    new.say(&json!({})).await;
    assert_eq!(new.hear().await, json!({}));
    new.0.send(Message::text("rubbish")).await.unwrap();
    assert_eq!(new.closed().await, 1011);

    for foreign in ["http://evil.test", "null", "http://127.0.0.1:1"] {
        match Browser::connect(&cloud, Some(foreign)).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 403, "{foreign}"),
            other => panic!("{foreign} {}", other.is_ok()),
        }
    }
    assert!(Browser::connect(&cloud, None).await.is_ok());
}
