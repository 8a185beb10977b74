//! Settings: the variables that the deployment gives to each function, each read and checked in one
//! place, with an error that names the variable. It must not know what a setting is used for.

use std::collections::BTreeMap;

use chat::client::PushServices;
use chat::room::RoomKey;
use thiserror::Error;

/// A variable that is not set, or whose value can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadSetting {
    /// The variable is missing or empty.
    #[error("the variable {0} is not set: `chatctl up` sets it when it deploys the function")]
    Missing(&'static str),
    /// The value is not of the expected form.
    #[error("the variable {name} can't be used: {why}")]
    Unusable {
        /// Which variable.
        name: &'static str,
        /// What is wrong with it (never its value).
        why: String,
    },
}

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    /// Those of a test.
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    fn need(&self, name: &'static str) -> Result<String, BadSetting> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned().ok_or(BadSetting::Missing(name))
    }

    /// The version of the deployed chat.
    pub fn version(&self) -> Result<String, BadSetting> {
        self.need("CHAT_VERSION")
    }

    /// The Messages table.
    pub fn messages_table(&self) -> Result<String, BadSetting> {
        self.need("CHAT_MESSAGES_TABLE")
    }

    /// The Clients table.
    pub fn clients_table(&self) -> Result<String, BadSetting> {
        self.need("CHAT_CLIENTS_TABLE")
    }

    /// The Stage table.
    pub fn stage_table(&self) -> Result<String, BadSetting> {
        self.need("CHAT_STAGE_TABLE")
    }

    /// The public key that room tokens are verified with.
    pub fn room_key(&self) -> Result<RoomKey, BadSetting> {
        const NAME: &str = "CHAT_ROOM_KEY";
        RoomKey::from_base64(&self.need(NAME)?)
            .ok_or_else(|| BadSetting::Unusable { name: NAME, why: "it is not 32 bytes in base64url".into() })
    }

    /// The push services that an endpoint may be at: a comma-separated list of hosts, `*.x` for all below x,
    /// and on a local stage the local cloud's own push origin.
    pub fn push_services(&self) -> Result<PushServices, BadSetting> {
        let hosts = self.need("CHAT_PUSH_HOSTS")?;
        Ok(PushServices::from_list(&hosts, self.0.get("CHAT_PUSH_LOCAL").cloned()))
    }

    /// The SSM parameter that holds the VAPID key.
    pub fn vapid_parameter(&self) -> Result<String, BadSetting> {
        self.need("CHAT_VAPID_PARAMETER")
    }

    /// Whom a push service may write to about our pushes (`mailto:` or `https:`).
    pub fn vapid_subject(&self) -> Result<String, BadSetting> {
        self.need("CHAT_VAPID_SUBJECT")
    }

    /// The VAPID key's public half, base64url, as a page subscribes with it.
    pub fn vapid_public(&self) -> Result<String, BadSetting> {
        self.need("CHAT_VAPID_PUBLIC")
    }

    /// The queue of announcements and jobs.
    pub fn queue_url(&self) -> Result<String, BadSetting> {
        self.need("CHAT_QUEUE_URL")
    }

    /// Whether AWS is reached over plain http, as the local cloud is.
    pub fn speaks_plain_http(&self) -> bool {
        self.0.get("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Settings::default().queue_url().unwrap_err();
        assert_eq!(error, BadSetting::Missing("CHAT_QUEUE_URL"));
        assert!(error.to_string().contains("CHAT_QUEUE_URL is not set"));
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        assert_eq!(Settings::of([("CHAT_VERSION", "")]).version(), Err(BadSetting::Missing("CHAT_VERSION")));
    }

    #[test]
    fn a_room_key_that_is_no_key_is_refused_without_showing_it() {
        let error = Settings::of([("CHAT_ROOM_KEY", "secret!")]).room_key().unwrap_err().to_string();
        assert!(error.contains("CHAT_ROOM_KEY") && !error.contains("secret!"), "{error}");
    }

    #[test]
    fn push_hosts_are_a_list_and_the_local_origin_is_optional() {
        let services = Settings::of([("CHAT_PUSH_HOSTS", "a.example, *.b.example,")]).push_services().unwrap();
        assert_eq!(services.hosts, ["a.example", "*.b.example"]);
        assert_eq!(services.local_origin, None);
    }
}
