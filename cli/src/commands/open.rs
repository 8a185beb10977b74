//! `chatctl open`: the page in a browser; where there is none, its link.

use std::process::{Command, Stdio};

use clap::Args;

use crate::context::Context;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::stage::LOBBY;

/// Arguments of `chatctl open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// The room
    #[arg(default_value = LOBBY)]
    pub room: String,
}

/// Opens.
pub async fn run(args: OpenArgs, cx: &Context) -> Result<Exit, Failure> {
    let live = super::live::live(cx).await?;
    let page = live.room(&args.room).await?.link(&live.endpoint);
    let opened = !cx.json() && browser(&page);
    cx.tell(Event::Page { page, opened });
    Ok(Exit::Done)
}

/// Hands the link to the desktop; false where there is none.
fn browser(page: &str) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let program = match cfg!(target_os = "macos") {
        true => "open",
        false if set("DISPLAY") || set("WAYLAND_DISPLAY") => "xdg-open",
        false => return false,
    };
    let handed =
        Command::new(program).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    handed.is_ok_and(|status| status.success())
}
