//! `chatctl status`: how the stage is, its link, and what makes the AWS command line talk to its cloud.

use clap::Args;

use crate::context::Context;
use crate::event::{Event, Status};
use crate::failure::{Exit, Failure};
use crate::operate::status;
use crate::stack;
use crate::stage::Target;

/// Arguments of `chatctl status`.
#[derive(Debug, Args)]
pub struct StatusArgs {}

/// Looks.
pub async fn run(_args: StatusArgs, cx: &Context) -> Result<Exit, Failure> {
    let Some(world) = cx.standing().await? else {
        cx.tell(Event::Status(Box::new(down(cx))));
        return Ok(Exit::Done);
    };
    let live = stack::live(&world.aws, &cx.stage).await;
    let live =
        live.map_err(|fault| Failure::from(fault).while_doing(format!("cannot look at stage {}", cx.stage.name)))?;
    let mut seen = status::status(&world.aws, &cx.stage, live.map(|live| live.endpoint)).await?;
    if let Some((endpoint_url, credentials)) = world.shown() {
        seen.endpoint_url = Some(endpoint_url);
        seen.credentials = Some(credentials);
    }
    if cx.stage.target == Target::Local {
        seen.push_service = Some(world.push_service.clone());
    }
    cx.tell(Event::Status(Box::new(seen)));
    Ok(Exit::Done)
}

/// A local stage whose cloud does not run.
fn down(cx: &Context) -> Status {
    Status {
        project: cx.stage.project.clone(),
        stage: cx.stage.name.clone(),
        target: cx.stage.target.to_string(),
        region: cx.stage.region.clone(),
        ..Status::default()
    }
}
