//! `chatctl.toml`, the environment and the flags become one checked `Stage`. Unknown keys are errors that point at the line.
//! Reads one file and calls nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::bad::{self, BadSettings};
use super::hosts::{self, MOZILLAS_PUSH};
use super::said::{self, Said, Sources, Variables, Written};
use super::{Architecture, Stage, Target};

/// The settings' file, looked for from the current folder upwards.
pub(super) const FILE: &str = "chatctl.toml";
/// The project when none is named.
const DEFAULT_PROJECT: &str = "chat";
/// The stage when none is named.
pub(super) const DEFAULT_STAGE: &str = "dev";
/// The local cloud's region when none is named.
const LOCAL_REGION: &str = "us-east-1";
/// How long messages are kept when nothing is said.
const RETENTION_DAYS: u32 = 30;
/// The longest retention: ten years.
const LONGEST_RETENTION_DAYS: u32 = 3650;
/// Names of projects and stages are at most this long, so that every derived name fits its service's bound.
const LONGEST_NAME: usize = 20;
/// What Lambda offers of memory, in MB.
const MEMORY: std::ops::RangeInclusive<u32> = 128..=10_240;

/// What the command line said; it outranks the environment, and that the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--stage`, or `CHATCTL_STAGE`.
    pub stage: Option<String>,
    /// `--config`, or `CHATCTL_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--target`.
    pub target: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--architecture`.
    pub architecture: Option<String>,
}

impl Overrides {
    /// What the flag of a setting said.
    pub(super) fn of(&self, key: &str) -> Option<&String> {
        match key {
            "target" => self.target.as_ref(),
            "region" => self.region.as_ref(),
            "architecture" => self.architecture.as_ref(),
            _ => None,
        }
    }

    /// These flags again, as they were typed.
    fn said(&self) -> String {
        let config = self.config.as_ref().map(|file| format!(" --config {}", file.display())).unwrap_or_default();
        let flags = ["target", "region", "architecture"].into_iter();
        config + &flags.filter_map(|key| Some(format!(" --{key} {}", self.of(key)?))).collect::<String>()
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    project: Option<Spanned<String>>,
    #[serde(default)]
    stage: BTreeMap<String, Settings>,
}

/// One stage as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    target: Option<Spanned<Target>>,
    region: Option<Spanned<String>>,
    account: Option<Spanned<String>>,
    retention_days: Option<Spanned<u32>>,
    backups: Option<Spanned<bool>>,
    memory: Option<Spanned<u32>>,
    push_service: Option<Spanned<String>>,
    push_hosts: Option<Spanned<Vec<String>>>,
    contact: Option<Spanned<String>>,
    architecture: Option<Spanned<Architecture>>,
}

impl Stage {
    /// Flags over environment over file over what is usual. `from` is where the search for the file begins.
    pub fn load(flags: &Overrides, variables: Variables<'_>, from: &Path) -> Result<Stage, BadSettings> {
        let path = flags.config.clone().or_else(|| find(from));
        let written = path.as_deref().map(said::read).transpose()?;
        let file = written.as_ref().map(parse).transpose()?.unwrap_or_default();
        let name = flags.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.into());
        let settings = match (file.stage.get(&name), &path) {
            (Some(settings), _) => settings.clone(),
            (None, Some(path)) if !file.stage.is_empty() && name != DEFAULT_STAGE => {
                let known = file.stage.keys().cloned().collect();
                return Err(BadSettings::NoStage { name, path: path.clone(), known });
            }
            _ => Settings::default(),
        };
        let mut sources = Sources::new(flags, variables, written.as_ref());
        let project = match sources.text("project", "CHATCTL_PROJECT", file.project) {
            Some(said) if !is_name(&said.value) => return Err(sources.refuse(&said, NAME_RULE)),
            Some(said) if is_reserved(&said.value) => return Err(sources.refuse(&said, RESERVED_RULE)),
            Some(said) => said.value,
            None => DEFAULT_PROJECT.into(),
        };
        if !is_name(&name) {
            return Err(bad::bad("stage", &name, NAME_RULE));
        }
        assemble(project, name, settings, sources)
    }
}

fn assemble(project: String, name: String, settings: Settings, mut said: Sources<'_>) -> Result<Stage, BadSettings> {
    let target = said.parsed("target", "CHATCTL_TARGET", settings.target, |words| words.parse())?;
    let aws = target.as_ref().is_some_and(|target| target.value == Target::Aws);
    let region = match said.text("region", "CHATCTL_REGION", settings.region) {
        Some(region) if !is_region(&region.value) => {
            return Err(said.refuse(&region, "a region looks like us-east-1"));
        }
        Some(region) => region.value,
        None if aws => return Err(BadSettings::NoRegion { name }),
        None => LOCAL_REGION.into(),
    };
    let account = said.text("account", "CHATCTL_ACCOUNT", settings.account);
    check(&said, account.as_ref(), |account| is_account(account), "an account is 12 digits, in quotes")?;
    // Said together in one place they contradict each other; a variable may well turn an AWS stage local for once.
    if let Some(account) = account.as_ref().filter(|account| account.is_written() && !aws)
        && target.as_ref().is_none_or(Said::is_written)
    {
        return Err(
            said.refuse(account, "the stage's target is local: only a stage of target = \"aws\" has an account")
        );
    }
    let architecture =
        said.parsed("architecture", "CHATCTL_ARCHITECTURE", settings.architecture, |words| words.parse())?;
    let retention = said.written("retention_days", settings.retention_days);
    let rule = format!("from 1 to {LONGEST_RETENTION_DAYS} days");
    check(&said, retention.as_ref(), |days| (1..=LONGEST_RETENTION_DAYS).contains(days), &rule)?;
    // Data in an account of one's own is worth what it costs; that of a laptop is not.
    let backups = said.written("backups", settings.backups).map_or(aws, |backups| backups.value);
    let memory = said.parsed("memory", "CHATCTL_MEMORY", settings.memory, |words| {
        words.parse().map_err(|_| "memory is a whole number of MB".to_owned())
    })?;
    let rule = format!("Lambda gives from {} to {} MB", MEMORY.start(), MEMORY.end());
    check(&said, memory.as_ref(), |mb| MEMORY.contains(mb), &rule)?;
    let push_service = said.text("push_service", "CHATCTL_PUSH_SERVICE", settings.push_service);
    let is_push_service = |a: &String| a.starts_with("wss://") || a.starts_with("ws://127.0.0.1:");
    check(&said, push_service.as_ref(), is_push_service, "a push service is a wss:// address")?;
    let contact = said.text("contact", "CHATCTL_CONTACT", settings.contact);
    let is_contact = |c: &String| c.starts_with("mailto:") || c.starts_with("https://");
    check(&said, contact.as_ref(), is_contact, "a contact is a mailto: or https:// address")?;
    let push_hosts = said.written("push_hosts", settings.push_hosts);
    if let Some(push_hosts) = &push_hosts {
        // The local cloud's own push service is one that a stage in it always sends to.
        let service = push_service.as_ref().map(|said| said.value.as_str()).or(aws.then_some(MOZILLAS_PUSH));
        hosts::check(&push_hosts.value, service)
            .map_err(|refused| said.refuse(push_hosts, &refused.rule).meaning(refused.meant))?;
    }
    Ok(Stage {
        project,
        name,
        target: target.map(|target| target.value).unwrap_or_default(),
        region,
        account: account.map(|account| account.value),
        retention_days: retention.map_or(RETENTION_DAYS, |days| days.value),
        backups,
        memory: memory.map(|mb| mb.value),
        push_hosts: push_hosts.map_or_else(|| hosts::USUAL.map(String::from).to_vec(), |hosts| hosts.value),
        push_service: push_service.map(|address| address.value),
        contact: contact.map(|contact| contact.value),
        architecture: architecture.map(|architecture| architecture.value).unwrap_or_default(),
        state: state_dir(said.variables())?,
        said: said.flags.said(),
        origins: said.origins,
    })
}

/// A value that was said must hold.
fn check<T: std::fmt::Debug>(
    sources: &Sources<'_>,
    said: Option<&Said<T>>,
    holds: impl Fn(&T) -> bool,
    rule: &str,
) -> Result<(), BadSettings> {
    match said {
        Some(said) if !holds(&said.value) => Err(sources.refuse(said, rule)),
        _ => Ok(()),
    }
}

/// Where chatctl keeps what belongs to this machine: `CHATCTL_STATE_DIR`, or the platform's state folder.
pub fn state_dir(variables: Variables<'_>) -> Result<PathBuf, BadSettings> {
    let set = |name: &str| variables(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CHATCTL_STATE_DIR")
        .or_else(|| set("XDG_STATE_HOME").filter(|folder| folder.is_absolute()).map(|folder| folder.join("chatctl")))
        .or_else(|| set("HOME").map(|home| home.join(".local/state/chatctl")))
        .ok_or(BadSettings::NoState)
}

fn find(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

fn parse(written: &Written) -> Result<File, BadSettings> {
    toml::from_str(&written.text).map_err(|error| bad::unreadable(&written.path, &written.text, &error))
}

/// Why a name is refused: it becomes a part of every other.
const NAME_RULE: &str = "1 to 20 of a-z, 0-9 and -, beginning with a letter, not ending with -: it becomes a part of every name in the \
                         account, which the services bound (a function's at 64)";

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Why such a project is refused: its secrets would stand under a path that SSM keeps for AWS.
const RESERVED_RULE: &str = "it cannot begin with aws or ssm: the secrets of a stage are parameters under /project/stage, and SSM keeps \
                             the paths that begin so for AWS";

fn is_reserved(project: &str) -> bool {
    ["aws", "ssm"].iter().any(|word| project.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)))
}

fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    parts.len() >= 3 && parts.iter().all(is_word)
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
