//! What a plan and a walk say, in the tool's own events. Must not know what is walked.

use std::sync::Arc;

use reconcile::{Change, Plan, Verb};

use crate::event::{Act, Event, FieldChange, PlannedStep, Tell};

/// A walk's tell that passes on to ours.
pub(super) fn through(tell: &Tell) -> reconcile::Tell {
    let tell = tell.clone();
    Arc::new(move |event| {
        tell(match event {
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

/// A plan's steps, as they are told.
pub(super) fn steps(plan: &Plan) -> Vec<PlannedStep> {
    plan.steps
        .iter()
        .map(|step| PlannedStep {
            id: step.id.to_string(),
            change: act(step.change.verb()),
            fields: fields(&step.change),
            needs: step.needs.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn fields(change: &Change) -> Vec<FieldChange> {
    change
        .fields()
        .iter()
        .map(|field| FieldChange {
            name: field.name.clone(),
            before: field.before.clone().unwrap_or_else(|| "(not set)".to_owned()),
            after: field.after.clone().unwrap_or_else(|| "(known later)".to_owned()),
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
    }
}
