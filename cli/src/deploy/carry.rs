//! A plan carried out under the lease: the walk, the record in the history, the proof; and back again by itself where
//! the proof fails inside our functions. Must not know how the plan was made.

use reconcile::{Id, Plan, Verb};
use tokio::time::Instant;

use super::history;
use super::lease::{Lease, Then};
use super::lobby::Lobby;
use super::proof::{self, Proved};
use super::record::{Back, Deploy, Done, Proof};
use super::rollback::{self, Undone};
use super::unproven::Unproven;
use super::up::{UpOutcome, walked};
use super::wants::Wants;
use super::{Deploying, beside};
use crate::build::{Commit, Source};
use crate::event::Event;
use crate::failure::{Exit, Explain, Failure};
use crate::stack::{self, Chat};

/// Where a deploy goes: on to what the checkout says, or back to what an earlier one did.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// On, to the commit of the checkout.
    On,
    /// Back, to the commit of that deploy.
    Back { back: Back, commit: Option<Commit> },
}

impl Way {
    /// The commit that is live afterwards.
    async fn commit(&self, cx: &Deploying) -> Option<Commit> {
        match self {
            // What was given was built of nobody knows what.
            Self::On if cx.packages.is_some() => None,
            Self::On => Commit::of(&Source::find(cx.source.as_deref(), &cx.folder).ok()?).await,
            Self::Back { commit, .. } => commit.clone(),
        }
    }

    fn back(&self) -> Option<Back> {
        match self {
            Self::On => None,
            Self::Back { back, .. } => Some(*back),
        }
    }
}

/// Does what the plan says, writes it down, and proves it.
pub(super) async fn carry_out(
    cx: &Deploying,
    stack: &Chat,
    plan: &mut Plan,
    way: Way,
    prove: bool,
    lease: &Lease,
    began: Instant,
) -> Result<UpOutcome, Failure> {
    let changes: Vec<String> =
        plan.steps.iter().filter(|step| step.change.verb() != Verb::Keep).map(described).collect();
    let fresh = is_fresh(plan);
    let commit = walk(cx, stack, plan, &way).await?;
    let last = lease.last_in(cx, fresh).await?;
    let (endpoint, lobby) = (endpoint(cx, plan)?, Lobby::of(cx, stack).await?);
    let done = Done {
        after: last.as_ref(),
        commit,
        changes: changes.clone(),
        took: began.elapsed(),
        functions: stack::versions(&plan.facts),
        back: way.back(),
    };
    let proof = if prove { Proof::Owed } else { Proof::Skipped };
    let mut deployed = Deploy::new(cx, done, proof).wanting(Wants::of(stack, &plan.facts));
    let outcome = |proved| UpOutcome {
        page: lobby.link(&endpoint),
        endpoint: endpoint.clone(),
        changed: changes.len(),
        proved,
        took: began.elapsed(),
    };
    let rest = history::then(deployed.number, plan.is_empty());
    lease.write(&deployed, if prove { Then::Held } else { rest }).await?;
    history::sweep(cx, deployed.number).await?;
    let mut proved = None;
    if prove {
        let vapid_public = fact(cx, plan, &stack::parameter_id(stack::VAPID_KEY), stack::PUBLIC)?;
        match proof::prove(cx, &endpoint, &vapid_public, &lobby.key).await {
            Ok(way) => proved = Some(way),
            Err(unproven) => {
                warn_of_the_rest(cx, plan);
                return Err(failed(cx, deployed, lease, &unproven, || tell_deployed(cx, &outcome(None))).await);
            }
        }
    }
    if let Some(Proved { hops, total_ms }) = &proved {
        (cx.tell)(Event::Proved { hops: hops.clone(), total_ms: *total_ms });
        deployed.proof = Proof::Proved;
        lease.write(&deployed, rest).await?;
    }
    // What nobody needs any more goes when it is known that nobody does (A31).
    reconcile::walk(stack, plan, &cx.doing()).await.map_err(|error| walked(cx, error))?;
    let started = changes.iter().any(|change| change.ends_with(stack::operations_id().as_str()));
    beside::report(cx, plan, started).await;
    let outcome = outcome(proved);
    tell_deployed(cx, &outcome);
    Ok(outcome)
}

/// Walks all but what finishes; beside it the commit is asked for.
async fn walk(cx: &Deploying, stack: &Chat, plan: &mut Plan, way: &Way) -> Result<Option<Commit>, Failure> {
    let doing = cx.doing();
    let walk = reconcile::walk_unfinished(stack, plan, &doing);
    let (walk, commit) = tokio::join!(walk, way.commit(cx));
    walk.map_err(|error| walked(cx, error))?;
    Ok(commit)
}

/// Whether this run has made the Stage table, and with it the history.
pub(super) fn is_fresh(plan: &Plan) -> bool {
    plan.facts.noted(&stack::first(), stack::FRESH).is_some()
}

/// Says what was not taken away, because nothing proved that nobody needs it.
fn warn_of_the_rest(cx: &Deploying, plan: &Plan) {
    let left: Vec<&str> = plan.changes().map(|step| step.id.as_str()).collect();
    if !left.is_empty() {
        let what = format!("not yet taken away, for the next up that is proved: {}", left.join(", "));
        (cx.tell)(Event::Warning { what, next: None });
    }
}

