//! `down`: the reverse of `up`, and the certificate of what is left. Must not know how any resource
//! is removed.

use std::collections::BTreeSet;
use std::time::Duration;

use reconcile::{Id, Verb};
use tokio::time::Instant;

use super::lease::Lease;
use super::up::{looked, walked};
use super::{Confirm, Deploying, telling};
use crate::event::{Act, Event};
use crate::failure::{Exit, Failure};
use crate::stack::{self, Removal};

/// How a `down` is done.
pub struct DownOptions<'a> {
    /// Whether the tables and both secrets go too; the stage's name was typed.
    pub delete_data: bool,
    /// Asks before anything is removed.
    pub confirm: Confirm<'a>,
}

/// What came of a `down`; its events were told already, `Down` as the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownOutcome {
    /// What was removed.
    pub removed: Vec<String>,
    /// What was kept on purpose.
    pub kept: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Takes the stage down, and certifies by listing every service that nothing else is left.
pub async fn down(cx: &Deploying, options: DownOptions<'_>) -> Result<DownOutcome, Failure> {
    try_down(cx, options).await.map_err(|failure| cx.goes_on(failure))
}

async fn try_down(cx: &Deploying, options: DownOptions<'_>) -> Result<DownOutcome, Failure> {
    let began = Instant::now();
    let Removal { stack, keep } = stack::removal(&cx.aws, &cx.stage, options.delete_data);
    let mut plan = reconcile::plan_down(&stack, &keep, &cx.doing()).await.map_err(|error| looked(cx, error))?;
    let steps = telling::steps(&plan);
    let count = steps.iter().filter(|step| step.change == Act::Delete).count();
    (cx.tell)(Event::Planned { steps });
    if count > 0 {
        (options.confirm)(&format!(
            "remove {count} resources of stage {} in account {}, {}, as {}?",
            cx.stage.name,
            cx.aws.account,
            cx.stage.region,
            cx.who()
        ))?;
    }
    // Without the Stage table there is no lease, and nothing that another deploy could be doing.
    let lease = match plan.step(&stack::first()) {
        Some(_) => Some(Lease::take(cx).await?),
        None => None,
    };
    let doing = cx.doing();
    let walk = async { reconcile::walk(&stack, &mut plan, &doing).await.map_err(|error| walked(cx, error)) };
    let removed = match lease {
        None => walk.await?,
        Some(lease) => {
            let removed = lease.guard(walk).await;
            let released = lease.release().await;
            let removed = removed?;
            released?;
            removed
        }
    };
    let removed: Vec<String> =
        removed.into_iter().filter(|(_, verb)| *verb == Verb::Delete).map(|(id, _)| id.to_string()).collect();
    let kept = certify(cx, &keep).await?;
    let outcome = DownOutcome { removed, kept, took: began.elapsed() };
    (cx.tell)(Event::Down {
        stage: cx.stage.name.clone(),
        removed: outcome.removed.len(),
        kept: outcome.kept.len(),
        ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    });
    Ok(outcome)
}

/// Reads back every service: tells what was kept, and fails when anything else is left.
async fn certify(cx: &Deploying, keep: &BTreeSet<Id>) -> Result<Vec<String>, Failure> {
    let left = stack::left(&cx.aws, &cx.stage).await.map_err(|fault| {
        let exit = if fault.is_denied() { Exit::Denied } else { Exit::Failed };
        Failure::new(exit, "removed, but cannot list what is left").why(fault.to_string()).next(cx.command.clone())
    })?;
    let (kept, strays): (Vec<Id>, Vec<Id>) = left.into_iter().partition(|id| keep.contains(id));
    for id in &kept {
        (cx.tell)(Event::Kept { id: id.to_string(), because: because(id).to_owned() });
    }
    if strays.is_empty() {
        return Ok(kept.iter().map(ToString::to_string).collect());
    }
    let names: Vec<&str> = strays.iter().map(Id::as_str).collect();
    Err(Failure::failed(format!("stage {} is down, but {} of its resources are left", cx.stage.name, names.len()))
        .why(names.join(", "))
        .next(cx.command.clone()))
}

/// Why it is kept.
fn because(id: &Id) -> &'static str {
    match (id.kind(), id.name()) {
        ("table", "messages") => "the messages",
        ("table", "clients") => "who is told of them",
        ("table", _) => "the rooms and the history of deploys",
        ("parameter", stack::ROOM_KEY) => "without it no kept room can be opened again",
        ("parameter", _) => "without it no kept subscription can be told",
        _ => "data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_kept_says_why() {
        for id in stack::data() {
            assert_ne!(because(&id), "data", "{id}");
        }
    }
}
