//! The version behind a function's alias: what a deploy writes down, and how one goes back to it. It must not know
//! when anybody does.

use std::collections::BTreeMap;

use chat_aws::routes::Function as Part;
use reconcile::{Facts, Fault, Visit};
use serde::{Deserialize, Serialize};

use super::{Configuration, Function, Result, get, id};

/// How many versions of a function are kept at least: a deploy publishes one at most, so that any of the last so many can
/// be gone back to. The one bound for all who remove old versions.
pub const KEPT_VERSIONS: u64 = 10;

const NUMBER: &str = "version";
const SHA256: &str = "sha256";

/// A published version: code and settings, which never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Lambda's number.
    pub number: String,
    /// The digest of its code: a function made anew may count from 1 again.
    pub sha256: String,
}

/// The versions behind the aliases, by function.
pub type Versions = BTreeMap<String, Version>;

/// How much of a function is to be made so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::stack) enum Aim {
    /// All of it: code, settings, role.
    #[default]
    Whole,
    /// Its code alone.
    Code,
    /// Exactly this version, with the code and the settings that are in it.
    Version(Version),
}

/// What stands behind the aliases, as far as a plan or a walk has seen or made it.
pub fn versions(facts: &Facts) -> Versions {
    let seen = |part: Part| {
        let of = id(part.name());
        let (number, sha256) = (facts.noted(&of, NUMBER)?, facts.noted(&of, SHA256)?);
        Some((part.name().to_owned(), Version { number, sha256 }))
    };
    Part::ALL.into_iter().filter_map(seen).collect()
}

/// Notes what stands behind the alias now.
pub(super) fn note(visit: &Visit, number: &str, sha256: &str) {
    visit.note(NUMBER, number);
    visit.note(SHA256, sha256);
}

impl Function {
    /// What is not there is made, unless only a part of it was meant.
    pub(super) fn absent<T>(&self) -> Result<Option<T>> {
        match self.aim {
            Aim::Whole => Ok(None),
            Aim::Code | Aim::Version(_) => {
                let what = format!("the function {} is not there", self.name());
                Err(Fault::new(what).with_next(Some("chatctl up".into())))
            }
        }
    }

    /// Whether the version that is aimed at is still there: looked for before anything is changed.
    pub(super) async fn check_aim(&self, live: Option<&Configuration>, visit: &Visit) -> Result<()> {
        let Aim::Version(version) = &self.aim else { return Ok(()) };
        let is_live = live.is_some_and(|live| live.version == version.number && live.sha256 == version.sha256);
        if is_live || !visit.planning() {
            return Ok(());
        }
        let found = get(&self.ground, &self.name(), Some(&version.number)).await?;
        let sha256 = found.as_ref().and_then(|found| found.configuration()?.code_sha256());
        let how = match sha256 {
            Some(sha256) if sha256 == version.sha256 => return Ok(()),
            Some(_) => "has other code now: the function was made anew since",
            None => "is not kept any more",
        };
        let what = format!("version {} of {} {how}", version.number, self.part.name());
        Err(Fault::new(what).with_next(Some("chatctl history".into())))
    }

    /// Puts a version behind the alias that was there before.
    pub(super) async fn go_back(&self, version: &Version, visit: &Visit) -> Result<()> {
        self.move_alias(&version.number, visit).await?;
        note(visit, &version.number, &version.sha256);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_a_deploy_are_those_that_were_noted() {
        let facts = Facts::default();
        let visit = Visit::alone(id("store-message"), facts.clone());
        note(&visit, "3", "c2hh");
        note(&visit, "4", "bmV3");
        let version = Version { number: "4".into(), sha256: "bmV3".into() };
        assert_eq!(versions(&facts), [("store-message".to_owned(), version)].into());
    }
}
