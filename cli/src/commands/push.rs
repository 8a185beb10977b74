//! `chatctl push`: a test push to one, some or all clients of a room, and what each push service answered.

use clap::Args;

use crate::context::Context;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::operate::push;
use crate::stage::LOBBY;

/// Arguments of `chatctl push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The clients, by id; without any, all of the room
    #[arg(value_name = "CLIENT")]
    pub clients: Vec<String>,
    /// The room
    #[arg(long, default_value = LOBBY)]
    pub room: String,
}

/// Tests.
pub async fn run(args: PushArgs, cx: &Context) -> Result<Exit, Failure> {
    let clients = push::clients(&args.clients)?;
    let live = super::live::live(cx).await?;
    let room = live.room(&args.room).await?;
    let told = push::test(&live.world.aws, &cx.stage, &room, clients).await?;
    if told.is_empty() {
        let what = format!("nobody is registered for pushes in {}", args.room);
        cx.tell(Event::Warning { what, next: Some(cx.stage.command("open")) });
        return Ok(Exit::Done);
    }
    let bad = told.iter().filter(|told| told.verdict != "delivered").count();
    for told in told {
        cx.tell(Event::ClientTold(told));
    }
    Ok(if bad == 0 { Exit::Done } else { Exit::Failed })
}
