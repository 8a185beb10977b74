//! What is wrong with the settings, pointed at in the file by line and column. Knows no setting's meaning.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::closest;
use super::config::{DEFAULT_STAGE, FILE};
use crate::failure::{Exit, Explain};

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
    #[error("{} line {line} column {column}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong with it.
        what: String,
        /// The line itself, with a mark below, and the rule where there is one.
        source: Quoted,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A value is wrong that is not in the file.
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
            BadSettings::Value { key, .. } if key.starts_with("--") => Some(format!("correct {key}")),
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

impl BadSettings {
    /// The same with what was probably meant, where it is pointed at.
    pub(super) fn meaning(mut self, probably: String) -> Self {
        if let BadSettings::Wrong { meant, .. } = &mut self {
            *meant = Some(probably);
        }
        self
    }
}

/// The line of a place in a text, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at.min(text.len())).unwrap_or_default().matches('\n').count() + 1
}

/// What is wrong at a place of the file: the line with a mark below it, and the rule that it breaks.
pub(super) fn wrong_at(path: &Path, text: &str, span: Range<usize>, what: String, rule: Option<&str>) -> BadSettings {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line = line_of(text, start);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let row = text.lines().nth(line - 1).unwrap_or_default();
    let width = text.get(span).map_or(1, |marked| marked.lines().next().unwrap_or_default().chars().count()).max(1);
    let number = line.to_string();
    let mut quoted =
        format!("{number} | {row}\n{} | {}{}", " ".repeat(number.len()), " ".repeat(column), "^".repeat(width));
    if let Some(rule) = rule {
        quoted.push_str(&format!("\n{rule}"));
    }
    BadSettings::Wrong { path: path.into(), line, column: column + 1, what, source: Quoted(quoted), meant: None }
}

/// What the parser refused, with what was probably meant.
pub(super) fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> BadSettings {
    let message = error.message();
    let mut words = message.split('`').skip(1).step_by(2);
    let kind = [("unknown field", "unknown key"), ("unknown variant", "unknown value")]
        .into_iter()
        .find(|(theirs, _)| message.starts_with(theirs));
    let (what, suggested) = match (kind, words.next()) {
        (Some((_, ours)), Some(word)) => {
            let known: Vec<&str> = words.collect();
            let suggested = closest(word, known.iter().copied()).map(String::from);
            (format!("{ours} {word:?}"), Some(suggested.unwrap_or_else(|| format!("one of: {}", known.join(", ")))))
        }
        _ => (message.trim().replace("expected u32", "expected a whole number"), None),
    };
    let wrong = wrong_at(path, text, error.span().unwrap_or(0..0), what, None);
    match suggested {
        Some(suggested) => wrong.meaning(suggested),
        None => wrong,
    }
}

pub(super) fn bad(key: &str, value: &str, rule: impl Into<String>) -> BadSettings {
    BadSettings::Value { key: key.into(), value: value.into(), source: Quoted(rule.into()) }
}
