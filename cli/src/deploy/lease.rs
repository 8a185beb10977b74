//! Who may change a stage now: one item of the Stage table, taken under a condition and renewed while its holder works,
//! who alone writes deploys down. Must not know what the holder does.
//!
//! `up`, `rollback` and `down` take it. Making a room does not: that is one conditional put of data,
//! which stands beside whatever a deploy does.

mod place;
mod writing;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use self::place::{Place, Taking};
pub(super) use self::writing::Then;
use super::holder::{self, Holder, Verdict};
use super::record::Deploy;
use super::{Clock, Deploying, history};
use crate::aws::CallError;
use crate::event::Event;
use crate::failure::{Exit, Explain, Failure};

/// Six times before it would be taken for dead.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// How often its holder looks whether it is time: after a computer slept, calls can be made for so long before the look
/// that ends them.
const LOOK: Duration = Duration::from_millis(100);
/// Without a renewal for so long its holder makes no further call: a good while before another may take it over.
const LAST_CALL: Duration = Duration::from_secs(40);
/// A holder that seems silent is watched for so long: one whose clock is another renews meanwhile, and one that cannot
/// renew has made its last call, whatever the clocks say. The rest is for a call that was on its way then.
const WATCHED: Duration = Duration::from_secs(LAST_CALL.as_secs() + 5);
/// How often taking it is tried when others take and give it at the same time.
const TRIES: u32 = 5;

/// The lease is not ours.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum LeaseError {
    #[error("another deploy is changing stage {stage}: {holder}")]
    Held { stage: String, holder: Box<Holder>, now_ms: i64, again: String },
    #[error("others keep taking the lease of stage {stage}")]
    Contended { stage: String, again: String },
    #[error("another deploy has taken the lease of stage {stage} over{}", by.as_ref().map(|by| format!(": {by}")).unwrap_or_default())]
    Lost { stage: String, by: Option<Box<Holder>>, again: String },
    #[error("the lease of stage {stage} could not be renewed for {} s, so nothing more was called", LAST_CALL.as_secs())]
    Silent { stage: String, source: Option<CallError>, again: String },
    #[error("stopped while the lease of stage {stage} was waited for")]
    Stopped { stage: String, again: String },
    #[error("cannot take the lease of stage {stage}")]
    Call { stage: String, source: CallError },
    #[error("cannot write down what was done to stage {stage}")]
    Unwritten { stage: String, source: CallError },
}

impl Explain for LeaseError {
    fn exit(&self) -> Exit {
        match self {
            Self::Call { source, .. } | Self::Unwritten { source, .. } => source.exit(),
            Self::Stopped { .. } => Exit::Stopped,
            _ => Exit::Held,
        }
    }

    fn why(&self) -> Option<String> {
        match self {
            Self::Held { holder, now_ms, .. } => {
                let ago = |at: i64| now_ms.saturating_sub(at).max(0) / 1000;
                let since = chat::rfc3339::format(holder.since_ms);
                let (began, renewed) = (ago(holder.since_ms), ago(holder.renewed_ms));
                Some(format!("it began {began} s ago, at {since}, and renewed its lease {renewed} s ago"))
            }
            Self::Lost { .. } => Some("it was taken for dead; what this one has done stays".to_owned()),
            Self::Silent { source, .. } => source.as_ref().map(ToString::to_string),
            Self::Call { source, .. } | Self::Unwritten { source, .. } => Some(source.to_string()),
            Self::Contended { .. } | Self::Stopped { .. } => None,
        }
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Call { source, .. } | Self::Unwritten { source, .. } => Explain::next(source),
            Self::Held { holder, again, .. } => {
                let Holder { pid, host, .. } = &**holder;
                Some(format!("wait until it has ended (or end process {pid} on {host}), then: {again}"))
            }
            Self::Lost { again, .. } => Some(format!("when the other one has ended: {again}")),
            Self::Contended { again, .. } | Self::Silent { again, .. } | Self::Stopped { again, .. } => {
                Some(again.clone())
            }
        }
    }
}

/// How a lease ended before it was given back.
#[derive(Clone, Debug)]
enum End {
    TakenOver(Option<Box<Holder>>),
    Silent(Option<CallError>),
}

