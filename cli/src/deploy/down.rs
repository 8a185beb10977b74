//! `down`: the reverse of `up`, and the certificate of what is left. Must not know how any resource
//! is removed.

use std::time::Duration;

use reconcile::{Id, Plan, Stack, Verb};
use tokio::time::Instant;

use super::drawn::{self, DRAWN, Drawn, came_between};
use super::lease::{Lease, LeaseError, Then};
use super::record::Deploy;
use super::up::{looked, looking, walked};
use super::{Confirm, Deploying, certificate, history, telling};
use crate::event::{Act, Event};
use crate::failure::Failure;
use crate::stack::{self, Removal};

/// How a `down` is done.
pub struct DownOptions<'a> {
    /// Whether the tables and both secrets go too; the stage's name was typed.
    pub delete_data: bool,
    /// Asks before anything is removed.
    pub confirm: Confirm<'a>,
    /// Whether that asks a person, who sees the plan first.
    pub asks: bool,
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
    for _ in 0..DRAWN {
        if let Some(outcome) = attempt(cx, &options, began).await? {
            return Ok(outcome);
        }
        drawn::anew(cx);
    }
    Err(came_between(cx))
}

/// Plans, asks, and carries the plan out; `None` where another deploy was faster.
async fn attempt(cx: &Deploying, options: &DownOptions<'_>, began: Instant) -> Result<Option<DownOutcome>, Failure> {
    let Removal { stack, keep } =
        stack::removal(&cx.aws, &cx.stage, options.delete_data).await.map_err(|fault| looking(cx, fault))?;
    let mut plan = reconcile::plan_down(&stack, &keep, &cx.doing()).await.map_err(|error| looked(cx, error))?;
    let drawn = place(cx, &plan).await?;
    let steps = telling::steps(cx, &plan);
    let count = steps.iter().filter(|step| step.change == Act::Delete).count();
    if count > 0 {
        if options.asks {
            telling::forecast(cx, &plan);
        }
        (options.confirm)(&question(cx, count))?;
    }
    (cx.tell)(Event::Planned { steps });
    let Some(removed) = removed(cx, &stack, &mut plan, drawn).await? else { return Ok(None) };
    let removed: Vec<String> =
        removed.into_iter().filter(|(_, verb)| *verb == Verb::Delete).map(|(id, _)| id.to_string()).collect();
    let kept = certificate::certify(cx, &removed, &keep, options.delete_data).await?;
    let outcome = DownOutcome { removed, kept, took: began.elapsed() };
    (cx.tell)(Event::Down {
        stage: cx.stage.name.clone(),
        removed: outcome.removed.len(),
        kept: outcome.kept.len(),
        ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    });
    Ok(Some(outcome))
}

/// After which deploy the plan is drawn; `None` without the Stage table: there is no lease then, and nothing that
/// another deploy could be doing.
async fn place(cx: &Deploying, plan: &Plan) -> Result<Option<Drawn>, Failure> {
    if plan.step(&stack::first()).is_none() {
        return Ok(None);
    }
    // What a newer chatctl has written is not understood here, nor kept by what writes it again.
    stack::check_layout(&cx.aws, &cx.stage).await.map_err(|fault| looking(cx, fault))?;
    let last = history::last(cx).await.map_err(|error| history::unread(cx, error))?;
    Ok(Some(Drawn::after(last.as_ref())))
}

fn question(cx: &Deploying, count: usize) -> String {
    format!(
        "remove {count} resources of stage {} in account {}, {}, as {}?",
        cx.stage.name,
        cx.aws.account,
        cx.stage.region,
        cx.who()
    )
}

/// What was removed, under the lease; `None` where another deploy came between the plan and it.
async fn removed(
    cx: &Deploying,
    stack: &Stack,
    plan: &mut Plan,
    drawn: Option<Drawn>,
) -> Result<Option<Vec<(Id, Verb)>>, Failure> {
    let doing = cx.doing();
    let Some(drawn) = drawn else {
        return reconcile::walk(stack, plan, &doing).await.map(Some).map_err(|error| walked(cx, error));
    };
    let lease = match Lease::take(cx).await {
        // Another `down` has taken the table, and the lease in it.
        Err(LeaseError::Call { source, .. }) if source.is_missing() => return Ok(None),
        lease => lease?,
    };
    let walk = async |lease: &Lease| {
        let last = lease.last(cx).await?;
        if !drawn.holds(last.as_ref()) {
            return Ok(None);
        }
        // What the last deploy made is not missing, then.
        if let Some(last) = last {
            lease.write(&Deploy { down_ms: Some(cx.now_ms()), ..last }, Then::Held).await?;
        }
        reconcile::walk(stack, plan, &doing).await.map(Some).map_err(|error| walked(cx, error))
    };
    lease.over(walk).await
}
