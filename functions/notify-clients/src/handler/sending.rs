//! Many pushes at once, within bounds, and what came of each. It must not know where the clients came from.

use std::collections::BTreeMap;
use std::time::Duration;

use chat::client::Client;
use chat::delivery::{Refused, Verdict, pause};
use chat::fanout::{self, Announcement, Tried};
use chat::notice::{Content, Drawn, Notice, Payload};
use chat::ports::{Clients, PushGate};
use chat::room::RoomName;
use chat::webpush::vapid::VapidHeaders;
use chat_aws::log::Line;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::Instant;

use super::{Ports, Turn};

/// How many pushes are under way at once: enough to wait for the network and not for each other.
const AT_ONCE: usize = 64;
/// How long a push service keeps a test for a client that is away.
const TEST_TTL_S: u32 = 60;
/// How much of a text is told to a service that found the whole too large.
const BRIEF_BYTES: usize = 200;

/// What is sent, the same for all clients of a job.
pub(super) struct Errand<'a> {
    pub(super) vapid: &'a VapidHeaders,
    pub(super) drawn: &'a Drawn,
    pub(super) brief: Drawn,
    pub(super) ttl_s: u32,
}

/// The same message with little of its text, for a service that takes less than others.
pub(super) fn brief(announcement: &Announcement, room_name: &RoomName) -> Drawn {
    let mut payload = Payload::message(announcement, room_name);
    if let Content::Message { text, more, .. } = &mut payload.content {
        let end = (0..=BRIEF_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        *more |= end < text.len();
        text.truncate(end);
    }
    Drawn::new(payload)
}

/// What came of a job, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    delivered: usize,
    gone: usize,
    later: usize,
    given_up: usize,
    refused: BTreeMap<String, usize>,
}

impl Told {
    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.delivered += other.delivered;
        self.gone += other.gone;
        self.later += other.later;
        self.given_up += other.given_up;
        other.refused.into_iter().for_each(|(why, count)| *self.refused.entry(why).or_default() += count);
        self
    }

    /// Into a line of the log: one a job, never one a push.
    pub(super) fn note(self, line: Line) -> Line {
        let line = line.with("delivered", self.delivered).with("gone", self.gone).with("later", self.later);
        let given_up = Some(self.given_up).filter(|count| *count > 0);
        let refused = Some(json!(self.refused)).filter(|_| !self.refused.is_empty());
        line.maybe("given_up", given_up).maybe("refused", refused)
    }
}

/// What came of one client.
enum Fate {
    Done(Verdict),
    /// There was no time left for it.
    Unsent,
}

/// Sends to all. Who is to be tried again comes back, each with its tries and its pause.
pub(super) async fn send_all<R, C: Clients, Q, G: PushGate, S>(
    ports: &Ports<R, C, Q, G, S>,
    errand: &Errand<'_>,
    clients: Vec<(u8, Client)>,
    turn: Turn,
) -> (Told, Vec<(Tried, Duration)>)
where
    Ports<R, C, Q, G, S>: Sync,
{
    let fates = stream::iter(clients).map(|(tries, client)| async move {
        if turn.is_short() {
            return (tries, client, Fate::Unsent);
        }
        let verdict = send(ports, errand, &client, turn).await;
        if verdict == Verdict::Gone {
            forget(ports, &client).await;
        }
        (tries, client, Fate::Done(verdict))
    });
    let (mut told, mut again) = (Told::default(), Vec::new());
    let mut fates = std::pin::pin!(fates.buffer_unordered(AT_ONCE));
    while let Some((tries, client, fate)) = fates.next().await {
        match fate {
            Fate::Unsent => again.push((Tried { id: client.id, tries }, Duration::ZERO)),
            Fate::Done(Verdict::Delivered) => told.delivered += 1,
            Fate::Done(Verdict::Gone) => told.gone += 1,
            Fate::Done(Verdict::TooLarge) => *told.refused.entry("too_large".into()).or_default() += 1,
            Fate::Done(Verdict::Refused(why)) => *told.refused.entry(word(why)).or_default() += 1,
            Fate::Done(Verdict::Later(asked)) => {
                let tries = tries.saturating_add(1);
                let [spread] = chat::random::bytes();
                match pause(tries, asked, spread) {
                    Some(pause) => {
                        told.later += 1;
                        again.push((Tried { id: client.id, tries }, pause));
                    }
                    None => told.given_up += 1,
                }
            }
        }
    }
    (told, again)
}

/// One push; a second, brief one where the first was too large.
async fn send<R, C, Q, G: PushGate, S>(
    ports: &Ports<R, C, Q, G, S>,
    errand: &Errand<'_>,
    client: &Client,
    turn: Turn,
) -> Verdict {
    let (verdict, _) = push(&ports.gate, errand.vapid, errand.drawn, errand.ttl_s, client, turn).await;
    match verdict {
        Verdict::TooLarge => push(&ports.gate, errand.vapid, &errand.brief, errand.ttl_s, client, turn).await.0,
        verdict => verdict,
    }
}

/// Seals and sends: what it means, and the status if there was an answer.
async fn push<G: PushGate>(
    gate: &G,
    vapid: &VapidHeaders,
    drawn: &Drawn,
    ttl_s: u32,
    client: &Client,
    turn: Turn,
) -> (Verdict, Option<u16>) {
    let authorization = vapid.header(&client.endpoint.origin(), turn.ms() / 1_000);
    let Ok(notice) = Notice::seal(client, &drawn.for_client(client), authorization, ttl_s) else {
        return (Verdict::Refused(Refused::Keys), None);
    };
    match gate.send(&notice).await {
        Ok(answer) => (answer.verdict(client.endpoint.host()), Some(answer.status)),
        Err(error) if error.retryable => (Verdict::Later(None), None),
        Err(_) => (Verdict::Refused(Refused::NotAllowed), None),
    }
}

/// A client that is gone and can't be forgotten now is forgotten next time.
async fn forget<R, C: Clients, Q, G, S>(ports: &Ports<R, C, Q, G, S>, client: &Client) {
    if let Err(error) = ports.clients.forget(client).await {
        Line::about("forget").with("client", client.id.as_str()).with("error", error.what).write();
    }
}

/// A test push to each: all answers, in the order of the clients.
pub(super) async fn test_all<R, C: Clients, Q, G: PushGate, S>(
    ports: &Ports<R, C, Q, G, S>,
    vapid: &VapidHeaders,
    drawn: &Drawn,
    clients: Vec<Client>,
    turn: Turn,
) -> Vec<fanout::Told> {
    let told = stream::iter(clients).map(|client| async move {
        let began = Instant::now();
        let (verdict, status) = match turn.is_short() {
            true => (Verdict::Later(None), None),
            false => push(&ports.gate, vapid, drawn, TEST_TTL_S, &client, turn).await,
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if verdict == Verdict::Gone {
            forget(ports, &client).await;
        }
        fanout::Told { id: client.id, host: client.endpoint.host().to_owned(), status, verdict, took_ms }
    });
    told.buffered(AT_ONCE).collect().await
}

fn word(why: Refused) -> String {
    json!(why).as_str().unwrap_or("other").to_owned()
}
