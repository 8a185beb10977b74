//! Steps 7–8: a draft becomes a message, once, however often it is posted.
//! It must not know how messages are kept, nor the environment.

use chat::message::{Draft, IdempotencyKey, Item, Message, MessageId, Post, Posted};
use chat::ports::{Messages, Rates, Rooms};
use chat::problem::{Code, Problem};
use chat::rates::{ADDRESS, Admission, MEMBER, Who};
use chat::room::{self, RoomKey, RoomRecord};
use chat_aws::http::{Answer, Call};
use chat_aws::moment::Moment;
use serde::Deserialize;

/// A text of 8 KiB, each byte of it escaped, and a name.
const BODY_MOST: usize = 64 * 1024;

/// What the handler works with.
pub(crate) struct Ports<R, C, M> {
    pub(crate) rooms: R,
    pub(crate) rates: C,
    pub(crate) messages: M,
    pub(crate) key: RoomKey,
}

#[derive(Deserialize)]
struct Body {
    name: String,
    text: String,
}

/// Answers one request. The counters come before the transaction, so that a noisy member costs little; whom they
/// refuse still gets the first answer to a post that is known.
pub(crate) async fn answer<R: Rooms, C: Rates, M: Messages>(
    call: Call,
    ports: &Ports<R, C, M>,
    moment: Moment,
) -> Result<Answer, Problem> {
    let room = room::enter(call.authorization(), &ports.key, &ports.rooms, moment.ms()).await?;
    let author = call.member()?.author();
    let key = call.idempotency_key()?;
    let Body { name, text } = call.json(BODY_MOST)?;
    let draft = Draft::new(&name, &text)?;
    let message = draft.into_message(MessageId::new(moment.ms(), moment.random), author);

    let posted = match admitted(&call, ports, &room, &message, moment).await? {
        Admission::Admitted => ports.messages.post(&post(&room, message, key, moment)).await?,
        Admission::Refused { retry_after_s } => {
            let marker = ports.messages.marker(&room.hash, &message.author, &key, moment.ms()).await?;
            marker.map(|marker| marker.answer(&message)).ok_or_else(|| Problem::too_many(retry_after_s))?
        }
    };
    let (status, message) = match posted {
        Posted::New(message) => (201, message),
        Posted::Known(message) => (200, message),
        Posted::Mismatch => {
            let detail = "this Idempotency-Key was used for another message: use a new key for a new message";
            return Err(Problem::new(Code::IdempotencyMismatch, detail));
        }
    };
    Ok(Answer::json(status, &Item::Message(message)).about(&room.hash))
}

fn post(room: &RoomRecord, message: Message, key: IdempotencyKey, moment: Moment) -> Post {
    let expires = room.message_expires(moment.ms());
    Post { room: room.hash.clone(), message, key, expires, trace: room.trace }
}

/// Both the member and the address must have something left.
async fn admitted<R: Rooms, C: Rates, M>(
    call: &Call,
    ports: &Ports<R, C, M>,
    room: &RoomRecord,
    message: &Message,
    moment: Moment,
) -> Result<Admission, Problem> {
    let address = Who::address(&ports.rooms.address_key(moment.ms()).await?, call.address());
    let member = Who::member(&message.author);
    let (member, address) = tokio::try_join!(
        ports.rates.admit(&room.hash, &member, &MEMBER, moment.ms()),
        ports.rates.admit(&room.hash, &address, &ADDRESS, moment.ms()),
    )?;
    Ok(if member == Admission::Admitted { address } else { member })
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
