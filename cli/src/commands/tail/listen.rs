//! Listening in a room: by push, and by asking again and again while pushes can't be had. What was shown is not shown again.
//! Must not know how a push is opened.

use std::time::Duration;

use chat::history::Cursor;
use chat::message::{Item, Message};
use chat::notice::{Content, Payload};

use crate::commands::live::Live;
use crate::context::Context;
use crate::event::{Event, Via};
use crate::failure::Failure;
use crate::member::{Arrival, Identity, Inbox, KeptInbox, Member, MemberError, Part};
use crate::operate::rooms::Room;
use crate::operate::seen::Seen;

/// Between two questions while there are no pushes.
const POLL: Duration = Duration::from_secs(2);
/// At most so many questions are asked before pushes are tried again; at first one, then twice as many each time.
const MOST_POLLS: u32 = 15;
/// How long clearing up may take.
const FAREWELL: Duration = Duration::from_secs(3);
/// The largest page there is.
const PAGE: u16 = 100;
/// How many messages are remembered as shown.
const REMEMBERED: usize = 5_000;

/// Someone who listens in a room.
pub(super) struct Listener<'a> {
    cx: &'a Context,
    live: &'a Live,
    room: Room,
    member: Member,
    kept: Option<KeptInbox>,
    shown: Seen,
    after: Cursor,
    /// How many questions were asked since pushes were tried last; 0 while they come.
    polls: u32,
}

/// How a way of listening ended.
enum Ended {
    /// By Ctrl-C.
    Stopped,
    /// For this reason.
    Lost(String),
}

impl<'a> Listener<'a> {
    /// Takes the kept subscription, unless another `tail` has it.
    pub(super) fn new(cx: &'a Context, live: &'a Live, room: Room) -> Result<Self, Failure> {
        let kept = KeptInbox::take(&cx.stage)?;
        let identity = if kept.is_some() { Identity::of(&cx.stage)? } else { Identity::throwaway() };
        let member = Member::new(&live.http, &live.endpoint, &room.token, identity);
        Ok(Listener { cx, live, room, member, kept, shown: Seen::of(REMEMBERED), after: Cursor::start(), polls: 0 })
    }

