//! Steps 1–2: a page registers its push subscription, again and again, or takes it back.
//! It must not know how clients are kept, nor the environment.

use chat::client::{Client, ClientId, Endpoint, InstallId, PushServices, Registered, SubscriptionKeys};
use chat::ports::{Clients, Rooms};
use chat::problem::{Code, Problem};
use chat::room::{self, RoomKey, RoomRecord};
use chat_aws::http::{Answer, Call};
use chat_aws::moment::Moment;
use serde::Deserialize;
use serde_json::json;

/// A subscription is an endpoint of at most 2 KiB and two short keys.
const BODY_MOST: usize = 8 * 1024;

/// What the handler works with.
pub(crate) struct Ports<R, C> {
    pub(crate) rooms: R,
    pub(crate) clients: C,
    pub(crate) key: RoomKey,
    pub(crate) services: PushServices,
}

/// What `PushSubscription.toJSON()` gives, and the install it is of. Other fields are left aside.
#[derive(Deserialize)]
struct Subscription {
    endpoint: String,
    keys: Keys,
    install: String,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

#[derive(Deserialize)]
struct Ended {
    endpoint: String,
}

/// Answers one request.
pub(crate) async fn answer<R: Rooms, C: Clients>(
    call: Call,
    ports: &Ports<R, C>,
    moment: Moment,
) -> Result<Answer, Problem> {
    let room = room::enter(call.authorization(), &ports.key, &ports.rooms, moment.ms()).await?;
    match call.method() {
        "POST" => register(&call, ports, &room, moment).await,
        "DELETE" => unregister(&call, ports, &room).await,
        method => Err(Problem::new(Code::MethodNotAllowed, format!("a client can't be asked to {method}"))),
    }
}

async fn register<R, C: Clients>(
    call: &Call,
    ports: &Ports<R, C>,
    room: &RoomRecord,
    moment: Moment,
) -> Result<Answer, Problem> {
    let author = call.member()?.author();
    let subscription: Subscription = call.json(BODY_MOST)?;
    let endpoint = Endpoint::check(&subscription.endpoint, &ports.services)?;
    let keys = SubscriptionKeys::parse(&subscription.keys.p256dh, &subscription.keys.auth)?;
    let install =
        InstallId::parse(&subscription.install).map_err(|bad| Problem::new(Code::BadBody, bad.to_string()))?;
    let client = Client {
        id: endpoint.client(),
        room: room.hash.clone(),
        author,
        install,
        endpoint,
        keys,
        page: call.origin(),
        seen_at: moment.ms(),
    };
    let status = match ports.clients.register(room, &client).await? {
        Registered::New => 201,
        Registered::Known => 200,
        Registered::TooMany => {
            let detail = "you have too many subscriptions in this room: turn notifications off somewhere";
            return Err(Problem::new(Code::TooManyClients, detail));
        }
    };
    Ok(Answer::json(status, &json!({ "id": client.id })).about(&room.hash))
}

/// No error when there is no such subscription: what was asked for holds.
async fn unregister<R, C: Clients>(call: &Call, ports: &Ports<R, C>, room: &RoomRecord) -> Result<Answer, Problem> {
    let ended: Ended = call.json(BODY_MOST)?;
    ports.clients.leave(room, &ClientId::of(&ended.endpoint)).await?;
    Ok(Answer::empty(204).about(&room.hash))
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
