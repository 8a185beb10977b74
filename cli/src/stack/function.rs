//! A function behind its alias `live`. What stands behind the alias is what counts: it is compared with
//! what is wanted, and moved last. It must not know what the function does.

mod kept;
mod version;
mod writes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_lambda::{operation::get_function::GetFunctionOutput, types::RecursiveLoop};
use chat_aws::routes::Function as Part;
use reconcile::{Change, Fault, Field, Id, Resource, Visit};

use super::{
    Package,
    ground::{Ground, Result, goes_without},
    mapping,
    settings::{Environment, Value},
};
use crate::aws::{CallError, call, if_there};

/// The alias that everything calls.
pub const LIVE: &str = "live";

const SERVICE: &str = "Lambda";
/// What the fields of the environment begin with.
pub(super) const VARIABLE: &str = "variable ";
/// How long a change of a function may keep it from being deleted (A22).
const AT_REST: Duration = Duration::from_secs(120);

/// The id of a function.
pub fn id(function: &str) -> Id {
    Id::new("function", function)
}

pub(super) struct Function {
    pub(super) ground: Arc<Ground>,
    pub(super) part: Part,
    /// `None` where nothing was built: then its code is as wanted.
    pub(super) package: Option<Package>,
    pub(super) environment: Environment,
    pub(super) needs: Vec<Id>,
    /// How much of it is to be made so.
    pub(super) aim: Aim,
}

/// What is seen of a function.
pub(super) struct Seen {
    /// What stands behind the alias.
    live: Option<Configuration>,
    /// What happens to a loop through it (A25); `None` where nobody asks, or nobody answers.
    loops: Option<RecursiveLoop>,
}

/// The settings of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Configuration {
    version: String,
    sha256: String,
    role: String,
    timeout: i32,
    memory: i32,
    architecture: String,
    environment: BTreeMap<String, String>,
}

/// The SDK has six types for one thing.
macro_rules! configuration {
    ($answer:expr) => {{
        let answer = &$answer;
        let variables = answer.environment().and_then(|environment| environment.variables());
        $crate::stack::function::Configuration {
            version: answer.version().unwrap_or_default().to_owned(),
            sha256: answer.code_sha256().unwrap_or_default().to_owned(),
            role: answer.role().unwrap_or_default().to_owned(),
            timeout: answer.timeout().unwrap_or_default(),
            memory: answer.memory_size().unwrap_or_default(),
            architecture: answer.architectures().first().map_or("x86_64", |a| a.as_str()).to_owned(),
            environment: variables.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        }
    }};
}
use configuration;
pub use kept::prune;
pub(super) use version::Aim;
pub use version::{KEPT_VERSIONS, Version, Versions, versions};
pub(super) use writes::is_new_role;

/// The names of functions with our prefix.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeSet<String>, CallError> {
    let prefix = ground.prefix();
    let mut pages = ground.aws.lambda.list_functions().into_paginator().send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let functions = page.map_err(call(SERVICE, "ListFunctions", &prefix))?.functions.unwrap_or_default();
        names.extend(functions.into_iter().filter_map(|f| f.function_name).filter(|name| name.starts_with(&prefix)));
    }
    Ok(names)
}

/// Whether the function carries our tags.
pub(super) async fn is_ours(ground: &Ground, name: &str) -> Result<bool> {
    let function = get(ground, name, None).await?;
    Ok(function.is_some_and(|function| ground.owner.owns(pairs(&function))))
}

async fn get(
    ground: &Ground,
    name: &str,
    qualifier: Option<&str>,
) -> std::result::Result<Option<GetFunctionOutput>, CallError> {
    let request = ground.aws.lambda.get_function().function_name(name).set_qualifier(qualifier.map(str::to_owned));
    if_there(request.send().await.map_err(call(SERVICE, "GetFunction", name)))
}