    /// Shows the history from `since_ms` on, then what comes, until Ctrl-C.
    pub(super) async fn run(&mut self, since_ms: Option<i64>) -> Result<(), Failure> {
        match since_ms {
            Some(since_ms) => {
                self.after = Cursor::since(since_ms);
                self.catch_up(Via::History).await?;
            }
            None => {
                let newest = self.member.page(&Part::Newest, PAGE).await?;
                for item in &newest.items {
                    self.shown.first_time(&item.id().to_string());
                }
                self.after = newest.after;
            }
        }
        let mut stop = self.cx.stop();
        loop {
            let lost = match self.by_push().await? {
                Ended::Stopped => return Ok(()),
                Ended::Lost(because) => because,
            };
            if self.polls == 0 {
                let room = self.room.record.name.to_string();
                self.cx.tell(Event::Listening { room, via: Via::Poll, because: Some(lost) });
            }
            self.polls = (self.polls * 2).clamp(1, MOST_POLLS);
            for _ in 0..self.polls {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                    () = tokio::time::sleep(POLL) => match self.catch_up(Via::Poll).await {
                        Err(error) if !error.passes() => return Err(error.into()),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Listens as a push client, and clears up at the end.
    async fn by_push(&mut self) -> Result<Ended, Failure> {
        let kept = self.kept.as_ref().and_then(KeptInbox::read);
        let opening = Inbox::open(&self.live.http, &self.live.world.push_service, &self.live.vapid_public, kept);
        let mut stop = self.cx.stop();
        let opened = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Stopped),
            opened = opening => opened,
        };
        let mut inbox = match opened {
            Ok(inbox) => inbox,
            Err(error) => return Ok(Ended::Lost(Failure::from(error).error)),
        };
        let ended = self.receive(&mut inbox).await;
        let endpoint = inbox.subscription().endpoint;
        let farewell = async {
            let _ = self.member.unregister(&endpoint).await; // one that stays is removed at the first 410
            let _ = inbox.close().await;
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_ok()
            && let Some(kept) = &self.kept
        {
            kept.forget();
        }
        ended
    }

    async fn receive(&mut self, inbox: &mut Inbox) -> Result<Ended, Failure> {
        if let Some(lost) = self.subscribe(inbox).await? {
            return Ok(Ended::Lost(lost));
        }
        let room = self.room.record.name.to_string();
        self.cx.tell(Event::Listening { room, via: Via::Push, because: None });
        self.polls = 0;
        let mut stop = self.cx.stop();
        loop {
            let arrival = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Stopped),
                arrival = inbox.next() => arrival,
            };
            match arrival {
                Ok(Arrival::Push(opened)) => self.push(&opened).await,
                Ok(Arrival::Unreadable) => {
                    self.cx.tell(Event::Warning { what: "a push came that can't be read".into(), next: None })
                }
                Ok(Arrival::Renewed) => {
                    if let Some(lost) = self.subscribe(inbox).await? {
                        return Ok(Ended::Lost(lost));
                    }
                }
                Err(error) => return Ok(Ended::Lost(Failure::from(error).error)),
            }
        }
    }

    /// Registers the subscription, keeps it, and shows what came meanwhile; `Some` says why pushes can't be had.
    async fn subscribe(&mut self, inbox: &Inbox) -> Result<Option<String>, Failure> {
        if let Some(kept) = &self.kept {
            kept.write(&inbox.kept())?;
        }
        let done = match self.member.register(&inbox.subscription()).await {
            Ok(_) => self.catch_up(Via::Poll).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Ok(None),
            Err(error) if closed(&error) => Err(error.into()),
            Err(error) => {
                let failure = Failure::from(error);
                Ok(Some(failure.why.unwrap_or(failure.error)))
            }
        }
    }

    /// Shows a push; a text that was cut for its way is read whole.
    async fn push(&mut self, opened: &[u8]) {
        let Ok(payload) = Payload::parse(opened) else {
            return self
                .cx
                .tell(Event::Warning { what: "a push came that this version does not understand".into(), next: None });
        };
        if payload.room != self.room.record.hash {
            return;
        }
        match payload.content {
            Content::Message { id, author, name, text, more } => {
                if more && self.catch_up(Via::Push).await.is_ok() {
                    return; // it was among what was read
                }
                self.show(Message { id, author, name, text, at_ms: payload.at_ms }, Via::Push);
            }
            Content::Test { .. } => self.cx.tell(Event::Warning { what: "a test push arrived".into(), next: None }),
        }
    }

    /// Shows what was said after what was last read.
    async fn catch_up(&mut self, via: Via) -> Result<(), MemberError> {
        loop {
            let page = self.member.page(&Part::After(self.after), PAGE).await?;
            for item in page.items {
                match item {
                    Item::Message(message) => self.show(message, via),
                    Item::Deletion(deletion) => {
                        if self.shown.first_time(&deletion.id.to_string()) {
                            let room = self.room.record.name.to_string();
                            self.cx.tell(Event::MessageDeleted { room, id: deletion.of.to_string() });
                        }
                    }
                }
            }
            self.after = page.after;
            if !page.more {
                return Ok(());
            }
        }
    }

    fn show(&mut self, message: Message, via: Via) {
        let id = message.id.to_string();
        if self.shown.first_time(&id) {
            self.cx.tell(Event::Message {
                room: self.room.record.name.to_string(),
                id,
                author: message.author.to_string(),
                name: message.name,
                text: message.text,
                time: chat::rfc3339::format(message.at_ms),
                via,
            });
        }
    }
}

/// Whether the room itself is closed to us: then listening on is no use.
fn closed(error: &MemberError) -> bool {
    matches!(error, MemberError::Refused { source, .. } if ["unknown_room", "room_gone"].contains(&source.code.as_str()))
}
