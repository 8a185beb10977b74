//! `chatctl status`: how the stage is, its link, and what makes the AWS command line talk to its cloud.

use std::collections::BTreeMap;

use clap::Args;

use super::live::deploying_in;
use crate::context::{Context, World};
use crate::deploy;
use crate::event::{Act, Event, PlannedStep, ResourceShown, Status};
use crate::failure::{Exit, Failure};
use crate::operate::status;
use crate::stack;
use crate::stage::Target;

/// The state of what is not there.
const ABSENT: &str = "absent";
/// The state of what is there, and has no state of its own.
const PRESENT: &str = "present";

/// Arguments of `chatctl status`.
#[derive(Debug, Args)]
pub struct StatusArgs {}

/// Looks.
pub async fn run(_args: StatusArgs, cx: &Context) -> Result<Exit, Failure> {
    let Some(world) = cx.standing().await? else {
        cx.tell(Event::Status(Box::new(down(cx))));
        return Ok(Exit::Done);
    };
    let deploying = deploying_in(cx, &world, "status");
    let (seen, drift) = tokio::join!(health(cx, &world), deploy::drift(&deploying));
    let drift = drift.map_err(|failure| failure.while_doing(format!("cannot look at stage {}", cx.stage.name)))?;
    let mut seen = joined(seen?, drift.steps);
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

/// How that works which carries messages.
async fn health(cx: &Context, world: &World) -> Result<Status, Failure> {
    let live = stack::live(&world.aws, &cx.stage).await;
    let live =
        live.map_err(|fault| Failure::from(fault).while_doing(format!("cannot look at stage {}", cx.stage.name)))?;
    status::status(&world.aws, &cx.stage, live.map(|live| live.endpoint)).await
}

/// All resources of the stack, each with what is known of its health. Of a stage of which nothing is there, none.
fn joined(mut seen: Status, stack: Vec<PlannedStep>) -> Status {
    let mut known: BTreeMap<String, ResourceShown> =
        seen.resources.drain(..).map(|resource| (resource.id.clone(), resource)).collect();
    seen.resources = stack.into_iter().map(|step| resource(known.remove(&step.id), step)).collect();
    // The operations stack stands beside the message's way: without it the chat is up.
    let beside = stack::operations_id().to_string();
    seen.up = seen.resources.iter().all(|resource| resource.healthy || resource.id == beside);
    if seen.resources.iter().all(|resource| resource.state == ABSENT) {
        seen.resources.clear();
        seen.functions.clear();
    }
    seen
}

fn resource(known: Option<ResourceShown>, step: PlannedStep) -> ResourceShown {
    if step.change == Act::Create {
        return ResourceShown { id: step.id, state: ABSENT.into(), ..ResourceShown::default() };
    }
    let known = known.unwrap_or_else(|| ResourceShown {
        healthy: true,
        state: PRESENT.into(),
        id: step.id,
        ..ResourceShown::default()
    });
    ResourceShown { differs: step.fields, ..known }
}

/// A local stage whose cloud does not run.
fn down(cx: &Context) -> Status {
    Status {
        project: cx.stage.project.clone(),
        stage: cx.stage.name.clone(),
        target: cx.stage.target.to_string(),
        flags: cx.stage.flag().trim_start().to_owned(),
        region: cx.stage.region.clone(),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FieldChange;

    fn step(id: &str, change: Act, fields: &[&str]) -> PlannedStep {
        let field = |name: &&str| FieldChange {
            name: (*name).into(),
            before: "128 MB".into(),
            after: "256 MB".into(),
            why: None,
        };
        PlannedStep {
            id: id.into(),
            change,
            fields: fields.iter().map(field).collect(),
            why: None,
            costs: None,
            drifted: false,
            needs: Vec::new(),
        }
    }

    fn known(id: &str, state: &str) -> ResourceShown {
        ResourceShown { id: id.into(), healthy: state != ABSENT, state: state.into(), ..ResourceShown::default() }
    }

    fn shown(known: Vec<ResourceShown>, stack: Vec<PlannedStep>) -> (Status, Vec<(String, usize)>) {
        let seen = joined(Status { resources: known, ..Status::default() }, stack);
        let states = seen.resources.iter().map(|one| (format!("{} {}", one.id, one.state), one.differs.len()));
        let states = states.collect();
        (seen, states)
    }

    #[test]
    fn every_resource_of_the_stack_is_shown_and_what_differs_is_named_without_being_down() {
        let stack = vec![
            step("table/stage", Act::Keep, &[]),
            step("role/serve-page", Act::Keep, &[]),
            step("function/serve-page", Act::Update, &["memory"]),
        ];
        let (seen, states) = shown(vec![known("function/serve-page", "active"), known("table/stage", "active")], stack);
        let should = [("table/stage active", 0), ("role/serve-page present", 0), ("function/serve-page active", 1)];
        assert_eq!(states, should.map(|(text, differs)| (text.to_owned(), differs)));
        assert!(seen.up);
        assert_eq!(seen.resources[2].differs[0].name, "memory");
    }

    #[test]
    fn one_that_is_absent_makes_the_stage_not_up() {
        let stack = vec![step("table/stage", Act::Keep, &[]), step("role/serve-page", Act::Create, &[])];
        let (seen, states) = shown(vec![known("table/stage", "active")], stack);
        assert_eq!(states[1], ("role/serve-page absent".to_owned(), 0));
        assert!(!seen.up);
    }

    #[test]
    fn a_stage_of_which_nothing_is_there_has_no_resources_to_show() {
        let (seen, states) = shown(vec![known("table/stage", ABSENT)], vec![step("table/stage", Act::Create, &[])]);
        assert!(states.is_empty() && !seen.up);
    }
}
