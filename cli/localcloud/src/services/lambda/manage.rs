//! Making, showing, changing and removing functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::function::{Code, Function, LATEST, Version, arn, parse_name};
use super::input::Input;
use super::settings::{MEMBERS, Settings};
use super::{Answered, Lambda, code, invoke, paging, refusals};
use crate::Cloud;
use crate::wire::{Refusal, RestAnswer};

impl Lambda {
    pub(super) async fn create_function(&self, cloud: &Arc<Cloud>, body: Bytes) -> Answered {
        let (input, zip) = self.read_code(body).await?;
        let known = ["Code", "Publish", "Tags", "PackageType", "Architectures"];
        input.only(&[MEMBERS, &known].concat())?;
        let (name, _) = parse_name(input.need("FunctionName")?)?;
        let mut settings = Settings { runtime: input.need("Runtime")?.to_owned(), ..Settings::default() };
        input.need("Handler")?;
        settings.update(&input)?;
        settings.architectures = architectures(&input)?.unwrap_or(settings.architectures);
        check_role(cloud, input.need("Role")?)?;
        if input.text("PackageType")?.is_some_and(|kind| kind != "Zip") {
            return Err(refusals::unsupported("PackageType other than Zip"));
        }
        let zip = zip.ok_or_else(|| refusals::invalid("Please provide a source for function code."))?;
        if self.read(&name, |_| Ok(())).is_ok() {
            return Err(refusals::conflict(format!("Function already exist: {name}")));
        }
        let code = self.unpack(zip).await?;
        let mut function = Function {
            name: name.clone(),
            latest: fresh(settings, code, cloud.now_ms()),
            versions: Vec::new(),
            published: 0,
            aliases: BTreeMap::new(),
            policies: BTreeMap::new(),
            tags: input.texts("Tags")?.unwrap_or_default(),
            reserved: None,
            recursion: "Terminate".to_owned(),
        };
        if input.flag("Publish")?.unwrap_or_default() {
            publish(&mut function, None);
        }
        let shown = latest_or_published(&function);
        self.insert(function)?;
        Ok(RestAnswer::json(201, &shown))
    }

    pub(super) fn get_function(&self, asked: &str, query: &Query) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        self.read(&name, |function| {
            let version = function.resolve(qualifier.as_deref())?;
            let mut shown = json!({ "Configuration": function.shown(version, qualifier.as_deref()), "Code": {} });
            if let Some(members) = shown.as_object_mut() {
                if !function.tags.is_empty() {
                    members.insert("Tags".into(), json!(function.tags));
                }
                if let Some(reserved) = function.reserved {
                    members.insert("Concurrency".into(), json!({ "ReservedConcurrentExecutions": reserved }));
                }
            }
            Ok(RestAnswer::json(200, &shown))
        })
    }

    pub(super) fn get_configuration(&self, asked: &str, query: &Query) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        self.read(&name, |function| {
            let version = function.resolve(qualifier.as_deref())?;
            Ok(RestAnswer::json(200, &function.shown(version, qualifier.as_deref())))
        })
    }

    pub(super) fn list_functions(&self, query: &Query) -> Answered {
        let functions = self.all();
        let all = query.get("FunctionVersion") == Some("ALL");
        let shown = functions.iter().flat_map(|function| {
            let versions = function.versions.iter().filter(move |_| all);
            std::iter::once(&function.latest)
                .chain(versions)
                .map(move |version| function.shown(version, all.then(|| version.label()).as_deref()))
        });
        paging::page("Functions", shown.collect(), query)
    }

    pub(super) fn update_configuration(&self, cloud: &Arc<Cloud>, asked: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(MEMBERS)?;
        if let Some(role) = input.text("Role")? {
            check_role(cloud, role)?;
        }
        let (shown, before) = self.edit(&name, |function| {
            input.check_revision(&function.latest.revision)?;
            let before = function.latest.clone();
            let mut settings = before.settings.clone();
            settings.update(&input)?;
            function.latest = fresh(settings, before.code.clone(), cloud.now_ms());
            Ok((function.shown(&function.latest, None), before.revision))
        })?;
        self.retire(&before);
        Ok(RestAnswer::json(200, &shown))
    }

    pub(super) async fn update_code(&self, cloud: &Cloud, asked: &str, body: Bytes) -> Answered {
        let (name, _) = parse_name(asked)?;
        let (input, zip) = self.read_code(body).await?;
        input.only(&["ZipFile", "Publish", "DryRun", "RevisionId", "Architectures", "FunctionName"])?;
        let zip = zip.ok_or_else(|| refusals::invalid("Please provide a source for function code."))?;
        let publishing = input.flag("Publish")?.unwrap_or_default();
        let architectures = architectures(&input)?;
        self.read(&name, |function| input.check_revision(&function.latest.revision))?;
        let (code, now_ms) = (self.unpack(zip).await?, cloud.now_ms());
        let change = |function: &mut Function| {
            input.check_revision(&function.latest.revision)?;
            let before = function.latest.revision.clone();
            let mut settings = function.latest.settings.clone();
            settings.architectures = architectures.clone().unwrap_or(settings.architectures);
            function.latest = fresh(settings, code.clone(), now_ms);
            if publishing {
                publish(function, None);
            }
            let shown = if publishing { latest_or_published(function) } else { function.shown(&function.latest, None) };
            Ok((shown, before))
        };
        if input.flag("DryRun")?.unwrap_or_default() {
            let shown = self.read(&name, |function| change(&mut function.clone()).map(|(shown, _)| shown))?;
            return Ok(RestAnswer::json(200, &shown));
        }
        let (shown, before) = self.edit(&name, change)?;
        self.retire(&before);
        self.sweep_code();
        Ok(RestAnswer::json(200, &shown))
    }

    pub(super) fn delete_function(&self, asked: &str, query: &Query) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        let gone = match qualifier {
            None => self.remove(&name)?,
            Some(label) => self.edit(&name, |function| {
                if label == LATEST || function.aliases.values().any(|alias| alias.version == label) {
                    return Err(refusals::conflict(format!("{name}:{label} is in use: $LATEST, or an alias names it")));
                }
                let at = function.versions.iter().position(|version| version.label() == label);
                let at = at.ok_or_else(|| invoke::no_function(&name, Some(&label)))?;
                function.policies.remove(&label);
                Ok(vec![function.versions.remove(at).revision])
            })?,
        };
        gone.iter().for_each(|revision| self.retire(revision));
        self.sweep_code();
        Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() })
    }

    /// Reads a call that carries code, away from the threads that serve (in process there are none, and small zips).
    async fn read_code(&self, body: Bytes) -> Result<(Input, Option<Vec<u8>>), Refusal> {
        let read = move || {
            let (input, zip) = code::parse(&body)?;
            code::here_only(&input)?;
            Ok((input, zip))
        };
        if self.codes().is_none() {
            return read();
        }
        tokio::task::spawn_blocking(read).await.map_err(|error| refusals::broken(error.to_string()))?
    }

    async fn unpack(&self, zip: Vec<u8>) -> Result<Code, Refusal> {
        let Some(codes) = self.codes() else { return code::identify(&zip) };
        let unpacked = tokio::task::spawn_blocking(move || code::unpack(&codes, &zip)).await;
        unpacked.map_err(|error| refusals::broken(error.to_string()))?
    }
}

