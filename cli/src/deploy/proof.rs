//! A real message through all fifteen steps, in a room of its own: chatctl registers as a push
//! client, posts, and waits until the push has come back and is decrypted. Must not know what was
//! deployed before it.

use std::time::Duration;

use chat::fanout::Hops;
use chat::message::{IdempotencyKey, MessageId};
use chat::notice::{Content, Payload};
use chat::room::{OperatorKey, RoomName, RoomRecord};
use chat_aws::layout;
use tokio::time::{Instant, timeout_at};

use super::Deploying;
use super::blame::{DELIVERS, REGISTERS, STORES, Suspects};
use super::hops::{self, Ends};
use super::patience::patiently;
use super::unproven::{Unproven, where_lost};
use crate::aws::{CallError, call};
use crate::event::{Event, Hop};
use crate::member::{Arrival, Http, Identity, Inbox, Member, MemberError};
use crate::stage::Target;

/// The proof's room ends by itself, if it is not removed.
const ROOM_FOR_S: i64 = 600;
/// A new function's permissions, a new API's name (A2, A29): how long the first answer may take.
const FIRST_ANSWER: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(90)];
/// A new mapping may take minutes until it polls (A26).
const PUSH: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(240)];
/// How often it is said what is waited for.
const SAID_EVERY: Duration = Duration::from_secs(2);
const NAME: &str = "chatctl";

/// A message came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Proved {
    /// Its way, in order.
    pub hops: Vec<Hop>,
    /// From the post to the decrypted push.
    pub total_ms: f64,
}

/// Proves the stage, and removes what the proof left.
pub(super) async fn prove(
    cx: &Deploying,
    endpoint: &str,
    vapid_public: &str,
    key: &OperatorKey,
) -> Result<Proved, Unproven> {
    let room = room(key, cx.now_ms());
    let http = Http::new();
    let opening = async { tokio::join!(put_room(cx, &room), Inbox::open(&http, &cx.push_service, vapid_public, None)) };
    let (put, inbox) = tokio::select! {
        opened = opening => opened,
        // A push service may take long to answer, or never do.
        () = cx.stop.wait() => {
            remove_room(cx, &room).await;
            return Err(Unproven::Stopped);
        }
    };
    put.map_err(|source| Unproven::Room { source })?;
    let mut proof = match inbox {
        Ok(inbox) => {
            let token = key.token(key.room(room.name.as_str()), room.epoch);
            let member = Member::new(&http, endpoint, &token, Identity::throwaway());
            Proving { cx, member, inbox, room: room.clone(), posted: None }
        }
        Err(source) => {
            remove_room(cx, &room).await;
            return Err(Unproven::Inbox { source });
        }
    };
    let ended = tokio::select! {
        ended = proof.run() => ended,
        () = cx.stop.wait() => Err(Unproven::Stopped),
    };
    proof.clean_up().await;
    ended
}

/// A proof on its way.
struct Proving<'a> {
    cx: &'a Deploying,
    member: Member,
    inbox: Inbox,
    room: RoomRecord,
    posted: Option<(MessageId, IdempotencyKey)>,
}

