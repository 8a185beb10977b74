//! The history as it is told: every deploy that is kept, the newest first. Must not know how it looks on a screen.

use super::Deploying;
use super::history::{self, KEPT_DEPLOYS};
use super::record::{Back, Deploy, Proof};
use crate::event::{DeployShown, Went};
use crate::failure::Failure;

/// The last deploys of the stage, the newest first; at most so many.
pub async fn shown(cx: &Deploying, most: usize) -> Result<Vec<DeployShown>, Failure> {
    let past = history::latest(cx, KEPT_DEPLOYS).await.map_err(|error| cx.goes_on(history::unread(cx, error)))?;
    Ok(past.iter().take(most).map(|deploy| of(deploy, &past)).collect())
}

fn of(deploy: &Deploy, past: &[Deploy]) -> DeployShown {
    let left = |back: Back| back.from == deploy.number && deploy.number > 0;
    let rolled_back = past.iter().any(|other| other.back.is_some_and(left));
    DeployShown {
        deploy: deploy.number,
        time: chat::rfc3339::format(deploy.at_ms),
        by: deploy.by.clone(),
        command: deploy.command.clone(),
        commit: deploy.commit.as_ref().map(|commit| commit.id.clone()),
        clean: deploy.commit.as_ref().and_then(|commit| commit.clean),
        changes: deploy.changes.clone(),
        ms: deploy.ms,
        went: match deploy.proof {
            _ if rolled_back => Went::Undone,
            Proof::Proved => Went::Proved,
            Proof::Owed => Went::Unproved,
            Proof::Failed => Went::Failed,
            Proof::Skipped => Went::Unasked,
        },
        back_to: deploy.back.map(|back| back.to),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::deploy;
    use super::*;

    #[test]
    fn a_deploy_that_was_left_again_is_shown_as_rolled_back() {
        let back = Deploy { back: Some(Back { from: 2, to: 1 }), ..deploy(3, 1, Proof::Proved) };
        let past = [back, deploy(2, 2, Proof::Failed), deploy(1, 1, Proof::Proved)];
        let shown: Vec<_> = past.iter().map(|deploy| of(deploy, &past)).map(|one| (one.went, one.back_to)).collect();
        assert_eq!(shown, [(Went::Proved, Some(1)), (Went::Undone, None), (Went::Proved, None)]);
    }
}
