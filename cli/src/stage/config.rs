//! `chatctl.toml`, the environment and the flags become one checked `Stage`. Unknown keys are errors that point at the line.
//! Reads one file and calls nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Architecture, Stage, Target, closest};
use crate::failure::{Exit, Explain};

/// The settings' file, looked for from the current folder upwards.
const FILE: &str = "chatctl.toml";
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
/// The push services of today's browsers.
const PUSH_HOSTS: [&str; 5] = [
    "fcm.googleapis.com",
    "jmt17.google.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
];
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
    /// These flags again, as they were typed.
    fn said(&self) -> String {
        let flags =
            [("target", &self.target), ("region", &self.region), ("architecture", &self.architecture)].into_iter();
        let config = self.config.as_ref().map(|file| format!(" --config {}", file.display())).unwrap_or_default();
        let named = flags.filter_map(|(name, value)| Some(format!(" --{name} {}", value.as_ref()?)));
        config + &named.collect::<String>()
    }
}

/// The settings do not hold.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The file that was named is not there, or can't be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file's text is wrong at one place.
    #[error("{} line {line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
        /// The line itself, with a mark below.
        source: Quoted,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A value is wrong, wherever it came from.
    #[error("{key} = {value:?} is not allowed")]
    Value {
        /// The key, or the variable.
        key: String,
        /// Its value.
        value: String,
        /// The rule.
        source: Quoted,
    },
    /// The stage is not in the file.
    #[error("there is no stage {name:?} in {}", path.display())]
    NoStage {
        /// What was asked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// What it has.
        known: Vec<String>,
    },
    /// On AWS a region is never guessed.
    #[error("stage {name:?} has no region, and none is guessed")]
    NoRegion {
        /// The stage.
        name: String,
    },
    /// There is no place for state.
    #[error("there is no folder for chatctl's state: neither CHATCTL_STATE_DIR, XDG_STATE_HOME nor HOME is set")]
    NoState,
}

/// A quoted line or a rule, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Quoted(pub String);

impl Explain for BadSettings {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
    fn next(&self) -> Option<String> {
        match self {
            BadSettings::Unreadable { path, .. } => Some(format!("ls -l {}", path.display())),
            BadSettings::Wrong { meant, .. } => meant.as_ref().map(|meant| format!("write {meant}")),
            BadSettings::Value { key, .. } if key == "stage" => Some(format!("--stage {DEFAULT_STAGE}")),
            BadSettings::Value { key, .. } if key.starts_with("CHATCTL_") => {
                Some(format!("unset {key}, or correct it"))
            }
            BadSettings::Value { key, .. } => {
                Some(format!("correct {key} in {FILE}, or CHATCTL_{} if that is set", key.to_uppercase()))
            }
            BadSettings::NoStage { name, known, path } => Some(match closest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("--stage {meant}"),
                None => format!("add [stage.{name}] to {}, or name one of: {}", path.display(), known.join(", ")),
            }),
            BadSettings::NoRegion { name } => {
                Some(format!("add --region eu-central-1, or region = \"eu-central-1\" under [stage.{name}] in {FILE}"))
            }
            BadSettings::NoState => Some("export CHATCTL_STATE_DIR=/a/folder/of/yours".into()),
        }
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    project: Option<String>,
    #[serde(default)]
    stage: BTreeMap<String, Settings>,
}

/// One stage as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    target: Option<Target>,
    region: Option<String>,
    account: Option<String>,
    retention_days: Option<u32>,
    backups: Option<bool>,
    push_service: Option<String>,
    push_hosts: Option<Vec<String>>,
    contact: Option<String>,
    architecture: Option<Architecture>,
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Stage {
    /// Flags over environment over file over what is usual. `from` is where the search for the file begins.
    pub fn load(flags: &Overrides, variables: Variables<'_>, from: &Path) -> Result<Stage, BadSettings> {
        let path = flags.config.clone().or_else(|| find(from));
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let name = flags.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.into());
        let settings = match (file.stage.get(&name), &path) {
            (Some(settings), _) => settings.clone(),
            (None, Some(path)) if !file.stage.is_empty() && name != DEFAULT_STAGE => {
                let known = file.stage.keys().cloned().collect();
                return Err(BadSettings::NoStage { name, path: path.clone(), known });
            }
            _ => Settings::default(),
        };
        let project = variables("CHATCTL_PROJECT").or(file.project).unwrap_or_else(|| DEFAULT_PROJECT.into());
        assemble(checked_name("project", project)?, checked_name("stage", name)?, settings, flags, variables)
    }
}

