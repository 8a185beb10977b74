//! A plan carried out: in parallel along the edges, longest pole first. After a failure or a stop
//! signal nothing new is started, and what is in flight is let finish.
//!
//! What the plan listed as absent is created without another look (a create that meets something
//! of its name adopts or refuses it). What it saw and must change or remove is observed and compared again in
//! its turn, unless the plan has just seen it. What it saw and keeps is visited again only where a fact it rests on has
//! changed, and never where it finishes: what is left over then is for the next plan to say.
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use crate::{
    Change, Error, Event, Failed, Fault, Id, Plan, Stack, Stop, Tell, Verb, Visit,
    stack::{Order, Turn},
};

/// How many turns may be in flight at once.
const IN_FLIGHT: usize = 64;

/// For so long what the plan has seen is believed: a call more would know it hardly better, and no look keeps anybody
/// from coming between it and the change. What replaces, and what finishes, is looked at whenever its turn comes.
const BELIEVED: Duration = Duration::from_secs(5);

/// Where a plan or a walk tells, and what stops it.
#[derive(Clone)]
pub struct Doing {
    /// Where events go.
    pub tell: Tell,
    /// What stops it.
    pub stop: Stop,
}

impl Doing {
    /// Tells to `tell`, stopped by `stop`.
    pub fn new(tell: Tell, stop: Stop) -> Self {
        Self { tell, stop }
    }

    /// Tells nobody and is never stopped.
    pub fn quietly() -> Self {
        Self { tell: Arc::new(|_| {}), stop: Stop::default() }
    }
}

/// Carries out what is not done of the plan; answers what was done, in the order in which it ended.
pub async fn walk(stack: &Stack, plan: &mut Plan, doing: &Doing) -> Result<Vec<(Id, Verb)>, Error> {
    carry_out(stack, plan, None, doing).await
}

/// The same for these steps alone: what must stand before all others, such as the place of a lease.
pub async fn walk_only(stack: &Stack, plan: &mut Plan, only: &[Id], doing: &Doing) -> Result<Vec<(Id, Verb)>, Error> {
    carry_out(stack, plan, Some(only.iter().cloned().collect()), doing).await
}

/// The same for all but what finishes: that is left for a walk of its own, when it is known that the rest holds.
pub async fn walk_unfinished(stack: &Stack, plan: &mut Plan, doing: &Doing) -> Result<Vec<(Id, Verb)>, Error> {
    let ordinary = plan.steps.iter().map(|step| step.id.clone()).filter(|id| !stack.finishes(id)).collect();
    carry_out(stack, plan, Some(ordinary), doing).await
}

async fn carry_out(
    stack: &Stack,
    plan: &mut Plan,
    only: Option<BTreeSet<Id>>,
    doing: &Doing,
) -> Result<Vec<(Id, Verb)>, Error> {
    let order = if plan.reverse { stack.reverse_order()? } else { stack.order()? };
    let planned: BTreeMap<Id, Change> = plan
        .steps
        .iter()
        .filter(|step| !step.done && only.as_ref().is_none_or(|only| only.contains(&step.id)))
        .map(|step| (step.id.clone(), step.change.clone()))
        .collect();
    let learned = Arc::new(plan.learned.clone());
    let outcome = along(order, &doing.stop, |id| {
        let node = stack.node(id);
        let (facts, tell, stop) = (plan.facts.clone(), doing.tell.clone(), doing.stop.clone());
        let step = Turned {
            turn: node.turn.clone(),
            needs: node.needs.clone(),
            planned: planned.get(id).cloned(),
            believed_until: (!stack.finishes(id)).then(|| plan.looked + BELIEVED),
            learned: learned.clone(),
            visit: Visit { id: id.clone(), facts, tell, stop, planning: false },
        };
        step.take()
    })
    .await;
    for step in &mut plan.steps {
        step.done |= planned.contains_key(&step.id) && outcome.done.iter().any(|(id, _)| *id == step.id);
    }
    let is_planned = |id: &Id| planned.get(id).is_some_and(|change| *change != Change::Keep);
    let mut done = outcome.done.clone();
    outcome.left_only(is_planned).into_result()?;
    done.retain(|(_, verb)| *verb != Verb::Keep);
    Ok(done)
}

/// One resource's turn in a walk.
struct Turned {
    turn: Arc<dyn Turn>,
    needs: Vec<Id>,
    planned: Option<Change>,
    /// `None` for what finishes: before it is changed, it is looked at in any case.
    believed_until: Option<Instant>,
    learned: Arc<BTreeMap<Id, BTreeMap<String, String>>>,
    visit: Visit,
}

impl Turned {
    async fn take(self) -> Result<Verb, Ended> {
        let Some(planned) = &self.planned else { return Ok(Verb::Keep) };
        let now = match planned {
            Change::Create => planned.clone(),
            Change::Delete if self.is_believed() => planned.clone(),
            Change::Delete => self.look_before_it_goes().await?,
            Change::Refuse(why) => return Err(self.failed(Verb::Refuse, Fault::new(why.clone()).stranger())),
            Change::Keep if self.finishes() || !self.rests_on_new_facts() => return Ok(Verb::Keep),
            Change::Update(_) if self.is_believed() && !self.rests_on_new_facts() => planned.clone(),
            Change::Keep | Change::Update(_) | Change::Replace(_) => self.look_again(planned).await?,
        };
        if now == Change::Keep {
            return Ok(Verb::Keep);
        }
        self.tell_and_do(&now).await
    }

    /// Whether something that it needs has learned other facts than the comparison was made with.
    fn rests_on_new_facts(&self) -> bool {
        self.needs.iter().any(|need| self.learned.get(need).is_some_and(|before| *before != self.visit.facts.of(need)))
    }

