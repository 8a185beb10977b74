//! What stands beside the message's way, told at the end: the operations stack's state, and what hardens the stage but is
//! not there. Nothing here is waited for or can fail an `up`. Must not know how either is made.

use chat_aws::routes::Function;
use reconcile::Plan;

use super::Deploying;
use crate::event::Event;
use crate::stack;
use crate::stage::Target;

/// Says how the operations stack ended; one that was `started` is looked at once more.
pub(super) async fn report(cx: &Deploying, plan: &Plan, started: bool) {
    let mut state = plan.facts.get(&stack::operations_id(), stack::STATE);
    if started {
        state = stack::operations_state(&cx.aws, &cx.stage).await.or(state);
    }
    let Some(state) = state else { return };
    // What this run has begun goes on by itself, which is as it should be.
    let begun = started && stack::Standing::of(&state) == stack::Standing::Busy;
    if let Some(what) = stack::operations_said(&state, &cx.stage.command("up")).filter(|_| !begun) {
        (cx.tell)(Event::Warning { what, next: None });
    } else if started {
        (cx.tell)(Event::Operations { stack: cx.stage.names().stack("operations"), state });
    }
}

/// Roles without a boundary work; that they have none is said before they are made in an account (A35).
pub(super) fn say_boundary(cx: &Deploying, plan: &Plan) {
    let known = Function::ALL
        .iter()
        .any(|function| plan.facts.get(&stack::role_id(function.name()), stack::BOUNDARY).is_some());
    if !known && cx.stage.target == Target::Aws {
        let what = "the functions' roles have no permissions boundary; an administrator can make one".to_owned();
        (cx.tell)(Event::Warning { what, next: Some(cx.stage.command("bootstrap")) });
    }
}