fn pairs(function: &GetFunctionOutput) -> impl Iterator<Item = (&str, &str)> {
    function.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The fields that a deploy of code alone sets.
pub const CODE_FIELDS: [&str; 2] = ["code", "architecture"];

impl Resource for Function {
    type Seen = Seen;

    fn id(&self) -> Id {
        id(self.part.name())
    }

    fn needs(&self) -> Vec<Id> {
        self.needs.clone()
    }

    fn takes(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn wants(&self, visit: &Visit) -> Vec<(String, String)> {
        let mut wants = vec![
            ("alias".to_owned(), LIVE.to_owned()),
            ("role".to_owned(), self.ground.role_arn(self.part.name())),
            ("timeout".to_owned(), format!("{} s", self.timeout())),
            ("memory".to_owned(), format!("{} MB", self.memory())),
        ];
        if self.may_loop() {
            wants.push((LOOPS.to_owned(), RecursiveLoop::Allow.as_str().to_owned()));
        }
        if let Some(package) = &self.package {
            wants.push((CODE_FIELDS[0].to_owned(), package.sha256_base64().to_owned()));
            wants.push((CODE_FIELDS[1].to_owned(), package.architecture().to_owned()));
        }
        let known = |(name, value): (&&str, &Value)| Some((format!("{VARIABLE}{name}"), value.known(visit)?));
        wants.extend(self.environment.iter().filter_map(known));
        wants
    }

    fn costs(&self, change: &Change) -> Option<String> {
        change.removes().then(|| "what it answers, until it is there again".to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let name = self.name();
        if visit.planning() && !self.ground.functions().await?.contains(&name) {
            return self.absent();
        }
        let (live, loops) = tokio::join!(get(&self.ground, &name, Some(LIVE)), self.loops(visit));
        let live = live?;
        // Without the alias, or where its answer has no tags, the function itself is asked.
        let whole = match &live {
            Some(live) if self.ground.owner.owns(pairs(live)) => None,
            _ => Some(get(&self.ground, &name, None).await?),
        };
        let tagged = match (&live, &whole) {
            (_, Some(Some(whole))) => whole,
            (Some(live), None) => live,
            _ => return self.absent(),
        };
        self.check(tagged)?;
        let live = live.as_ref().and_then(|live| live.configuration()).map(|live| configuration!(live));
        if let Some(live) = &live {
            version::note(visit, &live.version, &live.sha256);
        }
        self.check_aim(live.as_ref(), visit).await?;
        Ok(Some(Seen { live, loops: loops? }))
    }

    fn diff(&self, seen: Option<&Seen>, visit: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let mut fields = match &seen.live {
            None => vec![Field::new("alias", None, LIVE.to_owned())],
            Some(live) => self.differences(live, visit),
        };
        if let Some(loops) = seen.loops.as_ref().filter(|loops| self.may_loop() && **loops != RecursiveLoop::Allow) {
            fields.push(Field::new(LOOPS, loops.as_str().to_owned(), RecursiveLoop::Allow.as_str().to_owned()));
        }
        Change::update(fields)
    }

    async fn apply(&self, change: &Change, _: Option<Seen>, visit: &Visit) -> Result<()> {
        match (change, &self.aim) {
            (_, Aim::Version(version)) => self.go_back(version, visit).await,
            (Change::Create, _) => self.create(visit).await,
            _ => self.update(change, visit).await,
        }
    }

    async fn delete(&self, _: Seen, visit: &Visit) -> Result<()> {
        if matches!(self.part, Part::ForwardMessages | Part::NotifyClients) {
            mapping::delete_strays(&self.ground, &self.name(), visit).await?;
        }
        delete(&self.ground, &self.name(), visit).await
    }
}

/// Removes a function that no stack wants, whatever still calls it.
pub(super) async fn remove(ground: &Ground, name: &str, visit: &Visit) -> Result<()> {
    mapping::delete_strays(ground, name, visit).await?;
    delete(ground, name, visit).await
}

async fn delete(ground: &Ground, name: &str, visit: &Visit) -> Result<()> {
    let deleted = || async {
        let answer = ground.aws.lambda.delete_function().function_name(name).send().await;
        match answer.map_err(call(SERVICE, "DeleteFunction", name)) {
            Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
            answer => Ok(if_there(answer).map(|_| Some(()))?),
        }
    };
    visit.settle("the function to be at rest", AT_REST, deleted).await
}

impl Function {
    fn name(&self) -> String {
        self.ground.names.function(self.part.name())
    }

    fn check(&self, function: &GetFunctionOutput) -> Result<()> {
        self.ground.owner.check(format!("function {}", self.name()), pairs(function))
    }

    fn timeout(&self) -> i32 {
        i32::try_from(self.part.timeout().as_secs()).unwrap_or(i32::MAX)
    }

    fn memory(&self) -> i32 {
        i32::try_from(self.ground.memory.unwrap_or_else(|| self.part.memory_mb())).unwrap_or(i32::MAX)
    }

    /// What must change so that a version is as wanted.
    fn differences(&self, seen: &Configuration, visit: &Visit) -> Vec<Field> {
        let role = self.ground.role_arn(self.part.name());
        let mut fields = Vec::new();
        let mut compare = |name: &str, before: &str, after: &str| {
            if before != after {
                fields.push(Field::new(name, before.to_owned(), after.to_owned()));
            }
        };
        if let Aim::Version(version) = &self.aim {
            compare("version", &seen.version, &version.number);
            return fields;
        }
        if let Some(package) = &self.package {
            compare("code", &seen.sha256, package.sha256_base64());
            compare("architecture", &seen.architecture, package.architecture());
        }
        if self.aim == Aim::Code {
            return fields;
        }
        compare("role", &seen.role, &role);
        compare("timeout", &format!("{} s", seen.timeout), &format!("{} s", self.timeout()));
        compare("memory", &format!("{} MB", seen.memory), &format!("{} MB", self.memory()));
        fields.extend(self.variables(&seen.environment, visit));
        fields
    }

    fn variables(&self, seen: &BTreeMap<String, String>, visit: &Visit) -> Vec<Field> {
        let mut fields = Vec::new();
        for (name, value) in &self.environment {
            let (before, after) = (seen.get(*name).cloned(), value.known(visit));
            // What is made again under its name may be known before it is there: then nothing will differ.
            let stays = after.is_none() && before.is_some() && value.outlives_its_source();
            if !stays && (after.is_none() || before != after) {
                fields.push(Field::new(format!("{VARIABLE}{name}"), before, after));
            }
        }
        let gone = seen.iter().filter(|(name, _)| !self.environment.contains_key(name.as_str()));
        fields.extend(gone.map(|(name, value)| Field::new(format!("{VARIABLE}{name}"), value.clone(), None)));
        fields
    }

    /// Whether it puts work back on the queue that it is called by, with a bound of its own (A25), and that is to be seen to.
    fn may_loop(&self) -> bool {
        self.part == Part::NotifyClients && self.aim == Aim::Whole
    }

    /// What happens to a loop through it; asked only of the one that makes loops on purpose.
    async fn loops(&self, visit: &Visit) -> Result<Option<RecursiveLoop>> {
        if !self.may_loop() {
            return Ok(None);
        }
        let name = self.name();
        let answer = self.ground.aws.lambda.get_function_recursion_config().function_name(&name).send().await;
        match if_there(answer.map_err(call(SERVICE, "GetFunctionRecursionConfig", &name))) {
            Ok(answer) => Ok(answer.and_then(|answer| answer.recursive_loop)),
            Err(error) if error.is_not_offered() => {
                goes_without(visit, &error, NO_STOP);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a function goes without where loops cannot be allowed.
const NO_STOP: &str = "the setting that keeps its loops from being stopped";
/// The field that says what happens to a loop through the function.
const LOOPS: &str = "recursive loops";
#[cfg(test)]
#[path = "function_tests.rs"]
mod tests;
