//! `chatctl bootstrap`: an administrator's once, the deployer's policy and the boundary of the stage's roles.

use clap::Args;

use crate::context::Context;
use crate::deploy;
use crate::failure::{Exit, Failure};
use crate::stage::Target;

/// Arguments of `chatctl bootstrap`.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows what it would change and asks. `up` works without it; then roles have no permissions boundary."
)]
pub struct BootstrapArgs {}

/// Applies the template.
pub async fn run(_: BootstrapArgs, cx: &Context) -> Result<Exit, Failure> {
    let deploying = super::live::deploying(cx, "bootstrap").await?;
    let local = cx.stage.target == Target::Local;
    let confirm = |question: &str| if local { Ok(()) } else { cx.confirm(question) };
    deploy::bootstrap(&deploying, &confirm).await?;
    Ok(Exit::Done)
}
