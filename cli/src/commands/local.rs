//! `chatctl local` (hidden): the local cloud itself, in this process, until it is told to stop.

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::stage;

/// Arguments of `chatctl local`.
#[derive(Debug, Args)]
pub struct LocalArgs {}

/// Serves.
pub async fn run(_args: LocalArgs) -> Result<Exit, Failure> {
    let state = stage::state_dir(&|name| std::env::var(name).ok())?;
    crate::local::serve(&state).await?;
    Ok(Exit::Done)
}