/// The lease, held: renewed until it is released or dropped.
pub(super) struct Lease {
    place: Place,
    id: String,
    again: String,
    ended: watch::Receiver<Option<End>>,
    renewing: JoinHandle<()>,
    /// The last deploy, where the lease's item remembered it or this holder has written it down.
    last: Mutex<Option<Deploy>>,
    given_back: AtomicBool,
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub(super) async fn take(cx: &Deploying) -> Result<Self, LeaseError> {
        let place = Place::of(cx);
        let me = Holder::this(&cx.command, &cx.who(), cx.now_ms());
        let mut instead_of = None;
        for _ in 0..TRIES {
            let asked = Renewed::now(&cx.now);
            let found = match place.take(&me, instead_of.as_ref()).await? {
                Taking::Done(last) => {
                    let renewed = fresh(cx, &place, &me.id, asked).await?;
                    let last = last.as_ref().and_then(Deploy::stored);
                    return Ok(Self::held(place, me.id, cx, renewed, last));
                }
                Taking::Met(found) => found,
                Taking::Vanished => {
                    instead_of = None;
                    continue;
                }
            };
            instead_of = match found.verdict(&me, cx.now_ms(), holder::started) {
                Verdict::Gone => Some(found),
                Verdict::Silent => still_silent(cx, &place, found).await?,
                Verdict::AtWork => return Err(held_by(cx, found)),
            };
        }
        Err(LeaseError::Contended { stage: place.stage, again: cx.command.clone() })
    }

    fn held(place: Place, id: String, cx: &Deploying, asked: Renewed, last: Option<Deploy>) -> Self {
        let (tell, ended) = watch::channel(None);
        let (renewed, own, now) = (place.clone(), id.clone(), cx.now.clone());
        let renewing = tokio::spawn(async move {
            if let Some(end) = renew(&renewed, &own, &now, asked).await {
                tell.send_replace(Some(end));
            }
            // Kept open: who waits for an end waits on.
            std::future::pending::<()>().await;
        });
        let (again, last, given_back) = (cx.command.clone(), Mutex::new(last), AtomicBool::default());
        Self { place, id, again, ended, renewing, last, given_back }
    }

