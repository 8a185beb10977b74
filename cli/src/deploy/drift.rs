//! Every resource of a stage and how it differs from what is wanted, without asking the build: a function's code
//! counts as wanted. It must not change anything.

use reconcile::Change;

use super::{Deploying, Planned, telling};
use crate::failure::Failure;
use crate::stack::{self, Packages};

/// Looks at all of it. What is not there is a step that creates.
pub async fn drift(cx: &Deploying) -> Result<Planned, Failure> {
    let stack = stack::chat(&cx.aws, &cx.stage, &Packages::new(), cx.now_ms());
    let mut plan = reconcile::plan(&stack, &cx.doing()).await.map_err(|error| cx.goes_on(error.into()))?;
    // What only takes something away is nothing that could be there or not.
    plan.steps.retain(|step| !stack.finishes(&step.id) || step.change != Change::Keep);
    Ok(Planned { place: telling::place(cx), steps: telling::steps(cx, &plan) })
}
