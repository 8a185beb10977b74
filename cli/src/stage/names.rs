//! Derived names and the tags of ownership: there is no state file, so the same stage always gives the same names.
//! Knows nothing of what is deployed.

use std::collections::BTreeMap;

/// The tag that holds the project.
const PROJECT_TAG: &str = "chatctl:project";
/// The tag that holds the stage.
const STAGE_TAG: &str = "chatctl:stage";
/// The AWS command line needs shard ids of 28 characters, which the local engine makes only for names of this length.
const SHORTEST_TABLE: usize = 11;
/// IAM's bound for a role's name.
const LONGEST_ROLE: usize = 64;

/// Every name of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    project: String,
    stage: String,
    region: String,
}

impl Names {
    /// The names of this stage; both parts were checked when the settings were read.
    pub fn new(project: &str, stage: &str, region: &str) -> Self {
        Names { project: project.into(), stage: stage.into(), region: region.into() }
    }

    /// What every name begins with: `chat-dev`.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.project, self.stage)
    }

    /// `table("messages")`, `table("clients")`, `table("stage")`.
    pub fn table(&self, which: &str) -> String {
        let name = format!("{}-{which}", self.prefix());
        if name.len() < SHORTEST_TABLE { format!("{name}-table") } else { name }
    }

    /// The new-message queue.
    pub fn queue(&self) -> String {
        format!("{}-new-messages", self.prefix())
    }

    /// Where given-up messages go.
    pub fn dead_letters(&self) -> String {
        format!("{}-dead-letters", self.prefix())
    }

    /// A function, by its crate's name.
    pub fn function(&self, function: &str) -> String {
        format!("{}-{function}", self.prefix())
    }

    /// A function's role. Roles are global, so the region is part of the name; cut with a hash where IAM's bound asks for it.
    pub fn role(&self, function: &str) -> String {
        let whole = format!("{}-{function}-{}", self.prefix(), self.region);
        if whole.len() <= LONGEST_ROLE {
            return whole;
        }
        let hash = format!("{:016x}", fnv(&whole));
        format!("{}-{}", &whole[..LONGEST_ROLE - 1 - hash.len()], hash)
    }

    /// Whether a role's name, where it was not cut, says that it is one of this region.
    pub fn is_role_here(&self, role: &str) -> bool {
        role.strip_suffix(&self.region).is_some_and(|rest| rest.ends_with('-'))
    }

    /// A function's log group.
    pub fn log_group(&self, function: &str) -> String {
        format!("/aws/lambda/{}", self.function(function))
    }

    /// A secret: `parameter("vapid-key")`, `parameter("room-key")`.
    pub fn parameter(&self, which: &str) -> String {
        format!("{}/{which}", self.parameter_path())
    }

    /// The path that all secrets of the stage stand under.
    pub fn parameter_path(&self) -> String {
        format!("/{}/{}", self.project, self.stage)
    }

    /// A stack of CloudFormation's: `stack("operations")`, `stack("bootstrap")`.
    pub fn stack(&self, which: &str) -> String {
        format!("{}-{which}", self.prefix())
    }

    /// A managed policy, as `templates/deployer.yaml` names it. Policies are global, so the region is part of the name.
    pub fn policy(&self, which: &str) -> String {
        format!("{}-{which}-{}", self.prefix(), self.region)
    }

    /// The HTTP API.
    pub fn api(&self) -> String {
        self.prefix()
    }

    /// The tags that say whose a thing is; they go into the create call itself.
    pub fn tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(PROJECT_TAG.into(), self.project.clone()), (STAGE_TAG.into(), self.stage.clone())])
    }
}

/// FNV-1a: a name's fingerprint, not a secret's.
fn fnv(words: &str) -> u64 {
    words.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_derive_from_project_stage_and_region() {
        let names = Names::new("chat", "dev", "us-east-1");
        for (is, should) in [
            (names.table("messages"), "chat-dev-messages"),
            (names.table("clients"), "chat-dev-clients"),
            (names.table("stage"), "chat-dev-stage"),
            (names.queue(), "chat-dev-new-messages"),
            (names.dead_letters(), "chat-dev-dead-letters"),
            (names.function("store-message"), "chat-dev-store-message"),
            (names.role("store-message"), "chat-dev-store-message-us-east-1"),
            (names.log_group("store-message"), "/aws/lambda/chat-dev-store-message"),
            (names.parameter("vapid-key"), "/chat/dev/vapid-key"),
            (names.api(), "chat-dev"),
            (names.stack("operations"), "chat-dev-operations"),
            (names.policy("boundary"), "chat-dev-boundary-us-east-1"),
        ] {
            assert_eq!(is, should);
        }
        assert_eq!(names.tags().get("chatctl:stage").map(String::as_str), Some("dev"));
    }

    #[test]
    fn no_table_is_named_so_shortly_that_the_command_line_refuses_its_shards() {
        let names = Names::new("a", "b", "us-east-1");
        assert_eq!(names.table("stage"), "a-b-stage-table");
        for table in ["messages", "clients", "stage"] {
            assert!(names.table(table).len() >= SHORTEST_TABLE);
        }
    }

    #[test]
    fn the_longest_role_name_fits_and_stays_its_own() {
        let long = "a".repeat(20);
        let names = Names::new(&long, &long, "ap-southeast-2");
        let (one, two) =
            (names.role("retrieve-messages"), Names::new(&long, &long, "ap-southeast-3").role("retrieve-messages"));
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
        assert!(one.starts_with(&names.prefix()));
    }
}
