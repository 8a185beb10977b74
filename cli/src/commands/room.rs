//! `chatctl room`: make and list rooms. A room is a capability: who has its link may read and write there.

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::operate::rooms;

/// Arguments of `chatctl room`.
#[derive(Debug, Args)]
pub struct RoomArgs {
    /// What is to be done.
    #[command(subcommand)]
    pub action: RoomAction,
}

/// What can be done with rooms.
#[derive(Debug, Subcommand)]
pub enum RoomAction {
    /// Make a room and print its link; an existing room's link is printed again
    Create {
        /// Its name: 1 to 64 of a-z, 0-9 and -
        name: String,
    },
    /// List all rooms with their links
    List,
}

/// Makes or lists.
pub async fn run(args: RoomArgs, cx: &Context) -> Result<Exit, Failure> {
    let live = match &args.action {
        RoomAction::Create { name } => {
            rooms::named(name)?;
            super::live::live(cx).await?
        }
        RoomAction::List => super::live::live(cx).await?,
    };
    match args.action {
        RoomAction::Create { name } => {
            let (room, created) = rooms::create(&live.world.aws, &cx.stage, &rooms::named(&name)?, cx.now()).await?;
            cx.tell(Event::RoomShown(room.shown(&live.endpoint, created)));
        }
        RoomAction::List => {
            for room in rooms::list(&live.world.aws, &cx.stage).await? {
                cx.tell(Event::RoomShown(room.shown(&live.endpoint, false)));
            }
        }
    }
    Ok(Exit::Done)
}
