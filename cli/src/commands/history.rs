//! `chatctl history`: the deploys of the stage, the newest first.

use clap::Args;

use crate::context::Context;
use crate::deploy;
use crate::event::Event;
use crate::failure::{Exit, Failure};

/// Arguments of `chatctl history`.
#[derive(Debug, Args)]
#[command(after_help = "A deploy's number is what `rollback` is given to go back to it.")]
pub struct HistoryArgs {
    /// How many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub limit: u16,
}

/// Reads it.
pub async fn run(args: HistoryArgs, cx: &Context) -> Result<Exit, Failure> {
    let deploying = super::live::deploying_in(cx, &cx.live_world().await?, "history");
    let deploys = deploy::history(&deploying, args.limit.into()).await?;
    cx.tell(Event::History { stage: cx.stage.name.clone(), deploys });
    Ok(Exit::Done)
}
