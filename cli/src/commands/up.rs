//! `chatctl up`: build, plan, apply, prove.

use clap::Args;

use crate::context::Context;
use crate::deploy::{self, UpOptions};
use crate::failure::{Exit, Failure};
use crate::stage::Target;

/// Arguments of `chatctl up`.
#[derive(Debug, Args)]
#[command(after_help = "Safe to stop and to repeat: every run looks first and does what is left.")]
pub struct UpArgs {
    /// Do not send a message at the end to prove that all works
    #[arg(long)]
    pub no_proof: bool,
    /// How the functions are built
    #[command(flatten)]
    pub building: super::building::BuildingArgs,
    /// Then watch the source, and redeploy the code of what is saved, the page's too
    #[arg(long)]
    pub watch: bool,
}

/// Brings the stage up.
pub async fn run(args: UpArgs, cx: &Context) -> Result<Exit, Failure> {
    let mut deploying = super::live::deploying(cx, "up").await?;
    args.building.give(&mut deploying);
    let local = cx.stage.target == Target::Local;
    let confirm = |question: &str| if local { Ok(()) } else { cx.confirm(question) };
    let options = UpOptions { prove: !args.no_proof, confirm: &confirm, asks: !local && cx.asks() };
    deploy::up(&deploying, options).await?;
    if args.watch {
        deploy::watch(&deploying).await?;
    }
    Ok(Exit::Done)
}
