//! What a plan and a walk say, in the tool's own events. Must not know what is walked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use reconcile::{Plan, Step, Verb};

use super::Deploying;
use crate::event::{Act, Event, FieldChange, Place, PlannedStep, Tell};
use crate::stack::{self, Decided};

/// What was warned of, each once: told as it comes, and listed in the result.
#[derive(Clone, Default)]
pub(super) struct Warnings(Arc<Mutex<BTreeSet<String>>>);

impl Warnings {
    /// Keeps one; whether it is new.
    pub(super) fn keep(&self, what: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }

    /// All so far.
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A walk's tell that passes on to ours.
pub(super) fn through(tell: &Tell, warnings: &Warnings) -> reconcile::Tell {
    let (tell, warnings) = (tell.clone(), warnings.clone());
    Arc::new(move |event| {
        tell(match event {
            // A plan and the walk after it both look, and both find it missing.
            reconcile::Event::Warned { what, .. } if !warnings.keep(&what) => return,
            reconcile::Event::Warned { what, .. } => Event::Warning { what, next: None },
            reconcile::Event::StepStarted { id, change } => {
                Event::StepStarted { id: id.to_string(), change: act(change) }
            }
            reconcile::Event::Waiting { id, what, since_ms } => Event::Waiting { id: id.to_string(), what, since_ms },
            reconcile::Event::StepDone { id, change, ms } => {
                Event::StepDone { id: id.to_string(), change: act(change), ms }
            }
            reconcile::Event::StepFailed { id, why, .. } => Event::StepFailed { id: id.to_string(), error: why },
        });
    })
}

/// Where a deploy changes something.
pub(super) fn place(cx: &Deploying) -> Place {
    Place {
        stage: cx.stage.name.clone(),
        target: cx.stage.target.to_string(),
        region: cx.stage.region.clone(),
        account: cx.aws.account.clone(),
        caller: cx.aws.caller.clone(),
    }
}

/// Shows a plan before anybody is asked about it, or where it is all that is wanted.
pub(super) fn forecast(cx: &Deploying, plan: &Plan) {
    (cx.tell)(Event::Forecast { place: place(cx), steps: steps(cx, plan) });
}

/// The steps that are resources or change something.
pub(super) fn told(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| stack::counts(&step.id) || step.change.verb() != Verb::Keep)
}

/// A plan's steps, as they are told.
pub(super) fn steps(cx: &Deploying, plan: &Plan) -> Vec<PlannedStep> {
    told(plan)
        .map(|step| PlannedStep {
            id: step.id.to_string(),
            change: act(step.change.verb()),
            fields: fields(cx, step),
            why: step.why.clone(),
            costs: step.costs.clone(),
            drifted: step.drifted,
            needs: step.needs.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn fields(cx: &Deploying, step: &Step) -> Vec<FieldChange> {
    let nothing = |name: &str| match stack::decided(&cx.stage, &step.id, name) {
        Some(Decided::By(_)) => "(known later)",
        _ => "(not set)",
    };
    step.change
        .fields()
        .iter()
        .map(|field| FieldChange {
            name: field.name.clone(),
            before: field.before.clone().unwrap_or_else(|| "(not set)".to_owned()),
            after: field.after.clone().unwrap_or_else(|| nothing(&field.name).to_owned()),
            why: field.why.clone(),
        })
        .collect()
}

fn act(verb: Verb) -> Act {
    match verb {
        Verb::Keep => Act::Keep,
        Verb::Create => Act::Create,
        Verb::Update => Act::Update,
        Verb::Replace => Act::Replace,
        Verb::Delete => Act::Delete,
        Verb::Refuse => Act::Refuse,
    }
}
