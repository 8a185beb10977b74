//! `kill -9` of the local cloud and of functions at random moments of a busy chat: what was acknowledged is there, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::seed::Seed;
use crate::world::{World, history_of, kill, try_http};

const ROUNDS: u32 = 20;
const WRITERS: u32 = 3;
/// What a killed notifier had in its hands comes again after the queue's visibility timeout, six times its own limit.
const PATIENCE: Duration = Duration::from_secs(240);

/// The children of a process: the functions of a local cloud.
fn children(pid: u32) -> Vec<u32> {
    let out = Command::new("ps").args(["-o", "pid=", "--ppid", &pid.to_string()]).output().unwrap();
    String::from_utf8_lossy(&out.stdout).split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// A member who posts on and on, each text under one key until it is acknowledged, and keeps a list of those.
fn write(page: &str, me: u32, stop: &AtomicBool, acknowledged: &Mutex<Vec<String>>) {
    let (origin, token) = page.split_once("/#").unwrap();
    let (bearer, member) = (format!("Bearer {token}"), format!("{}{me}{}", "M".repeat(20), "A".repeat(22)));
    for number in 0.. {
        let text = format!("writer {me} message {number}");
        let body = json!({"name": format!("writer-{me}"), "text": text}).to_string();
        let headers = [
            ("authorization", bearer.as_str()),
            ("chat-member", &member),
            ("idempotency-key", &text),
            ("content-type", "application/json"),
        ];
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match try_http(origin, "POST", "/api/messages", &headers, &body) {
                Ok((200 | 201, _)) => break acknowledged.lock().unwrap().push(text),
                Ok((400..=428, refusal)) => panic!("refused: {refusal}"),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

#[test]
fn twenty_kills_in_a_busy_chat_lose_nothing_and_double_nothing() {
    let mut random = Seed::said();
    let world = World::up();
    let page = world.status()["page"].as_str().unwrap().to_owned();
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));

    let mut tail =
        world.chatctl().args(["--json", "tail"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("listening"));
    let listener = Arc::clone(&heard);
    let ear = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == "message" {
                *listener.lock().unwrap().entry(event["text"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|me| {
            let (page, stop, acknowledged) = (page.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            std::thread::spawn(move || write(&page, me, &stop, &acknowledged))
        })
        .collect();

    for _ in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(50 + random.below(700)));
        let cloud = world.cloud_pid();
        let functions = children(cloud);
        if random.below(3) == 0 && !functions.is_empty() {
            kill(functions[usize::try_from(random.below(functions.len() as u64)).unwrap()], "KILL");
        } else {
            kill(cloud, "KILL");
            world.succeeds(["status"]);
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }

    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 20, "a busy chat: {}", acknowledged.len());
    let mut stored = BTreeMap::<String, u32>::new();
    for text in history_of(&page) {
        *stored.entry(text).or_default() += 1;
    }
    for text in &acknowledged {
        assert_eq!(stored.get(text), Some(&1), "{text}");
    }
    assert!(stored.values().all(|times| *times == 1));

    let until = Instant::now() + PATIENCE;
    let missing = || acknowledged.iter().filter(|text| !heard.lock().unwrap().contains_key(*text)).collect::<Vec<_>>();
    while !missing().is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let never = missing();
    assert!(never.is_empty(), "of {} acknowledged messages never shown: {never:?}", acknowledged.len());
    assert!(heard.lock().unwrap().values().all(|times| *times == 1), "shown twice");
    kill(tail.id(), "INT");
    tail.wait().unwrap();
    ear.join().unwrap();
}
