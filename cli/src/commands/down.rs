//! `chatctl down`: the reverse of `up`. Data stays unless the stage's name is typed; a local cloud that holds no stage ends too.

use clap::Args;

use crate::context::Context;
use crate::deploy::{self, DownOptions};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::local;
use crate::operate::status;
use crate::stage::Target;

/// Arguments of `chatctl down`.
#[derive(Debug, Args)]
#[command(
    after_help = "The tables and both secrets stay, so that the next `up` has the same rooms, links and messages."
)]
pub struct DownArgs {
    /// Delete the tables and both secrets too: for ever. The stage must be named
    #[arg(long, value_name = "STAGE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub delete_data: Option<String>,
}

/// Takes the stage down.
pub async fn run(args: DownArgs, cx: &Context) -> Result<Exit, Failure> {
    let delete_data = data_too(args.delete_data.as_deref(), cx)?;
    let stage = &cx.stage;
    if stage.target == Target::Local && !local::known(&stage.state) {
        cx.tell(Event::Down { stage: stage.name.clone(), removed: 0, kept: 0, ms: 0 });
        return Ok(Exit::Done);
    }
    let deploying = super::live::deploying(cx, "down").await?;
    let local = stage.target == Target::Local;
    let confirm = |question: &str| if local { Ok(()) } else { cx.confirm(question) };
    deploy::down(&deploying, DownOptions { delete_data, confirm: &confirm, asks: !local && cx.asks() }).await?;
    if local && !status::anything_runs(&deploying.aws).await? {
        local::stop(&stage.state, &cx.teller()).await?;
    }
    Ok(Exit::Done)
}

/// Whether the data goes too: only if the stage was named, in the flag or when asked.
fn data_too(named: Option<&str>, cx: &Context) -> Result<bool, Failure> {
    let name = &cx.stage.name;
    match named {
        None => Ok(false),
        Some("") => {
            let question = format!("this deletes every room and message of stage {name}, for ever");
            cx.typed(&question, name, &format!("--delete-data={name}")).map(|()| true)
        }
        Some(named) if named == name => Ok(true),
        Some(named) => {
            let failure = Failure::usage(format!("--delete-data names {named:?}, but the stage is {name:?}"));
            Err(failure.why("nothing was changed").next(cx.stage.command(&format!("down --delete-data={name}"))))
        }
    }
}
