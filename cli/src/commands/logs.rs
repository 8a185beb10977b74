//! `chatctl logs`: the functions' logs, interleaved by time; or the local cloud's own.

mod cloud;

use clap::Args;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::operate::logs::{self, Wanted};

use super::span::Since;

/// Arguments of `chatctl logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The functions: store-message, notify-clients …; without any, all
    #[arg(value_name = "FUNCTION")]
    pub functions: Vec<String>,
    /// Go on with what comes
    #[arg(long, short)]
    pub follow: bool,
    /// From when on: 30s, 10m, 2h, 1d, or a time
    #[arg(long, value_name = "WHEN", default_value = "10m")]
    pub since: Since,
    /// Only lines that match CloudWatch's filter pattern: ERROR, or { $.status = 500 }
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Lambda's own lines too: START, END, REPORT
    #[arg(long)]
    pub all: bool,
    /// The local cloud's own log instead
    #[arg(long, conflicts_with_all = ["functions", "filter", "all"])]
    pub cloud: bool,
}

/// Reads, and follows where asked to.
pub async fn run(args: LogsArgs, cx: &Context) -> Result<Exit, Failure> {
    if args.cloud {
        return cloud::read(&crate::local::log(&cx.stage.state), args.follow, &cx.teller()).await.map(|()| Exit::Done);
    }
    let functions = logs::functions(&args.functions)?;
    let world = cx.live_world().await?;
    let since_ms = args.since.instant(cx.now()).as_millisecond();
    let wanted = Wanted { functions, since_ms, filter: args.filter, all: args.all };
    logs::read(&world.aws, &cx.stage, &wanted, args.follow, &cx.teller()).await?;
    Ok(Exit::Done)
}
