//! Which deploy is gone back to: the one that was named, or the last proved one before the current one. Pure; must not
//! know where the history is kept.

use super::record::{Deploy, Proof};
use crate::failure::{Exit, Explain};

/// There is no deploy to go back to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum NoWay {
    #[error("there is no proved deploy before the current one to go back to")]
    Nothing { history: String },
    #[error("there is no deploy {number} in the history")]
    Unknown { number: u64, history: String },
    #[error("deploy {number} cannot be gone back to: it did not write down which versions went live")]
    Unwritten { number: u64, history: String },
    #[error("deploy {number} cannot be gone back to: the stage was taken down since")]
    Down { number: u64, again: String },
}

impl Explain for NoWay {
    fn exit(&self) -> Exit {
        match self {
            Self::Unknown { .. } => Exit::Usage,
            Self::Nothing { .. } | Self::Unwritten { .. } | Self::Down { .. } => Exit::Failed,
        }
    }

    fn why(&self) -> Option<String> {
        matches!(self, Self::Down { .. }).then(|| "the functions went, and their versions with them".to_owned())
    }

    fn next(&self) -> Option<String> {
        Some(match self {
            Self::Nothing { history } | Self::Unknown { history, .. } | Self::Unwritten { history, .. } => {
                history.clone()
            }
            Self::Down { again, .. } => again.clone(),
        })
    }
}

/// The current deploy and the one to go back to. `past` has the newest first; `typed` is how a command is typed.
pub(super) fn chosen(
    past: &[Deploy],
    named: Option<u64>,
    typed: impl Fn(&str) -> String,
) -> Result<(&Deploy, &Deploy), NoWay> {
    let history = typed("history");
    let Some(current) = past.first() else { return Err(NoWay::Nothing { history }) };
    let Some(number) = named else {
        return match before(past, current).find(|earlier| !is_same(earlier, current)) {
            Some(earlier) => Ok((current, earlier)),
            None => Err(NoWay::Nothing { history }),
        };
    };
    match past.iter().find(|deploy| deploy.number == number && number > 0) {
        None => Err(NoWay::Unknown { number, history }),
        Some(deploy) if deploy.functions.is_empty() => Err(NoWay::Unwritten { number, history }),
        Some(deploy) if !standing(past).any(|one| one.number == number) => {
            let again = match &deploy.commit {
                Some(commit) if commit.clean != Some(false) => {
                    format!("git checkout {}, then {}", commit.short(), typed("up"))
                }
                _ => history,
            };
            Err(NoWay::Down { number, again })
        }
        Some(deploy) => Ok((current, deploy)),
    }
}

/// Where a deploy that failed its proof goes back to by itself: the last proved one, if this one changed anything of it.
pub(super) fn undone<'a>(past: &'a [Deploy], failed: &Deploy) -> Option<&'a Deploy> {
    before(past, failed).next().filter(|earlier| !is_same(earlier, failed))
}

/// Those whose versions can still be there: a function that was removed counts its versions from 1 again.
fn standing(past: &[Deploy]) -> impl Iterator<Item = &Deploy> {
    past.iter().take_while(|one| one.down_ms.is_none())
}

/// The proved ones before a deploy, the latest first; before the one that it went back to, if it was a way back.
fn before<'a>(past: &'a [Deploy], deploy: &Deploy) -> impl Iterator<Item = &'a Deploy> {
    let mut meant = deploy.number;
    // Each way back leads to a smaller number, so this ends.
    while let Some(back) = past.iter().find(|one| one.number == meant).and_then(|one| one.back)
        && back.to < meant
    {
        meant = back.to;
    }
    standing(past).filter(move |one| {
        one.number < meant && one.number > 0 && one.proof == Proof::Proved && !one.functions.is_empty()
    })
}

