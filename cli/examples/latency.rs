//! From POST to the push received and decrypted: one client, one message at a time, a line of milliseconds for each.
//! Run by `cargo xtask bench`; the stage is the one that `CHATCTL_STATE_DIR` has up.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::process::Command;
use std::time::{Duration, Instant};

use chat::message::IdempotencyKey;
use chat::room::Token;
use chatctl::member::{Http, Identity, Inbox, Member};
use serde_json::Value;

const MESSAGES: usize = 120;
const MEMBERS: usize = 8;
/// Below the chat's own limit for one address.
const PAUSE: Duration = Duration::from_millis(100);
const WARM_UP: usize = 10;

#[tokio::main]
async fn main() {
    let chatctl = std::env::current_exe().unwrap().parent().unwrap().with_file_name("chatctl");
    let out = Command::new(chatctl).args(["--json", "status"]).output().unwrap();
    // The last line: before it, it may be told that the local cloud was started.
    let told = String::from_utf8_lossy(&out.stdout);
    let status: Value = serde_json::from_str(told.lines().last().unwrap_or_default()).expect("a stage is up");
    let (origin, token) = status["page"].as_str().unwrap().split_once("/#").unwrap();
    let token = Token::parse(token).unwrap();
    let http = Http::new();
    let members: Vec<_> = (0..MEMBERS).map(|_| Member::new(&http, origin, &token, Identity::throwaway())).collect();
    let vapid = members[0].config().await.unwrap()["vapid_public_key"].as_str().unwrap().to_owned();
    let mut inbox = Inbox::open(&http, status["push_service"].as_str().unwrap(), &vapid, None).await.unwrap();
    let subscription = inbox.subscription();
    members[0].register(&subscription).await.unwrap();

    for at in 0..MESSAGES + WARM_UP {
        let text = format!("latency {at}");
        let begun = Instant::now();
        members[at % MEMBERS].post("bench", &text, &IdempotencyKey::random()).await.unwrap();
        inbox.next().await.unwrap();
        let ms = begun.elapsed().as_secs_f64() * 1000.0;
        if at >= WARM_UP {
            println!("{ms:.2}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    members[0].unregister(&subscription.endpoint).await.unwrap();
    inbox.close().await.unwrap();
}
