//! The forecast: observes all, in parallel along what each needs, and compares. It changes nothing.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::{
    Change, Error, Facts, Failed, Id, Stack, Verb, Visit,
    walk::{Doing, Ended, along},
};

/// One resource's change in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub id: Id,
    /// What must happen to it.
    pub change: Change,
    /// Why, in a line, where somebody knows; a changed field's own reason stands with the field.
    pub why: Option<String>,
    /// Whether somebody else changed or removed it since it was last made so.
    pub drifted: bool,
    /// What carrying it out costs those who use it.
    pub costs: Option<String>,
    /// What it waits for (in a removal: what stands under it).
    pub needs: Vec<Id>,
    /// Whether it happened already.
    pub done: bool,
}

impl Step {
    fn new(stack: &Stack, id: &Id, change: Change) -> Self {
        let node = stack.node(id);
        let (costs, why) = match &change {
            Change::Keep => (None, None),
            Change::Refuse(why) => (None, Some(why.clone())),
            change => (node.turn.costs(change), None),
        };
        Self { id: id.clone(), change, why, drifted: false, costs, needs: node.needs.clone(), done: false }
    }
}

/// What a walk will do, in an order in which it could be done one by one.
pub struct Plan {
    /// Every resource's step, the kept ones too; in a removal only what is there.
    pub steps: Vec<Step>,
    /// What was learned while looking, and later while walking.
    pub facts: Facts,
    pub(crate) reverse: bool,
    /// When the looking began.
    pub(crate) looked: Instant,
    /// What was known of each when it was compared.
    pub(crate) learned: BTreeMap<Id, BTreeMap<String, String>>,
}

impl Plan {
    /// The steps that change something and are not done.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.done && step.change != Change::Keep)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// The step of this resource.
    pub fn step(&self, id: &Id) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// How many steps of each kind of change are not done.
    pub fn counts(&self) -> BTreeMap<Verb, usize> {
        let mut counts = BTreeMap::new();
        for step in self.steps.iter().filter(|step| !step.done) {
            *counts.entry(step.change.verb()).or_default() += 1;
        }
        counts
    }
}

/// What must happen so that all is there as wanted. A stranger's thing in the place of ours is an error.
pub async fn plan(stack: &Stack, doing: &Doing) -> Result<Plan, Error> {
    match plan_with_strangers(stack, doing).await? {
        (plan, None) => Ok(plan),
        (_, Some(refusal)) => Err(refusal),
    }
}

/// The same for whoever shows it: the plan has the strangers as what is refused, beside all that would be done, and the
/// error that carrying it out is.
pub async fn plan_with_strangers(stack: &Stack, doing: &Doing) -> Result<(Plan, Option<Error>), Error> {
    let began = Instant::now();
    let mut looked = look(stack, doing).await?;
    let strangers = std::mem::take(&mut looked.strangers);
    let refusal = (!strangers.is_empty()).then(|| Error::Failed { failed: strangers, left: Vec::new() });
    let step = |id: &Id| Step::new(stack, id, looked.changes.get(id).cloned().unwrap_or(Change::Keep));
    let steps: Vec<Step> = looked.sorted.iter().map(step).collect();
    let learned = steps.iter().map(|step| (step.id.clone(), looked.facts.of(&step.id))).collect();
    Ok((Plan { steps, facts: looked.facts, reverse: false, looked: began, learned }, refusal))
}

/// What must happen so that nothing is left but `keep`.
pub async fn plan_down(stack: &Stack, keep: &BTreeSet<Id>, doing: &Doing) -> Result<Plan, Error> {
    let began = Instant::now();
    let looked = look(stack, doing).await?;
    if !looked.strangers.is_empty() {
        return Err(Error::Failed { failed: looked.strangers, left: Vec::new() });
    }
    let there = |id: &&Id| looked.changes.get(*id).is_some_and(|change| *change != Change::Create);
    let step = |id: &Id| Step::new(stack, id, if keep.contains(id) { Change::Keep } else { Change::Delete });
    let steps = looked.sorted.iter().rev().filter(there).map(step).collect();
    Ok(Plan { steps, facts: looked.facts, reverse: true, looked: began, learned: BTreeMap::new() })
}

struct Looked {
    changes: BTreeMap<Id, Change>,
    /// Whose things stand in the place of ours.
    strangers: Vec<Failed>,
    sorted: Vec<Id>,
    facts: Facts,
}

/// Observes everything; what is not there is a Create, whatever its diff would say.
async fn look(stack: &Stack, doing: &Doing) -> Result<Looked, Error> {
    let order = stack.order()?;
    let sorted = order.sorted.clone();
    let (facts, strangers) = (Facts::default(), Arc::new(Mutex::new(Vec::new())));
    let outcome = along(order, &doing.stop, |id| {
        let turn = stack.node(id).turn.clone();
        let visit = Visit {
            id: id.clone(),
            facts: facts.clone(),
            tell: doing.tell.clone(),
            stop: doing.stop.clone(),
            planning: true,
        };
        let strangers = strangers.clone();
        async move {
            match turn.observe(&visit).await {
                Ok(true) => Ok(turn.diff(&visit)),
                Ok(false) => Ok(Change::Create),
                Err(fault) if fault.is_stranger() => {
                    let refused = Change::Refuse(fault.to_string());
                    let met = Failed { id: visit.id.clone(), verb: None, fault };
                    strangers.lock().unwrap_or_else(PoisonError::into_inner).push(met);
                    Ok(refused)
                }
                Err(fault) => Err(Ended::failed(&visit.id, None, fault)),
            }
        }
    })
    .await;
    let mut strangers = std::mem::take(&mut *strangers.lock().unwrap_or_else(PoisonError::into_inner));
    let changes = match outcome.into_result() {
        // What stands on a stranger's thing may not even be looked at.
        Err(Error::Failed { failed, left }) if !strangers.is_empty() => {
            strangers.extend(failed);
            return Err(Error::Failed { failed: strangers, left });
        }
        changes => changes?,
    };
    Ok(Looked { changes, strangers, sorted, facts })
}
