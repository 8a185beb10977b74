//! The handler on the ports in memory.

use chat::memory::{Memory, Port};
use chat::message::MemberSecret;
use chat::room::{Epoch, OperatorKey};
use serde_json::{Value, json};

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;

struct World {
    ports: Ports<Memory, Memory, Memory>,
    operator: OperatorKey,
    record: RoomRecord,
    member: MemberSecret,
}

impl World {
    fn new() -> Self {
        let operator = OperatorKey::generate();
        let record = RoomRecord::new(operator.room("lobby").hash(), "lobby".parse().unwrap(), 0);
        let ports =
            Ports { rooms: Memory::new(), rates: Memory::new(), messages: Memory::new(), key: operator.room_key() };
        ports.rooms.put_room(record.clone());
        Self { ports, operator, record, member: MemberSecret::generate() }
    }

    fn call(&self, key: &str, body: &Value) -> Call {
        let token = self.operator.token(self.operator.room("lobby"), Epoch(0));
        Call::new("POST", "/api/messages")
            .with("authorization", &format!("Bearer {token}"))
            .with("chat-member", &self.member.expose())
            .with("idempotency-key", key)
            .with_json(body.to_string())
    }

    fn says(&self, key: &str, text: &str) -> Call {
        self.call(key, &json!({ "name": "Ann", "text": text }))
    }

    async fn ask(&self, call: Call) -> Result<Answer, Problem> {
        self.ask_at(call, NOW_MS).await
    }

    async fn ask_at(&self, call: Call, now_ms: i64) -> Result<Answer, Problem> {
        answer(call, &self.ports, Moment { random: chat::random::bytes(), ..Moment::at_ms(now_ms) }).await
    }

    fn stored(&self) -> usize {
        self.ports.messages.items(&self.record.hash).len()
    }

    async fn refused(&self, call: Call) -> Code {
        let code = self.ask(call).await.unwrap_err().kind();
        assert_eq!(self.stored(), 0, "nothing is stored");
        code
    }
}

#[tokio::test]
async fn a_draft_becomes_a_message() {
    let world = World::new();
    let answer = world.ask(world.call("k", &json!({ "name": " Ann ", "text": "one\r\ntwo" }))).await.unwrap();
    assert_eq!(answer.status, 201);
    let item: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&item["kind"], &item["name"], &item["text"]), (&"message".into(), &"Ann".into(), &"one\ntwo".into()));
    assert_eq!(item["at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(item["author"], world.member.author().as_str());
    assert_eq!(world.stored(), 1);
}

#[tokio::test]
async fn a_repeated_post_gets_the_first_answer() {
    let world = World::new();
    let first = world.ask(world.says("k", "hello")).await.unwrap();
    let again = world.ask_at(world.says("k", "hello"), NOW_MS + 60_000).await.unwrap();
    assert_eq!((again.status, again.body), (200, first.body));
    assert_eq!(world.stored(), 1);
}

#[tokio::test]
async fn the_same_key_for_another_message_is_refused() {
    let world = World::new();
    world.ask(world.says("k", "hello")).await.unwrap();
    let refused = world.ask(world.says("k", "goodbye")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.status()), (Code::IdempotencyMismatch, 422));
    assert_eq!(world.stored(), 1);
}

#[tokio::test]
async fn a_full_window_refuses_new_posts_and_still_answers_known_ones() {
    let world = World::new();
    for n in 0..MEMBER.posts {
        assert_eq!(world.ask(world.says(&format!("k{n}"), "hello")).await.unwrap().status, 201);
    }
    let refused = Answer::from(&world.ask(world.says("new", "hello")).await.unwrap_err());
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("10")));
    assert_eq!(world.ask(world.says("k0", "hello")).await.unwrap().status, 200);
    assert_eq!(world.ask(world.says("k0", "other")).await.unwrap_err().kind(), Code::IdempotencyMismatch);
    let other = World { member: MemberSecret::generate(), ..world };
    assert_eq!(other.ask(other.says("k", "hello")).await.unwrap().status, 201, "one member never mutes another");
    assert_eq!(other.ask_at(other.says("k2", "hello"), NOW_MS + 10_000).await.unwrap().status, 201);
}