fn assemble(
    project: String,
    name: String,
    settings: Settings,
    flags: &Overrides,
    variables: Variables<'_>,
) -> Result<Stage, BadSettings> {
    let target = match flags.target.clone().or_else(|| variables("CHATCTL_TARGET")) {
        Some(words) => words.parse().map_err(|rule| bad("target", &words, rule))?,
        None => settings.target.unwrap_or_default(),
    };
    let architecture = match flags.architecture.clone().or_else(|| variables("CHATCTL_ARCHITECTURE")) {
        Some(words) => words.parse().map_err(|rule| bad("architecture", &words, rule))?,
        None => settings.architecture.unwrap_or_default(),
    };
    let region = flags.region.clone().or_else(|| variables("CHATCTL_REGION")).or(settings.region);
    let region = match (region, target) {
        (Some(region), _) => checked_region(region)?,
        (None, Target::Local) => LOCAL_REGION.into(),
        (None, Target::Aws) => return Err(BadSettings::NoRegion { name }),
    };
    let account = variables("CHATCTL_ACCOUNT").or(settings.account);
    if let Some(account) = account.as_ref().filter(|a| a.len() != 12 || !a.bytes().all(|b| b.is_ascii_digit())) {
        return Err(bad("account", account, "an account is 12 digits, in quotes"));
    }
    let retention_days = settings.retention_days.unwrap_or(RETENTION_DAYS);
    if !(1..=LONGEST_RETENTION_DAYS).contains(&retention_days) {
        return Err(bad(
            "retention_days",
            &retention_days.to_string(),
            format!("from 1 to {LONGEST_RETENTION_DAYS} days"),
        ));
    }
    // Data in an account of one's own is worth what it costs; that of a laptop is not.
    let backups = settings.backups.unwrap_or(target == Target::Aws);
    let push_service = variables("CHATCTL_PUSH_SERVICE").or(settings.push_service);
    if let Some(address) =
        push_service.as_ref().filter(|a| !a.starts_with("wss://") && !a.starts_with("ws://127.0.0.1:"))
    {
        return Err(bad("push_service", address, "a push service is a wss:// address"));
    }
    let contact = variables("CHATCTL_CONTACT").or(settings.contact);
    if let Some(contact) = contact.as_ref().filter(|c| !c.starts_with("mailto:") && !c.starts_with("https://")) {
        return Err(bad("contact", contact, "a contact is a mailto: or https:// address"));
    }
    let push_hosts = settings.push_hosts.unwrap_or_else(|| PUSH_HOSTS.map(String::from).to_vec());
    let state = state_dir(variables)?;
    let said = flags.said();
    Ok(Stage {
        project,
        name,
        target,
        region,
        account,
        retention_days,
        backups,
        push_hosts,
        push_service,
        contact,
        architecture,
        state,
        said,
    })
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

fn read(path: &Path) -> Result<File, BadSettings> {
    let text = std::fs::read_to_string(path).map_err(|source| BadSettings::Unreadable { path: path.into(), source })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<File, BadSettings> {
    toml::from_str(text).map_err(|error| wrong(path, text, &error))
}

/// The place, the line with a mark below it, and the key that was probably meant.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> BadSettings {
    let span = error.span().unwrap_or(0..0);
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let row = text.lines().nth(line - 1).unwrap_or_default();
    let width = text.get(span).map_or(1, |marked| marked.lines().next().unwrap_or_default().chars().count()).max(1);
    let number = line.to_string();
    let quoted =
        format!("{number} | {row}\n{} | {}{}", " ".repeat(number.len()), " ".repeat(column), "^".repeat(width));
    let message = error.message();
    let mut words = message.split('`').skip(1).step_by(2);
    let (what, meant) = match (message.starts_with("unknown field"), words.next()) {
        (true, Some(key)) => {
            let known: Vec<&str> = words.collect();
            let meant = closest(key, known.iter().copied()).map(String::from);
            (format!("unknown key {key:?}"), Some(meant.unwrap_or_else(|| format!("one of: {}", known.join(", ")))))
        }
        _ => (message.trim().to_string(), None),
    };
    BadSettings::Wrong { path: path.into(), line, what, source: Quoted(quoted), meant }
}

fn checked_name(key: &str, name: String) -> Result<String, BadSettings> {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(name)
    } else {
        Err(bad(key, &name, "1 to 20 of a-z, 0-9 and -, beginning with a letter, not ending with -"))
    }
}

fn checked_region(region: String) -> Result<String, BadSettings> {
    let parts: Vec<&str> = region.split('-').collect();
    let fits = parts.len() >= 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if fits { Ok(region) } else { Err(bad("region", &region, "a region looks like us-east-1")) }
}

fn bad(key: &str, value: &str, rule: impl Into<String>) -> BadSettings {
    BadSettings::Value { key: key.into(), value: value.into(), source: Quoted(rule.into()) }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
