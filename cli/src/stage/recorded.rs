//! The settings of a stage that shape what is deployed, as a deploy writes them down, and a stage with
//! those of an earlier deploy. Where it lives and how it is called are no settings: they never change.

use serde::{Deserialize, Serialize};

use super::{Architecture, Stage};

/// What of a stage can differ from one deploy to the next. A new setting gets a line here, as an `Option` with a
/// default: what an earlier deploy did not write down stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    retention_days: u32,
    #[serde(default)]
    memory: Option<u32>,
    push_hosts: Vec<String>,
    push_service: Option<String>,
    contact: Option<String>,
    architecture: Option<Architecture>,
    #[serde(default)]
    backups: Option<bool>,
}

impl Stage {
    /// Its settings as they are now.
    pub fn settings(&self) -> Settings {
        Settings {
            retention_days: self.retention_days,
            memory: self.memory,
            push_hosts: self.push_hosts.clone(),
            push_service: self.push_service.clone(),
            contact: self.contact.clone(),
            architecture: Some(self.architecture),
            backups: Some(self.backups),
        }
    }

    /// The same stage with these settings.
    #[must_use]
    pub fn with_settings(&self, settings: &Settings) -> Self {
        let Settings { retention_days, memory, push_hosts, push_service, contact, architecture, backups } =
            settings.clone();
        let (architecture, backups) = (architecture.unwrap_or(self.architecture), backups.unwrap_or(self.backups));
        Self { retention_days, memory, push_hosts, push_service, contact, architecture, backups, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::stage::Overrides;

    #[test]
    fn a_stage_goes_back_to_the_settings_that_were_written_down() {
        let variables = |name: &str| (name == "CHATCTL_STATE_DIR").then(|| "/nowhere".to_owned());
        let stage = Stage::load(&Overrides::default(), &variables, Path::new("/")).unwrap();
        let written = serde_json::to_string(&stage.settings()).unwrap();
        let changed = Stage {
            backups: !stage.backups,
            retention_days: 7,
            contact: Some("mailto:ann@example.com".to_owned()),
            architecture: Architecture::Arm64,
            ..stage.clone()
        };
        assert_ne!(changed.settings(), stage.settings());
        assert_eq!(changed.with_settings(&serde_json::from_str(&written).unwrap()), stage);
        let older =
            r#"{"retention_days": 30, "push_hosts": [], "push_service": null, "contact": "mailto:x@example.com"}"#;
        let older = changed.with_settings(&serde_json::from_str(older).unwrap());
        assert_eq!(older.architecture, Architecture::Arm64, "what was not written down stays");
    }
}