#[tokio::test]
async fn texts_that_nobody_should_see_are_refused() {
    let world = World::new();
    for text in [
        "",
        "  \n",
        "\u{200B}",
        "bell\u{7}",
        "nul\u{0}",
        "\u{202E}evil",
        "\u{2067}x",
        "\u{200F}x",
        "\u{61C}x",
        "esc\u{1b}[31m",
    ] {
        assert_eq!(world.refused(world.says("k", text)).await, Code::BadText, "{text:?}");
    }
    assert_eq!(world.refused(world.says("k", &"x".repeat(8_193))).await, Code::TextTooLong);
    assert_eq!(world.refused(world.says("k", &"é".repeat(4_097))).await, Code::TextTooLong);
    assert_eq!(world.ask(world.says("k", &"é".repeat(4_096))).await.unwrap().status, 201);
}

#[tokio::test]
async fn names_that_nobody_should_see_are_refused() {
    let world = World::new();
    let long = "x".repeat(65);
    for name in ["", " ", "a\nb", "\u{202E}x", long.as_str()] {
        assert_eq!(
            world.refused(world.call("k", &json!({ "name": name, "text": "hello" }))).await,
            Code::BadName,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn bodies_and_headers_of_the_wrong_form_are_refused() {
    let world = World::new();
    let with = |body: String| world.says("k", "hello").with_json(body);
    assert_eq!(world.refused(with("hello".into())).await, Code::BadJson);
    assert_eq!(world.refused(with("{\"name\":\"Ann\",\"text\":7}".into())).await, Code::BadBody);
    assert_eq!(world.refused(with("null".into())).await, Code::BadBody);
    assert_eq!(world.refused(with("x".repeat(BODY_MOST + 1))).await, Code::BodyTooLarge);
    assert_eq!(
        world.refused(world.says("k", "x").with("content-type", "text/plain")).await,
        Code::UnsupportedMediaType
    );
    assert_eq!(world.refused(world.says("", "x")).await, Code::BadIdempotencyKey);
    assert_eq!(world.refused(world.says(&"k".repeat(65), "x")).await, Code::BadIdempotencyKey);
    assert_eq!(world.refused(world.says("k", "x").with("chat-member", "short")).await, Code::BadMember);
}

#[tokio::test]
async fn tokens_that_are_forged_foreign_or_malformed_open_nothing() {
    let world = World::new();
    let foreign = OperatorKey::generate();
    let foreign = foreign.token(foreign.room("lobby"), Epoch(0)).to_string();
    for header in [format!("Bearer {foreign}"), "Bearer x".into(), String::new()] {
        assert_eq!(world.refused(world.says("k", "x").with("authorization", &header)).await, Code::UnknownRoom);
    }
}

#[tokio::test]
async fn a_revoked_link_and_a_room_that_has_ended_are_gone() {
    let world = World::new();
    world.ports.rooms.put_room(RoomRecord { epoch: Epoch(1), ..world.record.clone() });
    assert_eq!(world.refused(world.says("k", "x")).await, Code::RoomGone);
    world.ports.rooms.put_room(RoomRecord { expires: Some(1), ..world.record.clone() });
    assert_eq!(world.refused(world.says("k", "x")).await, Code::RoomGone);
}

#[tokio::test]
async fn tables_that_do_not_answer_are_a_moments_matter_and_nothing_inside_is_told() {
    for port in [Port::Rooms, Port::Rates, Port::Messages] {
        let world = World::new();
        world.ports.rooms.break_port(port);
        world.ports.rates.break_port(port);
        world.ports.messages.break_port(port);
        let refused = world.ask(world.says("k", "x")).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        assert!(!refused.detail().contains("broken"), "{}", refused.detail());
    }
}
