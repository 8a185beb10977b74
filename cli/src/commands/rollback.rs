//! `chatctl rollback`: back to an earlier deploy, by its versions and its settings.

use clap::Args;

use crate::context::Context;
use crate::deploy::{self, RollbackOptions};
use crate::failure::{Exit, Failure};
use crate::stage::Target;

/// Arguments of `chatctl rollback`.
#[derive(Debug, Args)]
#[command(
    after_help = "Messages, rooms and secrets stay as they are; the next `up` goes on to what the checkout says."
)]
pub struct RollbackArgs {
    /// The deploy's number in `history`; without one, the last proved deploy before the current one
    #[arg(value_name = "DEPLOY", value_parser = clap::value_parser!(u64).range(1..))]
    pub deploy: Option<u64>,
    /// Do not send a message at the end to prove that all works
    #[arg(long)]
    pub no_proof: bool,
}

/// Goes back.
pub async fn run(args: RollbackArgs, cx: &Context) -> Result<Exit, Failure> {
    let typed = args.deploy.map_or_else(|| "rollback".to_owned(), |number| format!("rollback {number}"));
    let deploying = super::live::deploying_in(cx, &cx.live_world().await?, &typed);
    let local = cx.stage.target == Target::Local;
    let confirm = |question: &str| if local { Ok(()) } else { cx.confirm(question) };
    let options =
        RollbackOptions { to: args.deploy, prove: !args.no_proof, confirm: &confirm, asks: !local && cx.asks() };
    deploy::rollback(&deploying, options).await?;
    Ok(Exit::Done)
}
