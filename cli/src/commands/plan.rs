//! `chatctl plan`: what `up` would do, and why; nothing is changed.

use clap::Args;

use crate::context::Context;
use crate::deploy;
use crate::event::Event;
use crate::failure::{Exit, Failure};

/// Arguments of `chatctl plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Exit with 3 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How the functions are built
    #[command(flatten)]
    pub building: super::building::BuildingArgs,
}

/// Plans.
pub async fn run(args: PlanArgs, cx: &Context) -> Result<Exit, Failure> {
    let mut deploying = super::live::deploying(cx, "plan").await?;
    args.building.give(&mut deploying);
    let planned = deploy::plan(&deploying).await?;
    let changes = planned.changes();
    cx.tell(Event::Forecast { place: planned.place, steps: planned.steps });
    Ok(if changes && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}
