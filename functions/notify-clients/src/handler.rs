//! Steps 11–15: an announcement becomes jobs, a job becomes encrypted pushes, and each answer of a push service has
//! its consequence. It must not know how clients are kept, how pushes travel, nor the environment.

mod sending;

use std::time::Duration;

use chat::client::{Client, ClientId};
use chat::fanout::{Announcement, CLIENTS_A_JOB, Retry, Share, Test, Tested, TooManyHops, Tried, Work};
use chat::notice::{Drawn, Payload};
use chat::ports::{Clients, PortError, PushGate, Queue, Queued, Rooms, Secrets};
use chat::room::RoomRecord;
use chat_aws::batch::{Batch, Failures, QueueRecord};
use chat_aws::log::Line;
use chat_aws::moment::Moment;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use sending::{Errand, Told, send_all};

/// So many shards are told at once by whoever takes the announcement; of a larger room the others become jobs.
const SHARDS_AT_ONCE: usize = 4;
/// What must be left of an invocation for one more push and for putting the rest back.
const MARGIN: Duration = Duration::from_secs(10);

/// What the handler works with.
pub(crate) struct Ports<R, C, Q, G, S> {
    pub(crate) rooms: R,
    pub(crate) clients: C,
    pub(crate) queue: Q,
    pub(crate) gate: G,
    pub(crate) secrets: S,
}

/// One invocation: when it began, and until when it may go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    moment: Moment,
    began: Instant,
    deadline: Instant,
}

/// What Lambda hands over: a test, asked for directly, or a batch of the queue.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Event {
    Test { test: Test },
    Batch(Batch),
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Tested(Tested),
    Batch(Failures),
}

impl Turn {
    /// The invocation that ends at this millisecond.
    pub(crate) fn until(deadline_ms: u64) -> Self {
        let (moment, began) = (Moment::present(), Instant::now());
        let left_ms = i64::try_from(deadline_ms).unwrap_or(i64::MAX).saturating_sub(moment.ms());
        Self { moment, began, deadline: began + Duration::from_millis(left_ms.max(0).unsigned_abs()) }
    }

    fn micros(&self) -> i64 {
        self.moment.micros + i64::try_from(self.began.elapsed().as_micros()).unwrap_or_default()
    }

    fn ms(&self) -> i64 {
        self.micros() / 1_000
    }

    fn is_short(&self) -> bool {
        self.deadline.saturating_duration_since(Instant::now()) < MARGIN
    }
}

/// Why a job can't be done now: its record comes again.
type Undone = String;

/// Answers one event.
pub(crate) async fn answer<R: Rooms, C: Clients, Q: Queue, G: PushGate, S: Secrets>(
    event: Event,
    ports: &Ports<R, C, Q, G, S>,
    turn: Turn,
) -> Result<Outcome, Undone> {
    match event {
        Event::Test { test } => ports.test(&test, turn).await.map(Outcome::Tested),
        Event::Batch(batch) => Ok(Outcome::Batch(ports.batch(batch.queue(), turn).await)),
    }
}

impl<R: Rooms, C: Clients, Q: Queue, G: PushGate, S: Secrets> Ports<R, C, Q, G, S> {
    /// All records at once: a push service that hangs for one holds up no other.
    async fn batch(&self, records: Vec<QueueRecord>, turn: Turn) -> Failures {
        let done = join_all(records.into_iter().map(|record| async move {
            let line = Line::about("job");
            let undone = match Work::parse(&record.body) {
                Ok(work) => self.work(work, turn, line).await.err(),
                Err(bad) => {
                    line.with("error", bad.to_string()).write();
                    Some(record.id.clone())
                }
            };
            undone.map(|_| record.id)
        }));
        let mut failures = Failures::default();
        done.await.into_iter().flatten().for_each(|id| failures.add(id));
        failures
    }

    async fn work(&self, work: Work, turn: Turn, line: Line) -> Result<(), Undone> {
        let line = line.with("room", work.room().as_str());
        let (kind, done) = match work {
            Work::Announce(announcement) => ("announce", self.announce(announcement, turn).await),
            Work::Share(share) => ("share", self.share(share, turn).await),
            Work::Retry(retry) => ("retry", self.retry(retry, turn).await),
            Work::Test(test) => ("test", self.test(&test, turn).await.map(|_| Told::default())),
        };
        let line = line.with("kind", kind);
        match done {
            Ok(told) => {
                told.note(line).write();
                Ok(())
            }
            Err(undone) => {
                line.with("error", undone.as_str()).write();
                Err(undone)
            }
        }
    }

    /// A message that has just been stored: the first shards are told here and now.
    async fn announce(&self, announcement: Announcement, turn: Turn) -> Result<Told, Undone> {
        let Some((room, announcement)) = self.ready(announcement, turn).await? else { return Ok(Told::default()) };
        let mut now = announcement.shares(room.shards);
        let later = now.split_off(now.len().min(SHARDS_AT_ONCE));
        self.enqueue(later.into_iter().map(|share| (Work::Share(share), Duration::ZERO)).collect()).await?;
        let told = join_all(now.into_iter().map(|share| self.tell_share(&room, share, turn))).await;
        told.into_iter().try_fold(Told::default(), |all, told| Ok(all.and(told?)))
    }

    async fn share(&self, share: Share, turn: Turn) -> Result<Told, Undone> {
        let Share { announcement, shard, from } = share;
        let Some((room, announcement)) = self.ready(announcement, turn).await? else { return Ok(Told::default()) };
        self.tell_share(&room, Share { announcement, shard, from }, turn).await
    }

