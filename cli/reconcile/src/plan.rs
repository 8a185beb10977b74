//! The forecast: observes all, in parallel along what each needs, and compares. It changes nothing.
use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::{
    Change, Error, Facts, Id, Stack, Verb, Visit,
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
        let costs = if change == Change::Keep { None } else { node.turn.costs(&change) };
        Self { id: id.clone(), change, why: None, drifted: false, costs, needs: node.needs.clone(), done: false }
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

/// What must happen so that all is there as wanted.
pub async fn plan(stack: &Stack, doing: &Doing) -> Result<Plan, Error> {
    let began = Instant::now();
    let looked = look(stack, doing).await?;
    let step = |id: &Id| Step::new(stack, id, looked.changes.get(id).cloned().unwrap_or(Change::Keep));
    let steps: Vec<Step> = looked.sorted.iter().map(step).collect();
    let learned = steps.iter().map(|step| (step.id.clone(), looked.facts.of(&step.id))).collect();
    Ok(Plan { steps, facts: looked.facts, reverse: false, looked: began, learned })
}

/// What must happen so that nothing is left but `keep`.
pub async fn plan_down(stack: &Stack, keep: &BTreeSet<Id>, doing: &Doing) -> Result<Plan, Error> {
    let began = Instant::now();
    let looked = look(stack, doing).await?;
    let there = |id: &&Id| looked.changes.get(*id).is_some_and(|change| *change != Change::Create);
    let step = |id: &Id| Step::new(stack, id, if keep.contains(id) { Change::Keep } else { Change::Delete });
    let steps = looked.sorted.iter().rev().filter(there).map(step).collect();
    Ok(Plan { steps, facts: looked.facts, reverse: true, looked: began, learned: BTreeMap::new() })
}

struct Looked {
    changes: BTreeMap<Id, Change>,
    sorted: Vec<Id>,
    facts: Facts,
}

/// Observes everything; what is not there is a Create, whatever its diff would say.
async fn look(stack: &Stack, doing: &Doing) -> Result<Looked, Error> {
    let order = stack.order()?;
    let sorted = order.sorted.clone();
    let facts = Facts::default();
    let outcome = along(order, &doing.stop, |id| {
        let turn = stack.node(id).turn.clone();
        let visit = Visit {
            id: id.clone(),
            facts: facts.clone(),
            tell: doing.tell.clone(),
            stop: doing.stop.clone(),
            planning: true,
        };
        async move {
            let there = turn.observe(&visit).await.map_err(|fault| Ended::failed(&visit.id, None, fault))?;
            Ok(if there { turn.diff(&visit) } else { Change::Create })
        }
    })
    .await;
    let changes = outcome.into_result()?;
    Ok(Looked { changes, sorted, facts })
}
