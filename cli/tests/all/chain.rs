//! How long a first `up` has to take where every call takes the same: the longest chain of calls that depend on each
//! other, along the edges of the stack. The order and the overlap of a run's turns are never asked for it, so a walk that
//! does one after the other what need not be, or waits for nothing, takes longer than its chain.
//!
//! How it is counted. Every turn of the walk is a task of its own, and so is every look of the plan; a call belongs to
//! the task that sent it, and a task to the resource whose `StepStarted` it told. A resource's own time is that in which
//! a call of its turn is under way, so what one turn does one by one counts one by one: the writes to the API among
//! them, which takes one writer. It can be done that long after the last of what it needs. What stands before and behind
//! the walk is one after the other: the lists of what may be a stray, the longest look of the plan, the Stage table, the
//! lease, and the record with what is told at the end; it counts by the calls of the command's own task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, UpOptions};
use chatctl::event::Event;
use chatctl::stack::{self, Packages};
use chatctl::stage::Target;
use reconcile::Id;
use tokio::task;
use tokio::time::Instant;

use crate::counts;
use crate::sky::Sky;

/// How long a call takes where the chain is measured: half of it each way.
const CALL: Duration = Duration::from_millis(50);

/// A first `up`, and the chain of its calls.
pub(crate) struct Chain {
    pub(crate) took: Duration,
    pub(crate) needed: Duration,
    /// What is in the chain, each with its own time.
    pub(crate) links: Vec<(String, Duration)>,
}

impl Chain {
    /// How often its chain the `up` took.
    pub(crate) fn ratio(&self) -> f64 {
        self.took.as_secs_f64() / self.needed.as_secs_f64()
    }
}

/// Of a first `up` of a stage for this target.
pub(crate) async fn of_first_up(target: Target) -> Chain {
    let mut sky = counts::sky(target);
    (sky.way, sky.as_on_aws) = (CALL / 2, false);
    let turns: Arc<Mutex<Turns>> = Arc::default();
    let mut cx = sky.deploying(&Faults::none(), "up");
    let seen = turns.clone();
    cx.tell = Arc::new(move |event| seen.lock().unwrap().see(&event));
    let began = Instant::now();
    deploy::up(&cx, UpOptions { prove: false, confirm: &|_| Ok(()), asks: false }).await.unwrap();
    let took = began.elapsed();
    let calls = sky.wire.heard().into_iter().map(|heard| (heard.task, heard.at - CALL / 2)).collect();
    let turns = std::mem::take(&mut *turns.lock().unwrap());
    let (needed, links) = Needed::of(&sky, turns, calls).chain();
    Chain { took, needed, links }
}

/// Which task does whose turn, and from when to when the walk went on behind the Stage table's.
#[derive(Default)]
struct Turns {
    tasks: BTreeMap<String, task::Id>,
    walk: Option<(Instant, Instant)>,
}

impl Turns {
    fn see(&mut self, event: &Event) {
        let (Event::StepStarted { id, .. } | Event::StepDone { id, .. }) = event else { return };
        if let Some(task) = task::try_id() {
            self.tasks.insert(id.clone(), task);
        }
        if id != stack::first().as_str() {
            let now = Instant::now();
            self.walk = Some((self.walk.map_or(now, |(began, _)| began), now));
        }
    }
}

/// What each resource takes and needs.
struct Needed {
    needs: BTreeMap<Id, Vec<Id>>,
    own: BTreeMap<Id, Duration>,
    /// The longest look of the plan.
    look: Duration,
    /// The command's own calls, before the walk and behind it.
    before: Duration,
    behind: Duration,
}

impl Needed {
    /// `calls` are the tasks and the moments in which they sent a call; no task is the command's own.
    fn of(sky: &Sky, turns: Turns, calls: Vec<(Option<task::Id>, Instant)>) -> Self {
        let whole = stack::chat(&sky.others, &sky.stage, &Packages::new(), 0);
        let mut needs: BTreeMap<Id, Vec<Id>> = whole.ids().map(|id| (id.clone(), Vec::new())).collect();
        whole.edges().into_iter().for_each(|edge| needs.get_mut(&edge.from).unwrap().push(edge.on));
        // What finishes takes nothing away in a first `up`.
        needs.retain(|id, _| !whole.finishes(id));
        let mut sent: BTreeMap<Option<task::Id>, Vec<Instant>> = BTreeMap::new();
        calls.into_iter().for_each(|(task, at)| sent.entry(task).or_default().push(at));
        let of = |task: &task::Id| sent.get(&Some(*task)).cloned().unwrap_or_default();
        let own = |id: &Id| turns.tasks.get(id.as_str()).map(&of).map(under_way).unwrap_or_default();
        let own: BTreeMap<Id, Duration> = needs.keys().map(|id| (id.clone(), own(id))).collect();
        let (began, ended) = turns.walk.expect("a first up walks");
        let looks = sent.keys().flatten().filter(|task| !turns.tasks.values().any(|turn| turn == *task));
        let look = looks.map(|task| under_way(of(task))).max().unwrap_or_default();
        let commands = sent.remove(&None).unwrap_or_default();
        let of_command = |when: &dyn Fn(&Instant) -> bool| under_way(commands.iter().copied().filter(when).collect());
        let (before, behind) = (of_command(&|at| *at < began), of_command(&|at| *at >= ended));
        Self { needs, own, look, before, behind }
    }

    /// How long at least, and what it is made of.
    fn chain(&self) -> (Duration, Vec<(String, Duration)>) {
        let first = stack::first();
        let last = self.needs.keys().max_by_key(|id| self.done(id)).unwrap();
        let mut links = vec![("the lists of strays, and the lease".to_owned(), self.before)];
        links.push(("the longest look of the plan".to_owned(), self.look));
        links.push((first.to_string(), self.own[&first]));
        links.extend(self.way_to(last).into_iter().map(|id| (id.to_string(), self.own[id])));
        links.push(("the record, and what is told".to_owned(), self.behind));
        (links.iter().map(|(_, own)| *own).sum(), links)
    }

    /// When it can be done, from the beginning of the walk on; the Stage table is there before.
    fn done(&self, id: &Id) -> Duration {
        if *id == stack::first() {
            return Duration::ZERO;
        }
        self.own[id] + self.needs[id].iter().map(|need| self.done(need)).max().unwrap_or_default()
    }

    /// What stands on the way to it, and it.
    fn way_to<'a>(&'a self, id: &'a Id) -> Vec<&'a Id> {
        if *id == stack::first() {
            return Vec::new();
        }
        let before = self.needs[id].iter().max_by_key(|need| self.done(need));
        before.map(|before| self.way_to(before)).unwrap_or_default().into_iter().chain([id]).collect()
    }
}

/// How long at least one of the calls that were sent in these moments is under way.
fn under_way(mut sent: Vec<Instant>) -> Duration {
    sent.sort();
    let until_next = |(at, call): (usize, &Instant)| sent.get(at + 1).map_or(CALL, |next| CALL.min(*next - *call));
    sent.iter().enumerate().map(until_next).sum()
}