    /// Does this as long as the lease is ours: where it is not any more, the work is dropped, so that none of its
    /// calls comes after it.
    async fn guard<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut ended = self.ended.clone();
        tokio::select! {
            biased;
            // Closed where it was given back with a write.
            Ok(_) = ended.wait_for(Option::is_some) => Err(match self.check() {
                Err(error) => error.into(),
                Ok(()) => unreachable!("how it ended was just seen"),
            }),
            done = work => done,
        }
    }

    /// The same, and gives it back.
    pub(super) async fn over<T>(self, work: impl AsyncFnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        // Boxed: a whole deploy is inside.
        let done = self.guard(Box::pin(work(&self))).await;
        let released = self.release().await;
        let done = done?;
        released?;
        Ok(done)
    }

    /// The last deploy of the stage: as the lease remembers it, else as the history does.
    pub(super) async fn last(&self, cx: &Deploying) -> Result<Option<Deploy>, Failure> {
        if let Some(last) = self.remembered() {
            return Ok(Some(last));
        }
        let last = history::last(cx).await.map_err(|error| history::unread(cx, error))?;
        // One without a number may get it from a migration.
        let counted = last.clone().filter(|last| last.number > 0);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(last)
    }

    /// The same in a Stage table that this holder has made: there is no history to be asked then.
    pub(super) async fn last_in(&self, cx: &Deploying, fresh: bool) -> Result<Option<Deploy>, Failure> {
        if fresh { Ok(self.remembered()) } else { self.last(cx).await }
    }

    fn remembered(&self) -> Option<Deploy> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a deploy down, or what is new of it.
    pub(super) async fn write(&self, deploy: &Deploy, then: Then) -> Result<(), LeaseError> {
        let (stage, again) = (self.place.stage.clone(), self.again.clone());
        if then == Then::GivenBack {
            self.renewing.abort();
        }
        match self.place.write(&self.id, &deploy.item(), then).await {
            Ok(true) => {}
            Ok(false) => {
                let by = self.place.read().await.ok().flatten().map(Box::new);
                return Err(LeaseError::Lost { stage, by, again });
            }
            Err(source) => return Err(LeaseError::Unwritten { stage, source }),
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(deploy.clone());
        self.given_back.store(then == Then::GivenBack, Ordering::Relaxed);
        Ok(())
    }

    /// An error when it is not ours any more.
    fn check(&self) -> Result<(), LeaseError> {
        let (stage, again) = (self.place.stage.clone(), self.again.clone());
        match self.ended.borrow().clone() {
            None => Ok(()),
            Some(End::TakenOver(by)) => Err(LeaseError::Lost { stage, by, again }),
            Some(End::Silent(source)) => Err(LeaseError::Silent { stage, source, again }),
        }
    }

    /// Gives it back, if no write has.
    async fn release(self) -> Result<(), LeaseError> {
        self.renewing.abort();
        self.check()?;
        if self.given_back.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.place.give_back(&self.id).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

fn held_by(cx: &Deploying, holder: Holder) -> LeaseError {
    LeaseError::Held {
        stage: cx.stage.name.clone(),
        holder: Box::new(holder),
        now_ms: cx.now_ms(),
        again: cx.command.clone(),
    }
}

/// A take that was throttled for long (A19) left a lease that is old already: it is renewed before anything rests on it.
async fn fresh(cx: &Deploying, place: &Place, id: &str, mut renewed: Renewed) -> Result<Renewed, LeaseError> {
    while renewed.silent_for(&cx.now) >= RENEWED_EVERY {
        let asked = Renewed::now(&cx.now);
        match place.renew(id, asked.wall_ms).await {
            Ok(place::Renewal::Done) => renewed = asked,
            Ok(place::Renewal::TakenOver(by)) => {
                return Err(LeaseError::Lost { stage: place.stage.clone(), by, again: cx.command.clone() });
            }
            Err(source) => return Err(LeaseError::Call { stage: place.stage.clone(), source }),
        }
    }
    Ok(renewed)
}

/// Watches a holder that seems silent by our clock: by its own it may just have renewed. `None` where it gave the
/// lease back meanwhile.
async fn still_silent(cx: &Deploying, place: &Place, found: Holder) -> Result<Option<Holder>, LeaseError> {
    let what = format!("a sign of life of {found}");
    (cx.tell)(Event::Waiting { id: format!("lease/{}", cx.stage.name), what, since_ms: 0 });
    tokio::select! {
        () = sleep(WATCHED) => {}
        () = cx.stop.wait() => {
            return Err(LeaseError::Stopped { stage: place.stage.clone(), again: cx.command.clone() });
        }
    }
    match place.read().await? {
        Some(now) if now.id == found.id && now.renewed_ms == found.renewed_ms => Ok(Some(found)),
        Some(now) => Err(held_by(cx, now)),
        None => Ok(None),
    }
}

/// When it was last renewed, by both clocks: the one stands still while a computer sleeps, the other can be set.
#[derive(Clone, Copy)]
struct Renewed {
    at: Instant,
    wall_ms: i64,
}

impl Renewed {
    fn now(clock: &Clock) -> Self {
        Self { at: Instant::now(), wall_ms: clock() / 1000 }
    }

    /// For how long it was not.
    fn silent_for(self, clock: &Clock) -> Duration {
        let wall = (clock() / 1000).saturating_sub(self.wall_ms);
        self.at.elapsed().max(Duration::from_millis(u64::try_from(wall).unwrap_or_default()))
    }
}

/// Renews until the lease is not ours any more, and says why. A call that fails is tried again at the next look.
async fn renew(place: &Place, id: &str, clock: &Clock, mut last: Renewed) -> Option<End> {
    let mut failure = None;
    loop {
        sleep(LOOK).await;
        let silent = last.silent_for(clock);
        if silent >= LAST_CALL {
            return Some(End::Silent(failure));
        }
        if silent < RENEWED_EVERY {
            continue;
        }
        let asked = Renewed::now(clock);
        match timeout_at(last.at + LAST_CALL, place.renew(id, asked.wall_ms)).await {
            Ok(Ok(place::Renewal::Done)) => last = asked,
            Ok(Ok(place::Renewal::TakenOver(by))) => return Some(End::TakenOver(by)),
            // It went with its table, and whatever is left to do has nobody to be kept from.
            Ok(Err(error)) if error.is_missing() => return None,
            Ok(Err(error)) => failure = Some(error),
            Err(_) => return Some(End::Silent(failure)),
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
