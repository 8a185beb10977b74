//! `chatctl local` (hidden): the local cloud itself, in this process, until it is told to stop.

use clap::Args;

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Arguments of `chatctl local`.
#[derive(Debug, Args)]
pub struct LocalArgs {}

/// Serves.
pub async fn run(_args: LocalArgs, cx: &Context) -> Result<Exit, Failure> {
    crate::local::serve(&cx.stage.state).await?;
    Ok(Exit::Done)
}