/// The query of a call.
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The function and qualifier of a call: the qualifier may stand in the name or in the query.
pub(super) fn named(asked: &str, query: &Query) -> Result<(String, Option<String>), Refusal> {
    let (name, within) = parse_name(asked)?;
    match (within, query.get("Qualifier")) {
        (Some(one), Some(other)) if one != other => Err(refusals::invalid(
            "The derived qualifier from the function name does not match the specified qualifier.",
        )),
        (one, other) => Ok((name, one.or_else(|| other.map(str::to_owned)))),
    }
}

/// A newest state that nothing has seen yet.
fn fresh(settings: Settings, code: Code, now_ms: i64) -> Version {
    Version { number: None, settings, code, modified: now_ms, revision: crate::random::uuid() }
}

/// Makes the newest state a version, unless the last version is the same (A23).
pub(super) fn publish(function: &mut Function, description: Option<&str>) -> Version {
    if let Some(last) = function.versions.last().filter(|last| last.number == Some(function.published)) {
        let mut same = function.latest.clone();
        same.settings.description.clone_from(&last.settings.description);
        if last.same(&same) {
            return last.clone();
        }
    }
    function.published += 1;
    let mut version = function.latest.clone();
    version.number = Some(function.published);
    version.revision = crate::random::uuid();
    if let Some(description) = description {
        version.settings.description = description.to_owned();
    }
    function.versions.push(version.clone());
    version
}

/// What a call that may have published answers.
fn latest_or_published(function: &Function) -> Value {
    match function.versions.last() {
        Some(version) => function.shown(version, Some(&version.label())),
        None => function.shown(&function.latest, None),
    }
}

fn architectures(input: &Input) -> Result<Option<Vec<String>>, Refusal> {
    let Some(asked) = input.list("Architectures")? else { return Ok(None) };
    match asked.as_slice() {
        [one] if one == "x86_64" || one == "arm64" => Ok(Some(asked)),
        _ => Err(refusals::invalid("Architectures must be one of x86_64 and arm64")),
    }
}

/// A role that is not there cannot be assumed: the words that callers wait on (A2).
fn check_role(cloud: &Cloud, role: &str) -> Result<(), Refusal> {
    if cloud.iam.has_role(role) {
        return Ok(());
    }
    Err(refusals::invalid("The role defined for the function cannot be assumed by Lambda."))
}

/// The ARN of a function that must exist.
pub(super) fn existing(lambda: &Lambda, name: &str, qualifier: Option<&str>) -> Result<String, Refusal> {
    lambda.read(name, |function| function.resolve(qualifier).map(|_| arn(name, qualifier)))
}
