//! Every resource of a stage and how it differs from what is wanted, without asking the build: a function's code
//! counts as wanted. It must not change anything.

use super::{Deploying, Planned, telling};
use crate::failure::Failure;
use crate::stack::{self, Packages};

/// Looks at all of it. What is not there is a step that creates.
pub async fn drift(cx: &Deploying) -> Result<Planned, Failure> {
    let stack = stack::chat(&cx.aws, &cx.stage, &Packages::new(), cx.now_ms());
    let plan = reconcile::plan(&stack, &cx.doing()).await?;
    Ok(Planned { steps: telling::steps(&plan) })
}