impl Proving<'_> {
    async fn run(&mut self) -> Result<Proved, Unproven> {
        let began = Instant::now();
        self.say("registering chatctl as a push client");
        let subscription = self.inbox.subscription();
        let refused = |source| self.unregistered(source);
        self.patiently("the API to answer", REGISTERS, refused, |_| self.member.register(&subscription)).await?;
        let registered_ms = began.elapsed().as_secs_f64() * 1000.0;
        self.hop(Hop { step: "registered as a push client (1–2)".to_owned(), start_ms: 0.0, ms: registered_ms });

        self.say("sending a message");
        let text = format!("a proof that messages arrive: {}", chat::base64url::encode(chat::random::bytes::<9>()));
        let key = IdempotencyKey::random();
        let mut at = 0;
        let posted = self
            .patiently(
                "a message to be stored",
                STORES,
                |source| Unproven::Post { source },
                |now| {
                    at = now;
                    self.member.post(NAME, &text, &key)
                },
            )
            .await?;
        self.posted = Some((posted.message.id, key));

        self.say("waiting for the push");
        let times = self.received(posted.message.id, &text).await?;
        let ends = Ends { posted: at, received: (self.cx.now)() };
        let hops = hops::hops(&times, ends);
        for hop in &hops {
            self.hop(hop.clone());
        }
        Ok(Proved { hops, total_ms: hops::total_ms(ends) })
    }

    fn unregistered(&self, source: MemberError) -> Unproven {
        Unproven::unregistered(source, self.cx, &self.inbox.subscription().endpoint)
    }

    /// Waits for the push of this message.
    async fn received(&mut self, id: MessageId, text: &str) -> Result<Hops, Unproven> {
        let (began, mut suspects) = (Instant::now(), Suspects::of(self.cx, DELIVERS));
        let until = began + self.limit(PUSH);
        let mut said = began + SAID_EVERY;
        loop {
            match timeout_at(said.min(until), self.inbox.next()).await {
                Ok(Ok(Arrival::Push(opened))) => {
                    let payload = Payload::parse(&opened).map_err(|_| Unproven::Unreadable)?;
                    match payload.content {
                        Content::Message { id: other, text: said, .. } if other == id && said == text => {
                            return Ok(payload.hops);
                        }
                        // An older push of another room's proof: not ours.
                        _ => {}
                    }
                }
                Ok(Ok(Arrival::Unreadable)) => return Err(Unproven::Unreadable),
                Ok(Ok(Arrival::Renewed)) => {
                    let subscription = self.inbox.subscription();
                    self.member.register(&subscription).await.map_err(|source| self.unregistered(source))?;
                }
                Ok(Err(source)) => return Err(Unproven::Inbox { source }),
                Err(_) if Instant::now() >= until => return Err(self.lost(began.elapsed(), &suspects).await),
                Err(_) => {
                    self.waiting("the push to come back", began.elapsed());
                    if let Some(blame) = suspects.dead().await {
                        return Err(Unproven::failing(blame));
                    }
                    said = Instant::now() + SAID_EVERY;
                }
            }
        }
    }

    /// Tries until it is answered for good; a new API and new permissions take a while (A2, A29). A function that dies
    /// over it does not get better.
    async fn patiently<T, F>(
        &self,
        what: &str,
        functions: &'static [&'static str],
        refused: impl Fn(MemberError) -> Unproven,
        mut ask: impl FnMut(i64) -> F,
    ) -> Result<T, Unproven>
    where
        F: Future<Output = Result<T, MemberError>>,
    {
        let (mut suspects, mut blamed) = (Suspects::of(self.cx, functions), None);
        let meanwhile = async |waited| {
            self.waiting(what, waited);
            blamed = suspects.dead().await;
            blamed.is_none()
        };
        let ended = patiently(self.limit(FIRST_ANSWER), || ask((self.cx.now)()), meanwhile).await;
        blamed.map_or_else(|| ended.map_err(refused), |blame| Err(Unproven::failing(blame)))
    }

    /// Where it was last seen.
    async fn lost(&self, waited: Duration, suspects: &Suspects<'_>) -> Unproven {
        if let Some(blame) = suspects.gave_up(&self.room.hash).await {
            return Unproven::failing(blame);
        }
        let names = self.cx.stage.names();
        let (queue, dead_letters) = (names.queue(), names.dead_letters());
        let (waiting, dead) = tokio::join!(depth(self.cx, &queue), depth(self.cx, &dead_letters));
        let (hop, seen) = where_lost(waiting, dead);
        Unproven::Lost { hop, waited_s: waited.as_secs(), seen: seen.to_owned() }
    }

    fn limit(&self, of: [Duration; 2]) -> Duration {
        let [local, aws] = of;
        if self.cx.stage.target == Target::Local { local } else { aws }
    }

    fn say(&self, what: &str) {
        (self.cx.tell)(Event::Proving { what: what.to_owned() });
    }

    fn hop(&self, hop: Hop) {
        (self.cx.tell)(Event::ProofHop(hop));
    }

    fn waiting(&self, what: &str, since: Duration) {
        let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        (self.cx.tell)(Event::Waiting { id: "proof".to_owned(), what: what.to_owned(), since_ms });
    }

    /// Removes the client, the messages and the room. What cannot be removed ends by itself.
    async fn clean_up(self) {
        let Self { cx, member, inbox, room, posted } = self;
        let endpoint = inbox.subscription().endpoint;
        let messages = cx.stage.names().table("messages");
        let message = async {
            if let Some((id, key)) = &posted {
                let marker = layout::marker_key(&room.hash, &member.author(), key);
                tokio::join!(remove(cx, &messages, layout::message_key(&room.hash, id)), remove(cx, &messages, marker));
            }
        };
        // A client or a subscription that cannot be given back is given up at its next push.
        let (_, (), _) = tokio::join!(member.unregister(&endpoint), message, inbox.close());
        remove_room(cx, &room).await;
    }
}

