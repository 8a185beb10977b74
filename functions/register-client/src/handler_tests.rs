//! The handler on the ports in memory.

use chat::base64url;
use chat::memory::{Memory, Port};
use chat::message::MemberSecret;
use chat::room::{Epoch, OperatorKey, RoomHash};
use chat::webpush::ReceiverKey;
use serde_json::Value;

use super::*;

const NOW: Moment = Moment::at_ms(1_700_000_000_000);
const ENDPOINT: &str = "https://updates.push.services.mozilla.com/wpush/v2/abc";

struct World {
    ports: Ports<Memory, Memory>,
    operator: OperatorKey,
    room: RoomHash,
    member: MemberSecret,
}

impl World {
    fn new() -> Self {
        let operator = OperatorKey::generate();
        let record = RoomRecord::new(operator.room("lobby").hash(), "lobby".parse().unwrap(), 0);
        let (room, rooms) = (record.hash.clone(), Memory::new());
        rooms.put_room(record);
        let services = PushServices::from_list(&PushServices::KNOWN.join(","), None);
        let ports = Ports { rooms, clients: Memory::new(), key: operator.room_key(), services };
        Self { ports, operator, room, member: MemberSecret::generate() }
    }

    fn call(&self, method: &str, body: &Value) -> Call {
        let token = self.operator.token(self.operator.room("lobby"), Epoch(0));
        Call::new(method, "/api/clients")
            .with("authorization", &format!("Bearer {token}"))
            .with("chat-member", &self.member.expose())
            .with("host", "chat.example")
            .with("x-forwarded-proto", "https")
            .with_json(body.to_string())
    }

    async fn ask(&self, call: Call) -> Result<Answer, Problem> {
        answer(call, &self.ports, NOW).await
    }

    async fn refused(&self, call: Call) -> Code {
        let code = self.ask(call).await.unwrap_err().kind();
        assert_eq!(self.ports.clients.clients(&self.room), [], "nothing is stored");
        code
    }
}

fn subscription() -> Value {
    let keys = ReceiverKey::generate().keys();
    json!({
        "endpoint": ENDPOINT, "expirationTime": null, "install": "install-1",
        "keys": { "p256dh": base64url::encode(keys.p256dh()), "auth": base64url::encode(keys.auth()) }
    })
}

#[tokio::test]
async fn a_subscription_is_kept_once_and_known_after_that() {
    let world = World::new();
    let body = subscription();
    let first = world.ask(world.call("POST", &body)).await.unwrap();
    let again = world.ask(world.call("POST", &body)).await.unwrap();
    assert_eq!((first.status, again.status, &first.body), (201, 200, &again.body));
    let clients = world.ports.clients.clients(&world.room);
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].page.as_deref(), Some("https://chat.example"));
    let answer: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(answer["id"], clients[0].id.as_str());
}

#[tokio::test]
async fn a_rotated_endpoint_replaces_the_installs_old_one() {
    let world = World::new();
    world.ask(world.call("POST", &subscription())).await.unwrap();
    let mut rotated = subscription();
    rotated["endpoint"] = json!(format!("{ENDPOINT}-2"));
    assert_eq!(world.ask(world.call("POST", &rotated)).await.unwrap().status, 201);
    let clients = world.ports.clients.clients(&world.room);
    assert_eq!(clients.iter().map(|client| client.endpoint.as_str()).collect::<Vec<_>>(), [format!("{ENDPOINT}-2")]);
}

