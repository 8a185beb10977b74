//! Bad input: each a clear answer, and nothing stored.

use serde_json::{Value, json};

use crate::world::{World, http};

const KEY: (&str, &str) = ("idempotency-key", "k");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A status, the problem's code, and that it is a problem at all.
fn refused(answer: (u16, String)) -> (u16, String) {
    let problem: Value = serde_json::from_str(&answer.1).unwrap_or_else(|e| panic!("{e}: {answer:?}"));
    assert_eq!(problem["status"], answer.0, "{problem}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    (answer.0, problem["code"].as_str().unwrap().to_owned())
}

#[test]
fn whatever_a_stranger_sends_is_refused_with_a_reason_and_nothing_is_stored() {
    let world = World::up();
    let page = world.status()["page"].as_str().unwrap().to_owned();
    let (origin, token) = page.split_once("/#").unwrap();
    let bearer = format!("Bearer {token}");
    let member = "A".repeat(43);
    let good = [("authorization", bearer.as_str()), ("chat-member", member.as_str()), KEY, JSON];
    let post = |headers: &[(&str, &str)], body: &str| refused(http(origin, "POST", "/api/messages", headers, body));
    let said = |text: &str| json!({"name": "Ann", "text": text}).to_string();

    for forged in [
        "",
        "Bearer",
        "Bearer x",
        &format!("Bearer {}AAAA", &token[..107]),
        &format!("Basic {token}"),
        &format!("Bearer B{}", &token[1..]),
    ] {
        let headers = [("authorization", forged), ("chat-member", member.as_str()), KEY, JSON];
        assert_eq!(post(&headers, &said("hi")), (404, "unknown_room".into()), "{forged:?}");
    }
    assert_eq!(post(&good, "{"), (400, "bad_json".into()));
    assert_eq!(post(&good, r#"{"name":1,"text":"x"}"#), (400, "bad_body".into()));
    assert_eq!(post(&good, &said(" \n ")), (400, "bad_text".into()));
    assert_eq!(post(&good, &said("a\u{7}b")), (400, "bad_text".into()));
    assert_eq!(post(&good, &said("a\u{202e}b")), (400, "bad_text".into()));
    assert_eq!(post(&good, &said(&"x".repeat(8193))), (413, "text_too_long".into()));
    assert_eq!(post(&good, &said(&"x".repeat(200_000))).0, 413);
    assert_eq!(post(&good, &json!({"name": "a\u{2066}b", "text": "x"}).to_string()), (400, "bad_name".into()));
    assert_eq!(post(&[good[0], good[1], JSON], &said("x")), (400, "missing_idempotency_key".into()));
    assert_eq!(
        post(&[good[0], good[1], JSON, ("idempotency-key", &"k".repeat(65))], &said("x")),
        (400, "bad_idempotency_key".into())
    );
    assert_eq!(post(&[good[0], JSON, KEY], &said("x")), (400, "bad_member".into()));
    assert_eq!(
        post(&[good[0], good[1], KEY, ("content-type", "text/plain")], &said("x")),
        (415, "unsupported_media_type".into())
    );
    for cursor in ["x", "%00", &"A".repeat(3000)] {
        let answer = http(origin, "GET", &format!("/api/messages?after={cursor}"), &good[..2], "");
        assert_eq!(refused(answer), (400, "bad_cursor".into()));
    }

    let client = |endpoint: &str, p256dh: &str| {
        let body = json!({"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": "AAAAAAAAAAAAAAAAAAAAAA"}, "install": "12345678"});
        refused(http(origin, "POST", "/api/clients", &good, &body.to_string()))
    };
    let point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    for endpoint in [
        "http://127.0.0.1:1/wpush/v2/x",
        "https://127.0.0.1/x",
        "https://evil.example/x",
        "https://push.apple.com.evil.example/x",
        "https://fcm.googleapis.com:444/x",
        "https://a@fcm.googleapis.com/x",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com./x",
        "ftp://fcm.googleapis.com/x",
        "x",
        "",
    ] {
        assert_eq!(client(endpoint, point), (400, "bad_endpoint".into()), "{endpoint}");
    }
    let off_curve = format!("{}5", &point[..86]);
    for keys in ["", "AAAA", &off_curve] {
        assert_eq!(client("https://fcm.googleapis.com/fcm/send/x", keys), (400, "bad_keys".into()), "{keys}");
    }
    assert_eq!(refused(http(origin, "PATCH", "/api/messages", &good, "")).0, 405);
    assert_eq!(refused(http(origin, "POST", "/api/nothing", &good, "")).0, 404);

    assert_eq!(world.history(), Vec::<String>::new());
    assert_eq!(world.status()["clients"], 0);
}

#[test]
fn a_client_that_posts_too_much_is_slowed_down_and_its_known_keys_are_still_answered() {
    let world = World::up();
    let page = world.status()["page"].as_str().unwrap().to_owned();
    let (origin, token) = page.split_once("/#").unwrap();
    let bearer = format!("Bearer {token}");
    let post = |key: &str, member: &str| {
        let headers = [("authorization", bearer.as_str()), ("chat-member", member), ("idempotency-key", key), JSON];
        http(origin, "POST", "/api/messages", &headers, &json!({"name": "Ann", "text": key}).to_string())
    };
    let (me, other) = ("A".repeat(43), format!("{}E", "B".repeat(42)));
    let first = post("k0", &me);
    assert_eq!(first.0, 201, "{first:?}");
    let slowed = (1..200).map(|at| post(&format!("k{at}"), &me)).find(|answer| answer.0 != 201).expect("a limit");
    assert_eq!(refused(slowed), (429, "too_many".into()));
    assert_eq!(post("k0", &me), (200, first.1), "the first answer again");
    assert_eq!(post("k1", &other).0, 201, "nobody else is slowed down");
}

/// A22: data goes only where the stage is named.
#[test]
fn bad_usage_is_exit_2_with_the_mistake_named() {
    let world = World::empty();
    for (arguments, word) in [
        (vec!["stauts"], "stauts"),
        (vec!["--stage", "No Good", "up"], "No Good"),
        (vec!["send"], "TEXT"),
        (vec!["down", "--delete-data=other"], "other"),
    ] {
        let out = world.run(&arguments);
        assert_eq!(out.status.code(), Some(2), "{arguments:?} {out:?}");
        assert!(String::from_utf8_lossy(&out.stdout).contains(word), "{arguments:?} {out:?}");
    }
}
