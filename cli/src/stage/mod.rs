//! A stage: one chat, by name, with its settings. Knows no AWS; everything else asks it for names.

mod architecture;
mod bad;
mod config;
mod hosts;
mod names;
mod origin;
mod recorded;
mod said;
mod suggest;
mod target;

pub use architecture::Architecture;
pub use bad::{BadSettings, Quoted};
pub use config::{Overrides, state_dir};
pub use hosts::MOZILLAS_PUSH;
pub use names::Names;
pub use origin::{Origin, Origins};
pub use recorded::Settings;
pub use suggest::closest;
pub use target::Target;

use std::path::PathBuf;

/// The room that `up` makes, and the one meant when none is named.
pub const LOBBY: &str = "lobby";

/// One chat, by name, with its settings; made by `Stage::load` from flags, environment and `chatctl.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The project's name; with the stage's name it begins every derived name.
    pub project: String,
    /// The stage's name.
    pub name: String,
    /// Where it lives.
    pub target: Target,
    /// Its region; on AWS always said by the user.
    pub region: String,
    /// The account it may be deployed to, checked before anything is called; on AWS only.
    pub account: Option<String>,
    /// How long messages are kept.
    pub retention_days: u32,
    /// Whether messages and clients can be brought back to any moment of the last 35 days.
    pub backups: bool,
    /// The memory of every function in MB; `None` leaves each its own.
    pub memory: Option<u32>,
    /// Hosts of push services that clients may be registered at; `*.x` means every host below x.
    pub push_hosts: Vec<String>,
    /// Where chatctl's own push client connects; `None` is the local cloud's, on AWS Mozilla's.
    pub push_service: Option<String>,
    /// The contact in VAPID's `sub`, a `mailto:` or `https:` address; `None` is the page's own origin on AWS.
    pub contact: Option<String>,
    /// What its functions run on, on AWS.
    pub architecture: Architecture,
    /// The folder for what chatctl keeps on this machine.
    pub state: PathBuf,
    /// The flags that said more than the stage's name, to be typed again: ` --target aws`.
    pub said: String,
    /// Where each setting was said.
    pub origins: Origins,
}

impl Stage {
    /// Every derived name.
    pub fn names(&self) -> Names {
        Names::new(&self.project, &self.name, &self.region)
    }

    /// The flags that name this stage again in a command to type: empty for the default stage.
    pub fn flag(&self) -> String {
        let said = &self.said;
        if self.name == config::DEFAULT_STAGE { said.clone() } else { format!(" --stage {}{said}", self.name) }
    }

    /// A command to type that means this stage: `chatctl up --stage dev2`.
    pub fn command(&self, rest: &str) -> String {
        format!("chatctl {rest}{}", self.flag())
    }
}