/// A deploy whose proof did not come back. One that failed inside our functions goes back by itself, if there is a
/// version before; a push service or a mapping that is not ready yet is no reason to.
/// `stays` tells that it is what is up now.
async fn failed(cx: &Deploying, mut deployed: Deploy, lease: &Lease, unproven: &Unproven, stays: impl Fn()) -> Failure {
    let (why, next) = (Explain::why(unproven), Explain::next(unproven).into_iter().collect());
    let failure = Failure { error: unproven.to_string(), why, next, exit: unproven.exit() };
    let (up, logs) = (cx.stage.command("up"), cx.stage.command("logs --all"));
    if !unproven.is_ours() {
        stays();
        return failure.next(up);
    }
    deployed.proof = Proof::Failed;
    // A way back that fails too stays where it is: what was before it may be worse.
    let undone = match (lease.write(&deployed, Then::Held).await, deployed.back) {
        (Ok(()), None) => rollback::undo(cx, &deployed, lease, &unproven.to_string()).await,
        (Ok(()), Some(_)) | (Err(_), _) => None,
    };
    let Some(undone) = undone else {
        stays();
        return failure.next(logs).next(up);
    };
    if undone.carried.is_err() && !undone.is_live {
        stays();
    }
    went_back(failure, undone, |command| cx.stage.command(command))
}

/// What is said of a deploy that failed its proof and was gone back from, or was to be. Whatever failed on that way,
/// what was asked for is not up and proved: that is 6, unless somebody stopped it.
fn went_back(failure: Failure, undone: Undone, typed: impl Fn(&str) -> String) -> Failure {
    let Undone { to, is_live, carried } = undone;
    let stopped = carried.as_ref().is_err_and(|again| again.exit == Exit::Stopped);
    let exit = if stopped { Exit::Stopped } else { Exit::Unproven };
    let why = failure.why.map(|why| format!("{why}; ")).unwrap_or_default();
    let (said, mut next) = match carried {
        Ok(()) => ("and proved", Vec::new()),
        // Credentials that ended are what has to be mended first.
        Err(again) if is_live && again.exit == Exit::Denied => ("but unproved too", again.next),
        Err(_) if is_live => ("but unproved too", Vec::new()),
        Err(again) => {
            let next = if again.next.is_empty() { vec![typed("rollback")] } else { again.next };
            let why = format!("{why}{}{}", again.error, again.why.map(|why| format!(": {why}")).unwrap_or_default());
            let error = format!("{}, and going back to deploy {to} failed", failure.error);
            return Failure { error, why: Some(why), next, exit };
        }
    };
    next.truncate(1);
    next.extend([typed("logs --all"), typed("up")]);
    let error = format!("{}; rolled back to deploy {to}", failure.error);
    Failure { error, why: Some(format!("{why}deploy {to} is live again, {said}")), next, exit }
}

/// A step in the history's words.
pub(super) fn described(step: &reconcile::Step) -> String {
    format!("{} {}", step.change.verb(), step.id)
}

/// The API's address, as the plan saw it or the walk made it.
pub(super) fn endpoint(cx: &Deploying, plan: &Plan) -> Result<String, Failure> {
    fact(cx, plan, &stack::api_id(), stack::ENDPOINT)
}

fn fact(cx: &Deploying, plan: &Plan, of: &Id, name: &str) -> Result<String, Failure> {
    let missing = || Failure::failed(format!("the {name} of {of} is not known")).next(cx.stage.command("plan"));
    plan.facts.get(of, name).ok_or_else(missing)
}

/// Tells what is up, where.
pub(super) fn tell_deployed(cx: &Deploying, outcome: &UpOutcome) {
    (cx.tell)(Event::Deployed {
        stage: cx.stage.name.clone(),
        target: cx.stage.target.to_string(),
        flags: cx.stage.flag().trim_start().to_owned(),
        endpoint: outcome.endpoint.clone(),
        page: outcome.page.clone(),
        changed: outcome.changed,
        proved: outcome.proved.is_some(),
        warnings: cx.warnings.all(),
        ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_ends_with_six_however_it_went_unless_somebody_stopped_it() {
        let again =
            |exit| Err(Failure::new(exit, "cannot go back to deploy 3").why("because").next("first").next("up"));
        for (is_live, carried, exit, error, next) in [
            (true, Ok(()), Exit::Unproven, "it fails; rolled back to deploy 3", vec!["logs --all", "up"]),
            (
                true,
                again(Exit::Unproven),
                Exit::Unproven,
                "it fails; rolled back to deploy 3",
                vec!["logs --all", "up"],
            ),
            (
                true,
                again(Exit::Denied),
                Exit::Unproven,
                "it fails; rolled back to deploy 3",
                vec!["first", "logs --all", "up"],
            ),
            (true, again(Exit::Stopped), Exit::Stopped, "it fails; rolled back to deploy 3", vec!["logs --all", "up"]),
            (
                false,
                again(Exit::Failed),
                Exit::Unproven,
                "it fails, and going back to deploy 3 failed",
                vec!["first", "up"],
            ),
            (
                false,
                again(Exit::Stopped),
                Exit::Stopped,
                "it fails, and going back to deploy 3 failed",
                vec!["first", "up"],
            ),
        ] {
            let failure = Failure::new(Exit::Unproven, "it fails").why("its log says so");
            let said = went_back(failure, Undone { to: 3, is_live, carried }, str::to_owned);
            assert_eq!((said.exit, said.error.as_str()), (exit, error), "{said:?}");
            assert_eq!(said.next, next, "{said:?}");
            assert!(said.why.as_deref().unwrap_or_default().starts_with("its log says so; "), "{said:?}");
        }
    }
}
