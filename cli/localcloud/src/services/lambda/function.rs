//! A function as it is kept: its newest state, its versions, aliases and policies, and how the API shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refusals;
use super::settings::Settings;
use crate::wire::Refusal;
use crate::{ACCOUNT, REGION};

/// The name of the newest, changeable state of a function.
pub(crate) const LATEST: &str = "$LATEST";

/// A function with all that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) latest: Version,
    pub(crate) versions: Vec<Version>,
    pub(crate) published: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    /// By qualifier; that of the function itself by the empty text (A31).
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) reserved: Option<usize>,
    pub(crate) recursion: String,
}

/// Code and settings at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: Option<u64>,
    pub(crate) settings: Settings,
    pub(crate) code: Code,
    pub(crate) modified: i64,
    /// Changes with each change; also the name of the processes that run it.
    pub(crate) revision: String,
}

/// Unpacked code, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) sha256: String,
    pub(crate) folder: String,
    pub(crate) size: usize,
}

/// A name for a version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) revision: String,
}

/// Who may call a function or one of its aliases.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<Value>,
    pub(crate) revision: String,
}

/// A function's ARN, with a qualifier if there is one.
pub(crate) fn arn(name: &str, qualifier: Option<&str>) -> String {
    let bare = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
    match qualifier {
        Some(qualifier) => format!("{bare}:{qualifier}"),
        None => bare,
    }
}

/// The name and qualifier in what a caller calls a function: a name, a part of an ARN or a whole one.
pub(crate) fn parse_name(text: &str) -> Result<(String, Option<String>), Refusal> {
    let rest = match text.split_once(":function:") {
        Some((before, rest)) => {
            let ours = format!("arn:aws:lambda:{REGION}:{ACCOUNT}");
            if before != ours && before != ACCOUNT {
                return Err(refusals::not_found(format!("Function not found: {text}")));
            }
            rest
        }
        None => text,
    };
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (rest, None),
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
        return Err(refusals::invalid(format!("{text} is not a function name: 1 to 64 of a-z, A-Z, 0-9, - and _")));
    }
    Ok((name.to_owned(), qualifier))
}

impl Function {
    /// The version that a qualifier stands for.
    pub(crate) fn resolve(&self, qualifier: Option<&str>) -> Result<&Version, Refusal> {
        let wanted = match qualifier {
            None | Some(LATEST) => return Ok(&self.latest),
            Some(qualifier) => self.aliases.get(qualifier).map_or(qualifier, |alias| alias.version.as_str()),
        };
        if wanted == LATEST {
            return Ok(&self.latest);
        }
        let found = self.versions.iter().find(|version| version.label() == wanted);
        found.ok_or_else(|| refusals::not_found(format!("Function not found: {}", arn(&self.name, qualifier))))
    }

    /// How the API shows a version of it, under the name that it was asked by.
    pub(crate) fn shown(&self, version: &Version, qualifier: Option<&str>) -> Value {
        let settings = &version.settings;
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": arn(&self.name, qualifier),
            "Runtime": settings.runtime,
            "Role": settings.role,
            "Handler": settings.handler,
            "CodeSize": version.code.size,
            "Description": settings.description,
            "Timeout": settings.timeout,
            "MemorySize": settings.memory,
            "LastModified": modified(version.modified),
            "CodeSha256": version.code.sha256,
            "Version": version.label(),
            "TracingConfig": { "Mode": settings.tracing },
            "RevisionId": version.revision,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": settings.architectures,
            "EphemeralStorage": { "Size": settings.ephemeral },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": { "LogFormat": settings.log_format, "LogGroup": settings.log_group(&self.name) },
        });
        if let (Some(variables), Some(shown)) = (&settings.environment, shown.as_object_mut()) {
            shown.insert("Environment".into(), json!({ "Variables": variables }));
        }
        shown
    }

    /// How the API shows one of its aliases.
    pub(crate) fn shown_alias(&self, name: &str, alias: &Alias) -> Value {
        json!({
            "AliasArn": arn(&self.name, Some(name)),
            "Name": name,
            "FunctionVersion": alias.version,
            "Description": alias.description,
            "RevisionId": alias.revision,
        })
    }
}

impl Version {
    /// `$LATEST` or the number.
    pub(crate) fn label(&self) -> String {
        self.number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())
    }

    /// Whether nothing has changed between two states (A23).
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.code.sha256 == other.code.sha256 && self.settings == other.settings
    }
}

/// A time as Lambda shows it.
fn modified(ms: i64) -> String {
    format!("{}.{:03}+0000", crate::clock::iso(ms).trim_end_matches('Z'), ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_name_and_by_each_form_of_its_arn() {
        let live = ("f".to_owned(), Some("live".to_owned()));
        assert_eq!(parse_name("f").unwrap(), ("f".to_owned(), None));
        assert_eq!(parse_name("f:live").unwrap(), live);
        assert_eq!(parse_name("000000000000:function:f:live").unwrap(), live);
        assert_eq!(parse_name(&arn("f", Some("live"))).unwrap(), live);
    }

    #[test]
    fn a_name_that_cannot_be_is_refused() {
        assert_eq!(parse_name("a/b").unwrap_err().status, 400);
        assert_eq!(parse_name("").unwrap_err().status, 400);
        assert_eq!(parse_name("arn:aws:lambda:eu-west-1:1:function:f").unwrap_err().status, 404);
    }

    #[test]
    fn a_time_is_shown_with_its_milliseconds() {
        assert_eq!(modified(1_767_323_045_078), "2026-01-02T03:04:05.078+0000");
    }
}