#[tokio::test]
async fn a_subscription_is_taken_back_and_taking_back_an_unknown_one_is_no_error() {
    let world = World::new();
    world.ask(world.call("POST", &subscription())).await.unwrap();
    for _ in 0..2 {
        let answer = world.ask(world.call("DELETE", &json!({ "endpoint": ENDPOINT }))).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
    assert_eq!(world.ports.clients.clients(&world.room), []);
}

#[tokio::test]
async fn tokens_that_are_forged_foreign_or_malformed_open_nothing() {
    let world = World::new();
    let foreign = OperatorKey::generate();
    let mut forged = world.operator.token(world.operator.room("lobby"), Epoch(0)).to_string();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    let unmade = world.operator.token(world.operator.room("unmade"), Epoch(0)).to_string();
    let foreign = foreign.token(foreign.room("lobby"), Epoch(0)).to_string();
    for token in [forged, foreign, unmade, "nonsense".into(), String::new()] {
        let call = world.call("POST", &subscription()).with("authorization", &format!("Bearer {token}"));
        assert_eq!(world.refused(call).await, Code::UnknownRoom);
    }
}

#[tokio::test]
async fn a_revoked_link_is_gone() {
    let world = World::new();
    let record = RoomRecord::new(world.room.clone(), "lobby".parse().unwrap(), 0);
    world.ports.rooms.put_room(RoomRecord { epoch: Epoch(1), ..record });
    assert_eq!(world.refused(world.call("POST", &subscription())).await, Code::RoomGone);
}

#[tokio::test]
async fn endpoints_that_are_not_allowed_are_refused() {
    let world = World::new();
    for endpoint in [
        "http://updates.push.services.mozilla.com/x",
        "https://updates.push.services.mozilla.com:8443/x",
        "https://updates.push.services.mozilla.com.evil.example/x",
        "https://user@updates.push.services.mozilla.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://push.apple.com.evil/x",
        "https://evil-push.apple.com@evil/x",
        "https://updates.push.services.mozilla.com./x",
        "http://127.0.0.1:4566/wpush/v2/x",
        "file:///etc/passwd",
        "",
    ] {
        let mut body = subscription();
        body["endpoint"] = json!(endpoint);
        assert_eq!(world.refused(world.call("POST", &body)).await, Code::BadEndpoint, "{endpoint}");
    }
}

#[tokio::test]
async fn the_local_stage_takes_its_own_push_origin_and_no_other_port() {
    let mut world = World::new();
    world.ports.services.local_origin = Some("http://127.0.0.1:4566".into());
    let mut body = subscription();
    body["endpoint"] = json!("http://127.0.0.1:4567/wpush/v2/x");
    assert_eq!(world.refused(world.call("POST", &body)).await, Code::BadEndpoint);
    body["endpoint"] = json!("http://127.0.0.1:4566/wpush/v2/x");
    assert_eq!(world.ask(world.call("POST", &body)).await.unwrap().status, 201);
}

#[tokio::test]
async fn keys_that_are_not_on_the_curve_are_refused_here_and_not_in_the_notifier() {
    let world = World::new();
    let off_curve = base64url::encode([&[4][..], &[1; 64]].concat());
    for (name, value) in
        [("p256dh", off_curve), ("p256dh", "AAAA".into()), ("p256dh", "!".into()), ("auth", "AAAA".into())]
    {
        let mut body = subscription();
        body["keys"][name] = json!(value);
        assert_eq!(world.refused(world.call("POST", &body)).await, Code::BadKeys, "{name}");
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_form_are_refused() {
    let world = World::new();
    let with = |body: &str| world.call("POST", &json!({})).with_json(body.to_owned());
    assert_eq!(world.refused(with("{")).await, Code::BadJson);
    assert_eq!(world.refused(with("[]")).await, Code::BadBody);
    assert_eq!(world.refused(with("{\"endpoint\":7}")).await, Code::BadBody);
    assert_eq!(world.refused(with(&"x".repeat(BODY_MOST + 1))).await, Code::BodyTooLarge);
    let plain = world.call("POST", &subscription()).with("content-type", "text/plain");
    assert_eq!(world.refused(plain).await, Code::UnsupportedMediaType);
    let mut body = subscription();
    body["install"] = json!("short");
    assert_eq!(world.refused(world.call("POST", &body)).await, Code::BadBody);
    let nobody = world.call("POST", &subscription()).with("chat-member", "me");
    assert_eq!(world.refused(nobody).await, Code::BadMember);
}

#[tokio::test]
async fn a_member_has_so_many_subscriptions_and_not_more() {
    let world = World::new();
    let mut last = 0;
    for n in 0..=chat::client::CLIENTS_A_MEMBER {
        let mut body = subscription();
        body["endpoint"] = json!(format!("{ENDPOINT}-{n}"));
        body["install"] = json!(format!("install-{n}"));
        last =
            world.ask(world.call("POST", &body)).await.map_or_else(|problem| problem.status(), |answer| answer.status);
    }
    assert_eq!(last, 409);
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_a_moments_matter() {
    let world = World::new();
    world.ports.clients.break_port(Port::Clients);
    assert_eq!(world.refused(world.call("POST", &subscription())).await, Code::Unavailable);
}