    async fn retry(&self, retry: Retry, turn: Turn) -> Result<Told, Undone> {
        let Retry { announcement, clients: tried } = retry;
        let Some((room, announcement)) = self.ready(announcement, turn).await? else { return Ok(Told::default()) };
        let ids: Vec<ClientId> = tried.iter().map(|tried| tried.id.clone()).collect();
        let found = self.clients.get(&room, &ids, turn.ms()).await.map_err(|error| error.what)?;
        let tries = |id: &ClientId| tried.iter().find(|tried| tried.id == *id).map_or(0, |tried| tried.tries);
        let clients = found.into_iter().map(|client| (tries(&client.id), client)).collect();
        self.tell(&room, &announcement, clients, turn).await
    }

    /// The room and what is to be told there, unless there is nobody or it is too late to tell.
    async fn ready(
        &self,
        announcement: Announcement,
        turn: Turn,
    ) -> Result<Option<(RoomRecord, Announcement)>, Undone> {
        let room = self.rooms.find(&announcement.room, turn.ms()).await.map_err(|error| error.what)?;
        let Some(room) = room.filter(|room| !room.ended(turn.ms()) && !announcement.stale(turn.ms())) else {
            return Ok(None);
        };
        let mut announcement = announcement;
        announcement.room_name = Some(room.name.clone());
        if room.trace || !announcement.hops.is_empty() {
            announcement.hops.notified.get_or_insert(turn.moment.micros);
        }
        Ok(Some((room, announcement)))
    }

    async fn tell_share(&self, room: &RoomRecord, share: Share, turn: Turn) -> Result<Told, Undone> {
        let listed = self.clients.list(room, share.shard, share.from.as_ref(), CLIENTS_A_JOB, turn.ms()).await;
        let list = listed.map_err(|error| error.what)?;
        if let Some(next) = list.next {
            match share.rest(next) {
                Ok(rest) => self.enqueue(vec![(Work::Share(rest), Duration::ZERO)]).await?,
                Err(loops) => give_up(&share.announcement, loops),
            }
        }
        let clients = list.clients.into_iter().map(|client| (0, client)).collect();
        self.tell(room, &share.announcement, clients, turn).await
    }

    /// Tells these clients, each with the tries it has had. Who can't be told now, or not in this invocation's time,
    /// goes back on the queue, and nobody else does.
    async fn tell(
        &self,
        room: &RoomRecord,
        announcement: &Announcement,
        clients: Vec<(u8, Client)>,
        turn: Turn,
    ) -> Result<Told, Undone> {
        if clients.is_empty() {
            return Ok(Told::default());
        }
        let vapid = self.secrets.vapid(turn.ms()).await.map_err(|error| error.what)?;
        let drawn = Drawn::new(Payload::message(announcement, &room.name));
        let brief = sending::brief(announcement, &room.name);
        let errand = Errand { vapid: &vapid, drawn: &drawn, brief, ttl_s: announcement.seconds_left(turn.ms()) };
        let (told, again) = send_all(self, &errand, clients, turn).await;
        self.put_back(announcement, again).await?;
        Ok(told)
    }

    async fn put_back(&self, announcement: &Announcement, again: Vec<(Tried, Duration)>) -> Result<(), Undone> {
        match Retry::jobs(announcement, again) {
            Ok(jobs) => {
                self.enqueue(jobs.into_iter().map(|(retry, pause)| (Work::Retry(retry), pause)).collect()).await
            }
            Err(loops) => {
                give_up(announcement, loops);
                Ok(())
            }
        }
    }

    async fn enqueue(&self, work: Vec<(Work, Duration)>) -> Result<(), Undone> {
        if work.is_empty() {
            return Ok(());
        }
        let work = work.into_iter().map(|(work, delay)| Queued { work, delay }).collect();
        let results = self.queue.send(work).await.map_err(|error| error.what)?;
        results.into_iter().find_map(Result::err).map_or(Ok(()), |error: PortError| Err(error.what))
    }

    /// A test push to some or all clients of a room: what each push service answered.
    async fn test(&self, test: &Test, turn: Turn) -> Result<Tested, Undone> {
        let room = self.rooms.find(&test.room, turn.ms()).await.map_err(|error| error.what)?;
        let room = room.ok_or("there is no such room")?;
        let vapid = self.secrets.vapid(turn.ms()).await.map_err(|error| error.what)?;
        let clients = self.asked_for(test, &room, turn).await.map_err(|error| error.what)?;
        let asked = test.clients.clone().unwrap_or_default();
        let unknown = asked.into_iter().filter(|id| !clients.iter().any(|client| client.id == *id)).collect();
        let drawn = Drawn::new(Payload::test(test, &room.name, turn.ms()));
        let told = sending::test_all(self, &vapid, &drawn, clients, turn).await;
        Ok(Tested { told, unknown })
    }

    async fn asked_for(&self, test: &Test, room: &RoomRecord, turn: Turn) -> Result<Vec<Client>, PortError> {
        if let Some(ids) = &test.clients {
            return self.clients.get(room, ids, turn.ms()).await;
        }
        let mut clients = Vec::new();
        for shard in 0..room.shards.max(1) {
            let mut from = None;
            loop {
                let list = self.clients.list(room, shard, from.as_ref(), CLIENTS_A_JOB, turn.ms()).await?;
                clients.extend(list.clients);
                from = list.next;
                if from.is_none() || turn.is_short() {
                    break;
                }
            }
        }
        Ok(clients)
    }
}

/// The bound on hops was met: told in the log, since putting it back once more would never end.
fn give_up(announcement: &Announcement, loops: TooManyHops) {
    Line::about("given-up").with("room", announcement.room.as_str()).with("error", loops.to_string()).write();
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
