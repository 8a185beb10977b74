//! Where each setting's value was said, so that a plan and an error can point there. Knows no setting's meaning.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The settings' file.
    File {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment, by its name.
    Variable(&'static str),
    /// The flag of the setting's name.
    Flag,
}

impl Origin {
    /// What to look at: the variable, the flag, or the key in the file.
    pub(super) fn name(&self, key: &str) -> String {
        match self {
            Self::File { .. } => key.to_owned(),
            Self::Variable(name) => (*name).to_owned(),
            Self::Flag => format!("--{key}"),
        }
    }
}

/// The origins of a stage's settings; one that is not here was said by nobody and has its usual value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<&'static str, Origin>);

impl Origins {
    pub(super) fn note(&mut self, key: &'static str, origin: Origin) {
        self.0.insert(key, origin);
    }

    /// Who said this setting.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        self.0.get(key)
    }

    /// The setting with its value, as a reason: `memory in chatctl.toml line 4 is 256`.
    pub fn because(&self, key: &str, value: &str) -> String {
        match self.of(key) {
            Some(Origin::File { path, line }) => format!("{key} in {} line {line} is {value}", short(path)),
            Some(Origin::Flag) => format!("--{key} is {value}"),
            Some(Origin::Variable(name)) => format!("{name} is {value}"),
            None => format!("{key} is not set, and {value} is usual"),
        }
    }
}

/// The file's own name: there is one, and its folder is the person's.
fn short(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_who_said_the_value() {
        let mut origins = Origins::default();
        origins.note("memory", Origin::File { path: "/home/ann/chat/chatctl.toml".into(), line: 4 });
        origins.note("region", Origin::Flag);
        origins.note("contact", Origin::Variable("CHATCTL_CONTACT"));
        for (key, value, should) in [
            ("memory", "256", "memory in chatctl.toml line 4 is 256"),
            ("region", "eu-west-1", "--region is eu-west-1"),
            ("contact", "mailto:a@b.c", "CHATCTL_CONTACT is mailto:a@b.c"),
            ("push_hosts", "*.push.apple.com", "push_hosts is not set, and *.push.apple.com is usual"),
        ] {
            assert_eq!(origins.because(key, value), should);
        }
    }
}