    fn finishes(&self) -> bool {
        self.believed_until.is_none()
    }

    /// Whether the plan has just seen it.
    fn is_believed(&self) -> bool {
        self.believed_until.is_some_and(|until| Instant::now() < until)
    }

    async fn look_again(&self, planned: &Change) -> Result<Change, Ended> {
        let there = self.turn.observe(&self.visit).await.map_err(|fault| self.failed(planned.verb(), fault))?;
        let now = if there { self.turn.diff(&self.visit) } else { Change::Create };
        if now.removes() && !planned.removes() {
            return Err(Ended::Surprise { id: self.visit.id.clone(), planned: planned.verb(), now: now.verb() });
        }
        Ok(now)
    }

    /// Whether it is there, and ours, still: a person may have thought for long before saying yes.
    async fn look_before_it_goes(&self) -> Result<Change, Ended> {
        let there = self.turn.observe(&self.visit).await.map_err(|fault| self.failed(Verb::Delete, fault))?;
        Ok(if there { Change::Delete } else { Change::Keep })
    }

    async fn tell_and_do(&self, change: &Change) -> Result<Verb, Ended> {
        let (id, verb, start) = (&self.visit.id, change.verb(), Instant::now());
        let tell = &self.visit.tell;
        tell(Event::StepStarted { id: id.clone(), change: verb });
        let done = self.carry(change).await;
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        match done {
            Ok(()) => {
                tell(Event::StepDone { id: id.clone(), change: verb, ms });
                Ok(verb)
            }
            Err(fault) if fault.is_stopped() => Err(Ended::Stopped(id.clone())),
            Err(fault) => {
                tell(Event::StepFailed { id: id.clone(), change: verb, ms, why: fault.to_string() });
                Err(self.failed(verb, fault))
            }
        }
    }

    async fn carry(&self, change: &Change) -> crate::Result<()> {
        if change.removes() {
            self.turn.delete(&self.visit).await?;
            self.visit.facts.forget(&self.visit.id);
        }
        match change {
            Change::Keep | Change::Delete | Change::Refuse(_) => Ok(()),
            Change::Replace(_) => self.turn.apply(&Change::Create, &self.visit).await,
            Change::Create | Change::Update(_) => self.turn.apply(change, &self.visit).await,
        }
    }

    fn failed(&self, verb: Verb, fault: Fault) -> Ended {
        Ended::failed(&self.visit.id, Some(verb), fault)
    }
}

/// How a turn can end without being done.
pub(crate) enum Ended {
    Failed(Failed),
    Surprise { id: Id, planned: Verb, now: Verb },
    Stopped(Id),
}

impl Ended {
    pub(crate) fn failed(id: &Id, verb: Option<Verb>, fault: Fault) -> Self {
        if fault.is_stopped() {
            return Self::Stopped(id.clone());
        }
        Self::Failed(Failed { id: id.clone(), verb, fault })
    }
}

/// What came of going along the edges.
pub(crate) struct Outcome<T> {
    pub(crate) done: Vec<(Id, T)>,
    ended: Vec<Ended>,
    left: Vec<Id>,
    stopped: bool,
}

impl<T> Outcome<T> {
    /// What is left counts only where it was to be changed.
    fn left_only(mut self, counts: impl Fn(&Id) -> bool) -> Self {
        self.left.retain(counts);
        self
    }

    /// A surprise comes before a failure, a failure before a stop.
    pub(crate) fn into_result(self) -> Result<BTreeMap<Id, T>, Error> {
        let (mut left, mut failed, mut stopped) = (self.left, Vec::new(), self.stopped);
        let mut surprise = None;
        for ended in self.ended {
            match ended {
                Ended::Failed(one) => failed.push(one),
                Ended::Surprise { id, planned, now } => surprise = Some((id, planned, now)),
                Ended::Stopped(id) => {
                    stopped = true;
                    left.insert(0, id);
                }
            }
        }
        if let Some((id, planned, now)) = surprise {
            return Err(Error::Surprise { id, planned, now, left });
        }
        if !failed.is_empty() {
            return Err(Error::Failed { failed, left });
        }
        if stopped && !left.is_empty() {
            return Err(Error::Stopped { left });
        }
        Ok(self.done.into_iter().collect())
    }
}

/// Does `work` for each of the order's ids as soon as what it waits for is done.
pub(crate) async fn along<T, F>(mut order: Order, stop: &Stop, work: impl Fn(&Id) -> F) -> Outcome<T>
where
    F: Future<Output = Result<T, Ended>> + Send + 'static,
    T: Send + 'static,
{
    let mut left: BTreeSet<Id> = order.sorted.iter().cloned().collect();
    let (mut done, mut ended) = (Vec::new(), Vec::new());
    let mut ready = VecDeque::from(order.ready());
    let mut flying = JoinSet::new();
    loop {
        while ended.is_empty() && !stop.asked() && flying.len() < IN_FLIGHT {
            let Some(id) = ready.pop_front() else { break };
            left.remove(&id);
            let turn = work(&id);
            flying.spawn(async move { (id, turn.await) });
        }
        match flying.join_next().await {
            None => break,
            Some(Ok((id, Ok(value)))) => {
                order.done(&id);
                done.push((id, value));
                ready.extend(order.ready());
                order.longest_first(ready.make_contiguous());
            }
            Some(Ok((_, Err(end)))) => ended.push(end),
            Some(Err(gone)) if gone.is_panic() => std::panic::resume_unwind(gone.into_panic()),
            Some(Err(_)) => unreachable!("nobody aborts a turn while its walk goes on"),
        }
    }
    let left = order.sorted.iter().filter(|id| left.contains(*id)).cloned().collect();
    Outcome { done, ended, left, stopped: stop.asked() }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
