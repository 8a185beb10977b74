//! What is saved goes live: watches the source, builds, and redeploys the code of exactly the functions that came out
//! different, the page's too. The lease is held for each redeploy, never while nothing is saved. Must not know how a
//! function is built.

use std::time::Duration;

use reconcile::Verb;
use tokio::time::{Instant, sleep};

use super::Deploying;
use super::carry::described;
use super::code::packages;
use super::history;
use super::lease::Lease;
use super::record::{Deploy, Done, Proof};
use super::up::walked;
use crate::build::{BuildError, Commit, Source, Tree};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::stack;

/// Between two looks at the source.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// An editor saves several files, and one in several steps: it is done when nothing changes for so long.
const QUIET: Duration = Duration::from_millis(30);
/// How many of the saved files are named.
const NAMED: usize = 3;

/// Watches until it is stopped, which is how it ends well. A build that fails is told, and watching goes on.
pub async fn watch(cx: &Deploying) -> Result<(), Failure> {
    let source = Source::find(cx.source.as_deref(), &cx.folder).map_err(BuildError::from)?;
    let mut tree = look(&source).await;
    // What was saved while the first `up` was at work.
    attempt(cx, &source).await?;
    (cx.tell)(Event::Watching { folder: source.root().display().to_string() });
    loop {
        let Some(seen) = saved(cx, &source, &tree).await else { return Ok(()) };
        let files = seen.since(&tree);
        // Of before the build: what is saved while it runs is the next turn's.
        tree = seen;
        let named = files.iter().take(NAMED).map(|path| path.display().to_string()).collect();
        (cx.tell)(Event::Saved { files: named, more: files.len().saturating_sub(NAMED) });
        if !attempt(cx, &source).await? {
            (cx.tell)(Event::NothingNew);
        }
    }
}

/// The next state of the source that differs from this one; `None` when it is stopped.
async fn saved(cx: &Deploying, source: &Source, tree: &Tree) -> Option<Tree> {
    loop {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = cx.stop.wait() => return None,
        }
        let mut seen = look(source).await;
        if seen == *tree {
            continue;
        }
        loop {
            sleep(QUIET).await;
            let again = look(source).await;
            if again == seen {
                return Some(seen);
            }
            seen = again;
        }
    }
}

async fn look(source: &Source) -> Tree {
    let source = source.clone();
    match tokio::task::spawn_blocking(move || Tree::of(&source)).await {
        Ok(tree) => tree,
        Err(_) => unreachable!("looking at files neither panics nor is cancelled"),
    }
}

/// Builds and redeploys; whether anything went live. Only being stopped is an error: all else is told.
async fn attempt(cx: &Deploying, source: &Source) -> Result<bool, Failure> {
    match redeploy(cx, source).await {
        Ok(live) => Ok(live),
        Err(failure) if failure.exit == Exit::Stopped => Err(failure),
        Err(failure) => {
            (cx.tell)(Event::NotLive { error: failure.error, why: failure.why, next: failure.next });
            // It was told what is wrong; that nothing went live is no news.
            Ok(true)
        }
    }
}

async fn redeploy(cx: &Deploying, source: &Source) -> Result<bool, Failure> {
    let building = Instant::now();
    let packages = packages(cx).await?;
    let (built, began) = (building.elapsed(), Instant::now());
    let stack = stack::code(&cx.aws, &cx.stage, &packages);
    let doing = cx.doing();
    let mut plan = reconcile::plan(&stack, &doing).await?;
    if plan.is_empty() {
        return Ok(false);
    }
    let changes: Vec<String> = plan.changes().map(described).collect();
    let functions = plan.changes().map(|step| step.id.name().to_owned()).collect();
    let lease = Lease::take(cx).await?;
    let deployed = async |lease: &Lease| {
        let walk = reconcile::walk(&stack, &mut plan, &doing);
        let (walk, last, commit) = tokio::join!(walk, lease.last(cx), Commit::of(source));
        let moved = walk.map_err(|error| walked(cx, error))?;
        let live = began.elapsed();
        let last = last?;
        let (after, functions) = (last.as_ref(), stack::versions(&plan.facts));
        let done = Done { after, commit, changes, took: live, functions, back: None };
        let wants = last.as_ref().and_then(|last| last.wants.clone());
        let wants = wants.map(|wants| wants.with_code_of(&stack, &plan.facts));
        let deploy = Deploy { wants, ..Deploy::new(cx, done, Proof::Skipped) };
        lease.write(&deploy, history::then(deploy.number, true)).await?;
        history::sweep(cx, deploy.number).await?;
        Ok((moved.iter().any(|(_, verb)| *verb != Verb::Keep), live))
    };
    let (moved, live) = lease.over(deployed).await?;
    if moved {
        let ms = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (cx.tell)(Event::Live { functions, built_ms: ms(built), live_ms: ms(live) });
    }
    Ok(moved)
}
