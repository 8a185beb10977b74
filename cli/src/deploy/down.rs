//! `down`: the reverse of `up`, and the certificate of what is left. Must not know how any resource
//! is removed.

use std::time::Duration;

use reconcile::Verb;
use tokio::time::Instant;

use super::certificate;
use super::lease::{Lease, Then};
use super::record::Deploy;
use super::up::{looked, looking, walked};
use super::{Confirm, Deploying, telling};
use crate::event::{Act, Event};
use crate::failure::Failure;
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
    let Removal { stack, keep } =
        stack::removal(&cx.aws, &cx.stage, options.delete_data).await.map_err(|fault| looking(cx, fault))?;
    let mut plan = reconcile::plan_down(&stack, &keep, &cx.doing()).await.map_err(|error| looked(cx, error))?;
    let stands = plan.step(&stack::first()).is_some();
    if stands {
        // What a newer chatctl has written is not understood here, nor kept by what writes it again.
        stack::check_layout(&cx.aws, &cx.stage).await.map_err(|fault| looking(cx, fault))?;
    }
    let steps = telling::steps(cx, &plan);
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
    let lease = if stands { Some(Lease::take(cx).await?) } else { None };
    let doing = cx.doing();
    let removed = match lease {
        None => reconcile::walk(&stack, &mut plan, &doing).await.map_err(|error| walked(cx, error))?,
        Some(lease) => {
            let walk = async |lease: &Lease| {
                // What the last deploy made is not missing, then.
                if let Some(last) = lease.last(cx).await? {
                    lease.write(&Deploy { down_ms: Some(cx.now_ms()), ..last }, Then::Held).await?;
                }
                reconcile::walk(&stack, &mut plan, &doing).await.map_err(|error| walked(cx, error))
            };
            lease.over(walk).await?
        }
    };
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
    Ok(outcome)
}