fn room(key: &OperatorKey, now_ms: i64) -> RoomRecord {
    let random: String = chat::random::bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let Ok(name) = RoomName::parse(&format!("proof-{random}")) else {
        unreachable!("hexadecimal is what names are made of")
    };
    let hash = key.room(name.as_str()).hash();
    RoomRecord {
        shards: 1,
        retention_days: 1,
        trace: true,
        expires: Some(now_ms / 1000 + ROOM_FOR_S),
        ..RoomRecord::new(hash, name, now_ms)
    }
}

async fn put_room(cx: &Deploying, room: &RoomRecord) -> Result<(), CallError> {
    let table = cx.stage.names().table("stage");
    let put = cx.aws.dynamodb.put_item().table_name(&table).set_item(Some(layout::room_item(room))).send().await;
    put.map(|_| ()).map_err(call("DynamoDB", "PutItem", &table))
}

async fn remove_room(cx: &Deploying, room: &RoomRecord) {
    remove(cx, &cx.stage.names().table("stage"), layout::room_key(&room.hash)).await;
}

async fn remove(cx: &Deploying, table: &str, key: layout::Key) {
    // What stays has a time to live.
    let _ = cx.aws.dynamodb.delete_item().table_name(table).set_key(Some(key.attributes())).send().await;
}

/// How many messages a queue has, waiting or taken; `None` when it cannot be seen.
async fn depth(cx: &Deploying, queue: &str) -> Option<u64> {
    use aws_sdk_sqs::types::QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
    let url = cx.aws.sqs.get_queue_url().queue_name(queue).send().await.ok()?.queue_url?;
    let names = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible];
    let read =
        cx.aws.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec())).send().await.ok()?;
    let attributes = read.attributes?;
    Some(names.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proof on AWS waits longer than a mapping takes that is changed (90 s) or made (minutes), and says so while it does.
    #[test]
    fn a26_a_proof_on_aws_waits_longer_than_a_mapping_takes_to_begin() {
        let [local, aws] = PUSH;
        assert!(aws >= Duration::from_secs(180) && local < aws);
        assert!(FIRST_ANSWER[1] >= Duration::from_secs(60), "a new API's name resolves late (A29)");
        assert!(SAID_EVERY <= Duration::from_secs(5));
    }

    #[test]
    fn the_room_of_a_proof_is_traced_and_ends_by_itself() {
        let key = OperatorKey::generate();
        let room = room(&key, 1_700_000_000_000);
        assert!(room.trace && room.expires == Some(1_700_000_600));
        assert_eq!(room.hash, key.room(room.name.as_str()).hash());
    }
}