/// Whether the same versions are live with the same settings.
fn is_same(one: &Deploy, other: &Deploy) -> bool {
    one.functions == other.functions && one.settings == other.settings
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::deploy;
    use super::super::record::{Back, Deploy};
    use super::*;
    use Proof::{Failed, Owed, Proved};

    fn back(number: u64, version: u64, from: u64, to: u64) -> Deploy {
        Deploy { back: Some(Back { from, to }), ..deploy(number, version, Proved) }
    }

    fn to(past: &[Deploy], named: Option<u64>) -> Result<u64, String> {
        chosen(past, named, typed).map(|(_, to)| to.number).map_err(|no| no.to_string())
    }

    fn typed(command: &str) -> String {
        format!("chatctl {command}")
    }

    #[test]
    fn without_a_name_it_is_the_last_proved_deploy_that_was_different() {
        let past = [deploy(5, 4, Owed), deploy(4, 3, Owed), deploy(3, 2, Proved), deploy(2, 1, Proved)];
        assert_eq!(to(&past, None), Ok(3));
        let same = [deploy(5, 4, Proved), deploy(4, 4, Proved), deploy(3, 2, Proved)];
        assert_eq!(to(&same, None), Ok(3), "4 had the same versions live");
    }

    #[test]
    fn going_back_twice_goes_back_further() {
        let past = [back(5, 2, 4, 3), deploy(4, 3, Proved), deploy(3, 2, Proved), deploy(2, 1, Proved)];
        assert_eq!(to(&past, None), Ok(2));
        let twice = [
            back(7, 2, 6, 5),
            back(6, 1, 5, 2),
            back(5, 2, 4, 3),
            deploy(4, 3, Proved),
            deploy(3, 2, Proved),
            deploy(2, 1, Proved),
        ];
        assert_eq!(to(&twice, None), Ok(2), "7 is 5, which is 3");
    }

    #[test]
    fn a_named_one_is_taken_if_it_is_there_and_wrote_down_what_went_live() {
        let unwritten = Deploy { functions: crate::stack::Versions::new(), ..deploy(1, 1, Proved) };
        let past = [deploy(3, 3, Proved), deploy(2, 2, Owed), unwritten];
        assert_eq!(to(&past, Some(2)), Ok(2), "an unproved one too, if it is named");
        assert!(to(&past, Some(9)).unwrap_err().contains("no deploy 9"));
        assert!(to(&past, Some(1)).unwrap_err().contains("did not write down"));
        assert!(to(&[], None).is_err());
        assert!(to(&past[..1], None).is_err());
    }

    #[test]
    fn no_way_back_leads_past_a_down() {
        let down = Deploy { down_ms: Some(1), ..deploy(3, 3, Proved) };
        let past = [deploy(5, 2, Proved), deploy(4, 1, Proved), down, deploy(2, 2, Proved)];
        assert_eq!((to(&past, None), to(&past, Some(4))), (Ok(4), Ok(4)));
        for number in [3, 2] {
            let no = chosen(&past, Some(number), typed).unwrap_err();
            assert!(no.to_string().ends_with("the stage was taken down since") && Explain::why(&no).is_some(), "{no}");
            assert_eq!(Explain::next(&no).unwrap(), "git checkout 0123456, then chatctl up");
        }
        let again = [deploy(4, 2, Failed), past[2].clone(), past[3].clone()];
        assert!(to(&again, None).unwrap_err().contains("no proved deploy before the current one"));
        assert_eq!(undone(&again, &again[0]), None, "nor does one by itself");
        assert!(to(&past[2..], None).is_err(), "nor while it is down");
        let changed = |clean| {
            let commit = past[3].commit.clone().map(|commit| crate::build::Commit { clean, ..commit });
            let past = [past[1].clone(), past[2].clone(), Deploy { commit, ..past[3].clone() }];
            Explain::next(&chosen(&past, Some(2), typed).unwrap_err()).unwrap()
        };
        assert_eq!(changed(Some(false)), "chatctl history", "its code was no commit's");
        assert_eq!(changed(None), "git checkout 0123456, then chatctl up");
    }

    #[test]
    fn a_failed_proof_goes_back_only_from_what_it_changed() {
        let proved = deploy(3, 3, Proved);
        let changed = [deploy(4, 4, Failed), proved.clone(), deploy(2, 2, Proved)];
        assert_eq!(undone(&changed, &changed[0]).map(|to| to.number), Some(3));
        let unchanged = [deploy(4, 3, Failed), proved, deploy(2, 2, Proved)];
        assert_eq!(undone(&unchanged, &unchanged[0]), None, "what failed was live before");
        let first = [deploy(1, 1, Failed)];
        assert_eq!(undone(&first, &first[0]), None);
    }
}
