//! Versions and aliases of a function.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::function::{Alias, Function, LATEST, arn, parse_name};
use super::input::Input;
use super::manage::{Query, publish};
use super::{Answered, Lambda, paging, refusals};
use crate::Cloud;
use crate::wire::{Refusal, RestAnswer};

impl Lambda {
    pub(super) fn publish_version(&self, asked: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(&["CodeSha256", "Description", "RevisionId", "FunctionName"])?;
        self.edit(&name, |function| {
            input.check_revision(&function.latest.revision)?;
            if input.text("CodeSha256")?.is_some_and(|asked| asked != function.latest.code.sha256) {
                return Err(refusals::invalid(format!(
                    "CodeSHA256 is different from current CodeSHA256 in $LATEST: {}",
                    function.latest.code.sha256
                )));
            }
            let version = publish(function, input.text("Description")?);
            Ok(RestAnswer::json(201, &function.shown(&version, Some(&version.label()))))
        })
    }

    pub(super) fn list_versions(&self, asked: &str, query: &Query) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.read(&name, |function| {
            let all = std::iter::once(&function.latest).chain(&function.versions);
            let shown = all.map(|version| function.shown(version, Some(&version.label()))).collect();
            paging::page("Versions", shown, query)
        })
    }

    pub(super) fn create_alias(&self, cloud: &Arc<Cloud>, asked: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(&["Name", "FunctionVersion", "Description", "FunctionName"])?;
        let alias_name = input.need("Name")?;
        check_alias_name(alias_name)?;
        let shown = self.edit(&name, |function| {
            if function.aliases.contains_key(alias_name) {
                return Err(refusals::conflict(format!("Alias already exists: {}", arn(&name, Some(alias_name)))));
            }
            let alias = Alias {
                version: known_version(function, input.need("FunctionVersion")?)?,
                description: input.text("Description")?.unwrap_or_default().to_owned(),
                revision: crate::random::uuid(),
            };
            let shown = function.shown_alias(alias_name, &alias);
            function.aliases.insert(alias_name.to_owned(), alias);
            Ok(shown)
        })?;
        self.warm(cloud, &name, Some(alias_name));
        Ok(RestAnswer::json(201, &shown))
    }

    pub(super) fn get_alias(&self, asked: &str, alias_name: &str) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.read(&name, |function| {
            let alias = function.aliases.get(alias_name).ok_or_else(|| no_alias(&name, alias_name))?;
            Ok(RestAnswer::json(200, &function.shown_alias(alias_name, alias)))
        })
    }

    pub(super) fn update_alias(&self, cloud: &Arc<Cloud>, asked: &str, alias_name: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(&["Name", "FunctionVersion", "Description", "RevisionId", "FunctionName"])?;
        let (shown, left) = self.edit(&name, |function| {
            let mut alias = function.aliases.get(alias_name).cloned().ok_or_else(|| no_alias(&name, alias_name))?;
            input.check_revision(&alias.revision)?;
            let before = function.resolve(Some(alias_name))?.revision.clone();
            if let Some(version) = input.text("FunctionVersion")? {
                alias.version = known_version(function, version)?;
            }
            if let Some(description) = input.text("Description")? {
                alias.description = description.to_owned();
            }
            alias.revision = crate::random::uuid();
            let shown = function.shown_alias(alias_name, &alias);
            function.aliases.insert(alias_name.to_owned(), alias);
            let moved = function.resolve(Some(alias_name))?.revision != before;
            Ok((shown, moved.then_some(before)))
        })?;
        if let Some(left) = left {
            self.warm(cloud, &name, Some(alias_name));
            self.retire(&left);
        }
        Ok(RestAnswer::json(200, &shown))
    }

    pub(super) fn delete_alias(&self, asked: &str, alias_name: &str) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.edit(&name, |function| {
            function.policies.remove(alias_name);
            function.aliases.remove(alias_name);
            Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() })
        })
    }

    pub(super) fn list_aliases(&self, asked: &str, query: &Query) -> Answered {
        let (name, _) = parse_name(asked)?;
        let of = query.get("FunctionVersion");
        self.read(&name, |function| {
            let aliases = function.aliases.iter().filter(|(_, alias)| of.is_none_or(|of| alias.version == of));
            let shown: Vec<Value> = aliases.map(|(name, alias)| function.shown_alias(name, alias)).collect();
            paging::page("Aliases", shown, query)
        })
    }
}

fn no_alias(function: &str, alias: &str) -> Refusal {
    refusals::not_found(format!("Cannot find alias arn: {}", arn(function, Some(alias))))
}

/// An alias is never taken for a version: it has a letter in it.
fn check_alias_name(name: &str) -> Result<(), Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let number = name.chars().all(|c| c.is_ascii_digit());
    if name.len() > 128 || number || !name.chars().all(valid) {
        return Err(refusals::invalid(format!(
            "{name} is not an alias name: a-z, A-Z, 0-9, - and _, and not a number"
        )));
    }
    Ok(())
}

/// A version that is there, by its label.
fn known_version(function: &Function, label: &str) -> Result<String, Refusal> {
    if label == LATEST || function.versions.iter().any(|version| version.label() == label) {
        return Ok(label.to_owned());
    }
    Err(refusals::not_found(format!("Function not found: {}", arn(&function.name, Some(label)))))
}
