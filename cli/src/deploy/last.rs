//! The last deploy as a plan's reasons speak of it. Must not know how a deploy is written down.

use super::record::Deploy;

impl Deploy {
    /// As it is spoken of: `deploy of 2026-11-24 18:20 UTC`.
    pub(super) fn named(&self) -> String {
        format!("deploy of {}", self.when())
    }

    /// The same, of its code: `2026-11-24 18:20 UTC at commit 1a2b3c4`.
    pub(super) fn when_and_commit(&self) -> String {
        let commit = self.commit.as_ref().map(|commit| format!(" at commit {}", commit.short()));
        format!("{}{}", self.when(), commit.unwrap_or_default())
    }

    fn when(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at_ms).unwrap_or_default();
        at.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Proof, tests::deploy};

    #[test]
    fn a_deploy_is_spoken_of_by_its_time_and_its_code_by_its_commit_too() {
        let deploy = deploy(7, 3, Proof::Proved);
        assert_eq!(deploy.named(), "deploy of 2023-11-14 22:13 UTC");
        assert_eq!(deploy.when_and_commit(), "2023-11-14 22:13 UTC at commit 0123456");
    }
}
