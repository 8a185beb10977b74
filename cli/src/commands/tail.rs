//! `chatctl tail`: the messages of a room as they arrive, received like a browser receives them.

mod listen;

use clap::Args;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::stage::LOBBY;

use super::span::Since;
use listen::Listener;

/// Arguments of `chatctl tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// The room
    #[arg(default_value = LOBBY)]
    pub room: String,
    /// Show what was said since then first: 10m, 2h, 1d, or a time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
}

/// Listens until Ctrl-C.
pub async fn run(args: TailArgs, cx: &Context) -> Result<Exit, Failure> {
    let live = super::live::live(cx).await?;
    let room = live.room(&args.room).await?;
    let since = args.since.map(|since| since.instant(cx.now()).as_millisecond());
    Listener::new(cx, &live, room)?.run(since).await?;
    Ok(Exit::Stopped)
}
