//! The inbox against a push service of a few lines: each test writes down its side of the talk.

use std::future::Future;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;

use super::*;

type Side = WebSocketStream<TcpStream>;

/// A push service whose connections are handled one after the other by `talk`.
async fn service<F, T>(talk: F) -> (String, tokio::task::JoinHandle<()>)
where
    F: Fn(u32, Side) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            talk(number, tokio_tungstenite::accept_async(stream).await.unwrap()).await;
        }
    });
    (address, task)
}

async fn heard(side: &mut Side) -> Value {
    loop {
        match side.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn say(side: &mut Side, frame: Value) {
    side.send(Message::text(frame.to_string())).await.unwrap();
}

/// Hello and register as autopush answers them.
async fn welcome(side: &mut Side, uaid: &str) -> String {
    assert_eq!(heard(side).await["messageType"], "hello");
    say(side, json!({"messageType": "hello", "uaid": uaid, "status": 200, "use_webpush": true, "broadcasts": {}}))
        .await;
    let register = heard(side).await;
    assert_eq!((&register["messageType"], &register["key"]), (&json!("register"), &json!("BKey")));
    let channel = register["channelID"].as_str().unwrap().to_owned();
    say(side, json!({"messageType": "register", "channelID": channel, "status": 200, "pushEndpoint": format!("http://push/{uaid}")})).await;
    channel
}

fn push(channel: &str, version: &str, data: Option<&str>) -> Value {
    json!({"messageType": "notification", "channelID": channel, "version": version, "data": data, "headers": {"encoding": "aes128gcm"}})
}

fn sealed(plaintext: &[u8], subscription: &Subscription) -> String {
    let keys = chat::client::SubscriptionKeys::parse(&subscription.p256dh, &subscription.auth).unwrap();
    base64url::encode(chat::webpush::seal(plaintext, &keys, &chat::webpush::Ephemeral::generate()).unwrap())
}

#[tokio::test]
async fn a_push_is_decrypted_and_acknowledged_when_the_next_one_is_asked_for() {
    let (tell, told) = tokio::sync::oneshot::channel::<Subscription>();
    let told = Mutex::new(Some(told));
    let (address, _) = service(move |_, mut side| {
        let told = told.lock().unwrap().take();
        async move {
            let channel = welcome(&mut side, "u1").await;
            let subscription = told.unwrap().await.unwrap();
            say(&mut side, push(&channel, "v1", Some(&sealed("hé".as_bytes(), &subscription)))).await;
            say(&mut side, push(&channel, "v2", Some("AAAA"))).await;
            let acks = [heard(&mut side).await, heard(&mut side).await];
            let codes = acks.map(|ack| (ack["updates"][0]["version"].clone(), ack["updates"][0]["code"].clone()));
            assert_eq!(codes, [(json!("v1"), json!(100)), (json!("v2"), json!(101))]);
            assert_eq!(heard(&mut side).await, json!({"messageType": "unregister", "channelID": channel, "code": 200}));
            say(&mut side, json!({"messageType": "unregister", "channelID": channel, "status": 200})).await;
        }
    })
    .await;
    let mut inbox = Inbox::open(&Http::new(), &address, "BKey", None).await.unwrap();
    assert_eq!(inbox.subscription().endpoint, "http://push/u1");
    tell.send(inbox.subscription()).unwrap();
    assert_eq!(inbox.next().await.unwrap(), Arrival::Push("hé".as_bytes().to_vec()));
    assert_eq!(inbox.next().await.unwrap(), Arrival::Unreadable);
    inbox.close().await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_made_again_with_the_same_subscription_and_what_was_not_acknowledged_comes_again() {
    let known = Arc::new(Mutex::new(String::new()));
    let (address, _) = service(move |number, mut side| {
        let known = known.clone();
        async move {
            if number == 0 {
                let channel = welcome(&mut side, "u1").await;
                say(&mut side, push(&channel, "v1", None)).await;
                *known.lock().unwrap() = channel;
                return;
            }
            assert_eq!(heard(&mut side).await["uaid"], "u1");
            say(&mut side, json!({"messageType": "hello", "uaid": "u1", "status": 200})).await;
            let channel = known.lock().unwrap().clone();
            say(&mut side, push("another channel", "v0", None)).await;
            say(&mut side, push(&channel, "v1", None)).await;
            assert_eq!(heard(&mut side).await["updates"][0]["version"], "v1");
            assert_eq!(heard(&mut side).await["messageType"], "unregister");
            say(&mut side, json!({"messageType": "unregister", "channelID": channel, "status": 200})).await;
        }
    })
    .await;
    let mut inbox = Inbox::open(&Http::new(), &address, "BKey", None).await.unwrap();
    let before = inbox.kept();
    assert_eq!(inbox.next().await.unwrap(), Arrival::Unreadable);
    assert_eq!(inbox.next().await.unwrap(), Arrival::Unreadable);
    assert!(inbox.kept() == before);
    inbox.close().await.unwrap();
}

#[tokio::test]
async fn a_service_that_forgot_us_gives_a_new_subscription() {
    let (address, _) = service(|number, mut side| async move {
        welcome(&mut side, if number == 0 { "u1" } else { "u2" }).await;
        if number == 1 {
            // Stays until the other side hangs up.
            while let Some(Ok(_)) = side.next().await {}
        }
    })
    .await;
    let mut inbox = Inbox::open(&Http::new(), &address, "BKey", None).await.unwrap();
    assert_eq!(inbox.next().await.unwrap(), Arrival::Renewed);
    assert_eq!(inbox.subscription().endpoint, "http://push/u2");
}

#[tokio::test]
async fn a_kept_subscription_is_taken_up_and_what_waited_there_is_received() {
    let (address, _) = service(|number, mut side| async move {
        if number == 0 {
            welcome(&mut side, "u1").await;
            return;
        }
        assert_eq!(heard(&mut side).await["uaid"], "u1");
        say(&mut side, json!({"messageType": "hello", "uaid": "u1", "status": 200})).await;
        while let Some(Ok(_)) = side.next().await {}
    })
    .await;
    let http = Http::new();
    let kept = Inbox::open(&http, &address, "BKey", None).await.unwrap().kept();
    let written = serde_json::to_string(&kept).unwrap();
    let again = Inbox::open(&http, &address, "BKey", serde_json::from_str(&written).unwrap()).await.unwrap();
    assert!(again.kept() == kept);
    assert_eq!(again.subscription().endpoint, "http://push/u1");
}

#[tokio::test]
async fn a_refused_registration_says_which_step_and_status() {
    let (address, _) = service(|_, mut side| async move {
        heard(&mut side).await;
        say(&mut side, json!({"messageType": "hello", "uaid": "u1", "status": 200})).await;
        let channel = heard(&mut side).await["channelID"].clone();
        say(&mut side, json!({"messageType": "register", "channelID": channel, "status": 409})).await;
    })
    .await;
    let error = Inbox::open(&Http::new(), &address, "BKey", None).await.err().unwrap();
    assert_eq!(error.to_string(), "the push service answered register with status 409");
    let error = Inbox::open(&Http::new(), "http://127.0.0.1:1/", "BKey", None).await.err().unwrap();
    assert!(matches!(error, InboxError::Address(_)));
}
