//! Back to an earlier deploy: its versions behind the aliases, its settings in everything else; shown as a plan first,
//! done under the lease, proved. Must not know how any resource is changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::carry::{self, Way};
use super::chosen::{chosen, undone};
use super::drawn::{Drawn, came_between};
use super::history::{self, KEPT_DEPLOYS};
use super::lease::Lease;
use super::lobby::Lobby;
use super::record::{Back, Deploy};
use super::up::{ask, settled};
use super::{Confirm, Deploying, UpOutcome, quota, telling};
use crate::event::Event;
use crate::failure::Failure;
use crate::stack::{self, Chat};

/// How a rollback is done.
pub struct RollbackOptions<'a> {
    /// The deploy to go back to; none is the last proved one before the current one.
    pub to: Option<u64>,
    /// Whether a real message is sent at the end.
    pub prove: bool,
    /// Asks before anything is changed; a local stage never asks.
    pub confirm: Confirm<'a>,
    /// Whether that asks a person, who sees the plan first.
    pub asks: bool,
}

/// Goes back to an earlier deploy, and proves it.
pub async fn rollback(cx: &Deploying, options: RollbackOptions<'_>) -> Result<UpOutcome, Failure> {
    try_rollback(cx, options).await.map_err(|failure| cx.goes_on(failure))
}

async fn try_rollback(cx: &Deploying, options: RollbackOptions<'_>) -> Result<UpOutcome, Failure> {
    let began = Instant::now();
    let past = history::latest(cx, KEPT_DEPLOYS).await.map_err(|error| history::unread(cx, error))?;
    let (current, to) = chosen(&past, options.to, |command| cx.stage.command(command))?;
    let back = Going::between(cx, current, to);
    let mut plan = reconcile::plan(&back.stack, &cx.doing()).await.map_err(|error| back.refused(error))?;
    if plan.is_empty() {
        return settled(cx, &plan, &Lobby::of(cx, &back.stack).await?, began).await;
    }
    quota::advise(cx, &plan).await;
    (cx.tell)(Event::RollingBack { from: current.number, to: to.number, because: None });
    if options.asks {
        telling::forecast(cx, &plan);
    }
    ask(cx, &plan, options.confirm)?;
    (cx.tell)(Event::Planned { steps: telling::steps(cx, &plan) });

    let drawn = Drawn::after(Some(current));
    let lease = Lease::take(cx).await?;
    let carried = async |lease: &Lease| {
        if !drawn.holds(lease.last(cx).await?.as_ref()) {
            return Err(came_between(cx));
        }
        carry::carry_out(&back.cx, &back.stack, &mut plan, back.way.clone(), options.prove, lease, began).await
    };
    lease.over(carried).await
}

/// A way back that was gone by itself.
pub(super) struct Undone {
    /// To which deploy.
    pub(super) to: u64,
    /// Whether that is what is up now.
    pub(super) is_live: bool,
    /// What came of it.
    pub(super) carried: Result<(), Failure>,
}

/// Goes back from a deploy that failed its proof inside our functions, under the lease that it was done with. `None`
/// where there is nothing to go back to.
pub(super) async fn undo(cx: &Deploying, failed: &Deploy, lease: &Lease, because: &str) -> Option<Undone> {
    let past = history::latest(cx, KEPT_DEPLOYS).await.ok()?;
    let to = undone(&past, failed)?;
    (cx.tell)(Event::RollingBack { from: failed.number, to: to.number, because: Some(because.to_owned()) });
    // It is up when that is told, also where its proof does not come back.
    let (live, tell) = (Arc::new(AtomicBool::new(false)), Arc::clone(&cx.tell));
    let is_told = Arc::clone(&live);
    let tell = Arc::new(move |event| {
        is_told.fetch_or(matches!(event, Event::Deployed { .. }), Ordering::Relaxed);
        tell(event);
    });
    let back = Going::between(&Deploying { tell, ..cx.clone() }, failed, to);
    let carried = async {
        let mut plan = reconcile::plan(&back.stack, &cx.doing()).await.map_err(|error| back.refused(error))?;
        (cx.tell)(Event::Planned { steps: telling::steps(cx, &plan) });
        let carried = carry::carry_out(&back.cx, &back.stack, &mut plan, back.way.clone(), true, lease, Instant::now());
        // Boxed: a deploy that goes back is itself a deploy.
        Box::pin(carried).await.map(drop)
    };
    let carried = carried.await;
    Some(Undone { to: to.number, is_live: live.load(Ordering::Relaxed), carried })
}

/// A way back, as it is about to be gone.
struct Going {
    /// The same deploy, of the stage as it was set then.
    cx: Deploying,
    stack: Chat,
    way: Way,
    to: u64,
}

impl Going {
    fn between(cx: &Deploying, from: &Deploy, to: &Deploy) -> Self {
        let stage = match &to.settings {
            Some(settings) => cx.stage.with_settings(settings),
            None => cx.stage.clone(),
        };
        let stack = stack::chat_of(&cx.aws, &stage, &to.functions, cx.now_ms());
        let back = Back { from: from.number, to: to.number };
        let way = Way::Back { back, commit: to.commit.clone() };
        Self { cx: Deploying { stage, ..cx.clone() }, stack, way, to: to.number }
    }

    /// A plan's error, in front of it what the person knows.
    fn refused(&self, error: reconcile::Error) -> Failure {
        if error.stopped() {
            return error.into();
        }
        Failure::from(error).while_doing(format!("cannot go back to deploy {}", self.to))
    }
}
