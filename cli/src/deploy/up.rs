//! `up`: build, plan, take the lease, apply, prove. Must not know how any resource is made.

use std::time::Duration;

use reconcile::{Id, Plan, Stack, Verb};
use tokio::time::Instant;

use super::carry::{Way, carry_out, endpoint, is_fresh, tell_deployed};
use super::code::packages;
use super::drawn::{self, DRAWN, Drawn, came_between};
use super::history;
use super::lease::Lease;
use super::lobby::Lobby;
use super::proof::Proved;
use super::record::Deploy;
use super::{Confirm, Deploying, beside, quota, reasons, telling};
use crate::event::{Act, Event, Place, PlannedStep};
use crate::failure::Failure;
use crate::stack::{self, Chat, Packages};
use crate::stage::Target;

/// How an `up` is done.
pub struct UpOptions<'a> {
    /// Whether a real message is sent at the end.
    pub prove: bool,
    /// Asks before anything is changed; a local stage never asks.
    pub confirm: Confirm<'a>,
    /// Whether a person is going to be asked: they see the plan first, and the lease is taken for their answer.
    pub asks: bool,
}

/// What came of an `up`; its events were told already, `Deployed` as the last one.
#[derive(Clone, Debug)]
pub struct UpOutcome {
    /// The API's address.
    pub endpoint: String,
    /// The lobby's link, with its token.
    pub page: String,
    /// How many resources were changed.
    pub changed: usize,
    /// How the message went, if one was sent.
    pub proved: Option<Proved>,
    /// How long it all took.
    pub took: Duration,
}

/// What an `up` would do.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Where.
    pub place: Place,
    /// Every step, in order, the kept ones too.
    pub steps: Vec<PlannedStep>,
}

impl Planned {
    /// Whether there is anything to do.
    pub fn changes(&self) -> bool {
        self.steps.iter().any(|step| step.change != Act::Keep)
    }
}

/// What `up` would do, and why. Builds, looks, and changes nothing.
pub async fn plan(cx: &Deploying) -> Result<Planned, Failure> {
    try_plan(cx).await.map_err(|failure| cx.goes_on(failure))
}

async fn try_plan(cx: &Deploying) -> Result<Planned, Failure> {
    let stack = wanted(cx).await?;
    let mut plan = forecast(cx, &stack).await?;
    let (last, ()) = tokio::join!(last_of(cx, &plan), quota::advise(cx, &plan));
    let last = last?;
    reasons::explain(&mut plan, &stack, &cx.stage, last.as_ref());
    beside::say_boundary(cx, &plan);
    Ok(Planned { place: telling::place(cx), steps: telling::steps(cx, &plan) })
}

/// Something could not even be listed.
pub(super) fn looking(cx: &Deploying, fault: reconcile::Fault) -> Failure {
    Failure::from(fault).while_doing(format!("cannot look at stage {}", cx.stage.name))
}

/// What would be done. Where a stranger's thing is in the way, that is shown, and refused.
async fn forecast(cx: &Deploying, stack: &Chat) -> Result<Plan, Failure> {
    let planned = reconcile::plan_with_strangers(stack, &cx.doing()).await;
    let (mut plan, refusal) = planned.map_err(|error| looked(cx, error))?;
    let Some(refusal) = refusal else { return Ok(plan) };
    reasons::explain(&mut plan, stack, &cx.stage, None);
    telling::forecast(cx, &plan);
    Err(looked(cx, refusal))
}

/// Whether the stage is about to be made: there is no history then, and no place for a lease.
fn is_new(plan: &Plan) -> bool {
    plan.step(&stack::first()).is_some_and(|step| step.change.verb() == Verb::Create)
}

/// The last deploy, which a plan's reasons are drawn from.
async fn last_of(cx: &Deploying, plan: &Plan) -> Result<Option<Deploy>, Failure> {
    if is_new(plan) { Ok(None) } else { history::last(cx).await.map_err(|error| history::unread(cx, error)) }
}

/// Makes the stage what it should be, and proves it.
///
/// An unproven deploy is a failure with its own exit code, told after `Deployed`: the stage is up.
pub async fn up(cx: &Deploying, options: UpOptions<'_>) -> Result<UpOutcome, Failure> {
    try_up(cx, options).await.map_err(|failure| cx.goes_on(failure))
}

async fn try_up(cx: &Deploying, options: UpOptions<'_>) -> Result<UpOutcome, Failure> {
    let began = Instant::now();
    let packages = packages(cx).await?;
    let mut known = None;
    for _ in 0..DRAWN {
        match attempt(cx, &packages, &options, known, began).await? {
            Came::Through(outcome) => return Ok(outcome),
            Came::Late(drawn) => known = Some(drawn),
        }
        drawn::anew(cx);
    }
    Err(came_between(cx))
}

/// What came of a plan.
enum Came {
    /// It was carried out, or there was nothing to do.
    Through(UpOutcome),
    /// Another deploy was faster; after which one the next plan is drawn, at the earliest.
    Late(Drawn),
}

