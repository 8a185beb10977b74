//! What is said of the functions' build, by each command that builds. Not a command itself.

use std::path::PathBuf;

use clap::Args;

use crate::deploy::{Deploying, Profile};

/// Arguments of commands that build the functions.
#[derive(Debug, Args)]
pub struct BuildingArgs {
    /// The checkout to build from, instead of the one around this folder
    #[arg(long, value_name = "DIR", env = "CHATCTL_SOURCE", hide_env = true)]
    pub source: Option<PathBuf>,
    /// The processor of functions on AWS: x86_64, or arm64
    #[arg(long, value_name = "NAME")]
    pub architecture: Option<String>,
    /// How functions are compiled: lambda (small; the default), release or dev (quick; the default of `cargo run` locally)
    #[arg(long, value_name = "PROFILE", env = "CHATCTL_BUILD_PROFILE", hide_env = true)]
    pub build_profile: Option<Profile>,
}

impl BuildingArgs {
    /// Gives them to a deploy.
    pub fn give(self, deploying: &mut Deploying) {
        if let Some(source) = &self.source {
            deploying.command.push_str(&format!(" --source {}", source.display()));
        }
        deploying.source = self.source;
        deploying.profile = self.build_profile;
    }
}
