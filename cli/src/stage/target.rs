//! Where a stage lives. The only difference between the two is the endpoint that the SDK handles get.

use serde::{Deserialize, Serialize};

/// Where a stage lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The local cloud inside this binary.
    #[default]
    Local,
    /// The user's own AWS account.
    Aws,
}

impl Target {
    /// As it is written in `chatctl.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Local => "local",
            Target::Aws => "aws",
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Target {
    type Err = String;
    fn from_str(words: &str) -> Result<Self, Self::Err> {
        match words {
            "local" => Ok(Target::Local),
            "aws" => Ok(Target::Aws),
            _ => Err(format!("{words:?} is no target: local or aws")),
        }
    }
}
