//! The processor that a stage's functions on AWS run on. The local cloud's run on this computer's own.

use serde::{Deserialize, Serialize};

/// A processor, in Lambda's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// What is meant where nothing is said: the same from whichever computer the stage is deployed.
    #[default]
    X86_64,
    /// Costs a fifth less a second.
    Arm64,
}

impl std::str::FromStr for Architecture {
    type Err = String;
    fn from_str(words: &str) -> Result<Self, Self::Err> {
        match words {
            "x86_64" => Ok(Architecture::X86_64),
            "arm64" => Ok(Architecture::Arm64),
            _ => Err("an architecture is x86_64 or arm64".into()),
        }
    }
}