/// Plans, asks, and carries the plan out if it still holds when the lease is taken. `known` is the last deploy, where a
/// plan before this one has met it.
async fn attempt(
    cx: &Deploying,
    packages: &Packages,
    options: &UpOptions<'_>,
    known: Option<Drawn>,
    began: Instant,
) -> Result<Came, Failure> {
    let since = known.unwrap_or_else(|| Drawn::At(cx.now_ms()));
    let stack = chat(cx, packages).await?;
    let plan = forecast(cx, &stack).await?;
    quota::advise(cx, &plan).await;
    let mut draft = Draft { cx, stack, plan, prove: options.prove, began };
    if !draft.plan.is_empty() && !is_new(&draft.plan) && !options.asks {
        return draft.carry(since, false).await;
    }
    let last = last_of(cx, &draft.plan).await?;
    if !since.holds(last.as_ref()) {
        return Ok(Came::Late(Drawn::after(last.as_ref())));
    }
    if draft.is_done(last.as_ref()) {
        let lobby = Lobby::of(cx, &draft.stack).await?;
        return settled(cx, &draft.plan, &lobby, began).await.map(Came::Through);
    }
    draft.explain(last.as_ref());
    if options.asks && !draft.plan.is_empty() {
        telling::forecast(cx, &draft.plan);
    }
    ask(cx, &draft.plan, options.confirm)?;
    draft.tell();
    make_place(cx, &draft.stack, &mut draft.plan).await?;
    draft.carry(Drawn::after(last.as_ref()), true).await
}

/// A plan that may be carried out.
struct Draft<'a> {
    cx: &'a Deploying,
    stack: Chat,
    plan: Plan,
    prove: bool,
    began: Instant,
}

impl Draft<'_> {
    /// Whether nothing is left to do: to change, to write down or to prove.
    fn is_done(&self, last: Option<&Deploy>) -> bool {
        let unwritten = history::is_unwritten(last, &stack::versions(&self.plan.facts));
        self.plan.is_empty() && !unwritten && !(self.prove && history::owes_proof(last))
    }

    /// Puts the reasons into it.
    fn explain(&mut self, last: Option<&Deploy>) {
        reasons::explain(&mut self.plan, &self.stack, &self.cx.stage, last);
    }

    /// Tells that it is carried out now.
    fn tell(&self) {
        (self.cx.tell)(Event::Planned { steps: telling::steps(self.cx, &self.plan) });
    }

    /// Carries it out under the lease, which remembers the last deploy: one call says whether the plan still holds, and
    /// the reasons of one that was not told yet.
    async fn carry(mut self, drawn: Drawn, told: bool) -> Result<Came, Failure> {
        let cx = self.cx;
        let carried = async |lease: &Lease| {
            let last = lease.last_in(cx, is_fresh(&self.plan)).await?;
            if !drawn.holds(last.as_ref()) {
                return Ok(Came::Late(Drawn::after(last.as_ref())));
            }
            if !told {
                self.explain(last.as_ref());
                self.tell();
            }
            let Self { stack, plan, prove, began, .. } = &mut self;
            carry_out(cx, stack, plan, Way::On, *prove, lease, *began).await.map(Came::Through)
        };
        Lease::take(cx).await?.over(carried).await
    }
}

/// The stack as it should be, of what was given or is built first.
async fn wanted(cx: &Deploying) -> Result<Chat, Failure> {
    chat(cx, &packages(cx).await?).await
}

/// The stack as it should be, of this code, and what is there beside it.
async fn chat(cx: &Deploying, packages: &Packages) -> Result<Chat, Failure> {
    stack::chat_and_strays(&cx.aws, &cx.stage, packages, cx.now_ms()).await.map_err(|fault| looking(cx, fault))
}

/// Nothing to change.
pub(super) async fn settled(cx: &Deploying, plan: &Plan, lobby: &Lobby, began: Instant) -> Result<UpOutcome, Failure> {
    (cx.tell)(Event::NothingToChange { stage: cx.stage.name.clone(), resources: telling::told(plan).count() });
    let endpoint = endpoint(cx, plan)?;
    beside::report(cx, plan, false).await;
    let outcome = UpOutcome { page: lobby.link(&endpoint), endpoint, changed: 0, proved: None, took: began.elapsed() };
    tell_deployed(cx, &outcome);
    Ok(outcome)
}

/// Asks, where there is something to lose.
pub(super) fn ask(cx: &Deploying, plan: &Plan, confirm: Confirm<'_>) -> Result<(), Failure> {
    if cx.stage.target == Target::Local || plan.is_empty() {
        return Ok(());
    }
    beside::say_boundary(cx, plan);
    let removes = plan.changes().filter(|step| step.change.removes()).count();
    let what = plan.changes().count();
    let account = &cx.aws.account;
    let warning = if removes > 0 { format!(", {removes} of them by removing something") } else { String::new() };
    confirm(&format!(
        "change {what} resources of stage {} in account {account}, {}, as {}{warning}?",
        cx.stage.name,
        cx.stage.region,
        cx.who()
    ))
}

/// Makes the Stage table of a new stage, the place for the lease. Of one that is there nothing is changed without it.
async fn make_place(cx: &Deploying, stack: &Stack, plan: &mut Plan) -> Result<(), Failure> {
    if !is_new(plan) {
        return Ok(());
    }
    let (doing, first) = (cx.doing(), [stack::first()]);
    let walk = reconcile::walk_only(stack, plan, &first, &doing);
    walk.await.map(drop).map_err(|error| walked(cx, error))
}

/// A walk's error as a failure: what was done stays, the same command goes on.
pub(super) fn walked(cx: &Deploying, error: reconcile::Error) -> Failure {
    if error.stopped() {
        return stopped(cx, error.left());
    }
    let failure = Failure::from(error);
    if failure.next.is_empty() { failure.next(cx.command.clone()) } else { failure }
}

/// A plan's error as a failure: nothing was changed.
pub(super) fn looked(cx: &Deploying, error: reconcile::Error) -> Failure {
    if error.stopped() { stopped(cx, &[]) } else { error.into() }
}

/// Ctrl-C: says what is left.
pub(super) fn stopped(cx: &Deploying, left: &[Id]) -> Failure {
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    let why = match left.len() {
        0 => "nothing was changed".to_owned(),
        count => format!("{count} steps are left"),
    };
    (cx.tell)(Event::Stopped { left });
    Failure::new(crate::failure::Exit::Stopped, "stopped").why(why).next(cx.command.clone())
}
