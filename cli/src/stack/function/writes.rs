//! How a function is made and changed: one writer (A6), each write waited for, the version published and
//! the alias moved last. It must not know why it changes.

use std::time::Duration;

use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LastUpdateStatus, RecursiveLoop, Runtime, State};
use aws_smithy_types::Blob;
use reconcile::{Change, Fault, Visit};

use super::{
    Configuration, Function, LIVE, LOOPS, NO_STOP, Result, SERVICE, VARIABLE, configuration, get, goes_without, version,
};
use crate::aws::{CallError, call, if_there};
use crate::stack::ground::too_early;

/// What Lambda says while a new role has not reached it yet (A2); the last one where it encrypts the environment for it.
const NOT_YET: [&str; 4] = [
    "cannot be assumed",
    "does not have permissions to call",
    "ensure the role can perform",
    "KMS key is invalid for CreateGrant",
];
/// From so often, doubling, for so long.
const ROLE_FIRST: Duration = Duration::from_millis(250);
const ROLE_BELIEVED: Duration = Duration::from_secs(120);
/// How long one change of a function may take.
const CHANGED: Duration = Duration::from_secs(120);

/// Whether an answer means that a new role is not believed yet, and nothing else.
pub(in crate::stack) fn is_new_role(error: &CallError) -> bool {
    error.is("InvalidParameterValueException") && NOT_YET.iter().any(|words| error.message.contains(words))
}

/// A function just made.
struct Made {
    version: String,
    at_rest: bool,
}

impl Function {
    /// Makes it with its first version; one of ours that is there is adopted and put right (A12).
    pub(super) async fn create(&self, visit: &Visit) -> Result<()> {
        let look = || self.try_create(visit);
        let made = visit.settle_from("Lambda to accept the new role", ROLE_FIRST, ROLE_BELIEVED, look).await?;
        let Some(made) = made else {
            let found = || async { Ok(get(&self.ground, &self.name(), None).await?) };
            self.check(&visit.settle("the function to be found", CHANGED, found).await?)?;
            return self.update(&Change::Create, visit).await;
        };
        self.allow_loops(visit).await?;
        self.first_alias(&made.version, visit).await?;
        version::note(visit, &made.version, self.package()?.sha256_base64());
        if made.at_rest { Ok(()) } else { self.at_rest(visit).await.map(drop) }
    }

    /// `Some(None)` where one of its name is there.
    async fn try_create(&self, visit: &Visit) -> Result<Option<Option<Made>>> {
        // Read for each try: a copy to keep would cost more than reading it again once in a while.
        let (name, zip) = (self.name(), self.zip().await?);
        let (package, role) = (self.package()?, self.part.name());
        let tags = Some(self.ground.owner.map());
        let request = self.ground.aws.lambda.create_function().function_name(&name).set_tags(tags).publish(true);
        let request = request
            .code(FunctionCode::builder().zip_file(zip).build())
            .architectures(Architecture::from(package.architecture()))
            .runtime(Runtime::from("provided.al2023"))
            .handler("bootstrap")
            .role(self.ground.role_arn(role))
            .timeout(self.timeout())
            .memory_size(self.memory())
            .environment(self.resolved(visit)?);
        match request.send().await.map_err(call(SERVICE, "CreateFunction", &name)) {
            Ok(made) => {
                let at_rest = is_at_rest(made.state(), made.last_update_status());
                Ok(Some(Some(Made { version: made.version.unwrap_or_default(), at_rest })))
            }
            Err(error) if error.is_taken() => Ok(Some(None)),
            Err(error) => {
                let passing = is_new_role(&error);
                Err(Fault::from(error).passing(passing))
            }
        }
    }

    /// Brings what will be published to what is wanted, publishes it, moves the alias.
    pub(super) async fn update(&self, change: &Change, visit: &Visit) -> Result<()> {
        if change.touches(LOOPS) || *change == Change::Create {
            self.allow_loops(visit).await?;
        }
        if !change.fields().is_empty() && change.fields().iter().all(|field| field.name == LOOPS) {
            return Ok(());
        }
        let touches_code = change.touches("code") || change.touches("architecture");
        let touches_settings = change
            .fields()
            .iter()
            .any(|field| field.name.starts_with(VARIABLE) || ["role", "timeout", "memory"].contains(&&*field.name));
        // Code alone is published in the call that brings it: one call less where most changes are.
        let mut latest = match touches_code {
            true => self.put_code(!touches_settings, visit).await?,
            false if touches_settings => self.put_settings(visit).await?,
            false => self.at_rest(visit).await?,
        };
        // What a crash or a person left in the unpublished version is put right before it is published.
        if self.differs_in(&latest, visit, true) {
            latest = self.put_code(false, visit).await?;
        }
        if self.differs_in(&latest, visit, false) {
            latest = self.put_settings(visit).await?;
        }
        if latest.version.parse::<u64>().is_err() {
            latest.version = self.publish(&latest.sha256, visit).await?;
        }
        self.move_alias(&latest.version, visit).await?;
        version::note(visit, &latest.version, &latest.sha256);
        Ok(())
    }

    /// Whether the code (else the settings) of a version is not as wanted.
    fn differs_in(&self, seen: &Configuration, visit: &Visit, code: bool) -> bool {
        let of_code = |name: &str| matches!(name, "code" | "architecture");
        self.differences(seen, visit).iter().any(|field| of_code(&field.name) == code)
    }

    async fn put_code(&self, publish: bool, visit: &Visit) -> Result<Configuration> {
        let (name, package) = (self.name(), self.package()?);
        let put = || async {
            let zip = self.zip().await?;
            let request = self.ground.aws.lambda.update_function_code().function_name(&name).publish(publish);
            let request = request.zip_file(zip).architectures(Architecture::from(package.architecture()));
            let answer = request.send().await.map_err(call(SERVICE, "UpdateFunctionCode", &name)).map_err(busy)?;
            Ok(Some((configuration!(answer), is_at_rest(answer.state(), answer.last_update_status()))))
        };
        let (put, at_rest) = visit.settle("the function's last change to end", CHANGED, put).await?;
        if at_rest {
            return Ok(put);
        }
        let version = put.version;
        // The published version is what the alias will get; the wait is the function's.
        Ok(Configuration { version: if publish { version } else { String::new() }, ..self.at_rest(visit).await? })
    }

    async fn put_settings(&self, visit: &Visit) -> Result<Configuration> {
        let (name, environment) = (self.name(), self.resolved(visit)?);
        let put = || async {
            let request = self.ground.aws.lambda.update_function_configuration().function_name(&name);
            let request = request
                .role(self.ground.role_arn(self.part.name()))
                .timeout(self.timeout())
                .memory_size(self.memory())
                .environment(environment.clone());
            match request.send().await.map_err(call(SERVICE, "UpdateFunctionConfiguration", &name)) {
                Ok(answer) => {
                    Ok(Some((configuration!(answer), is_at_rest(answer.state(), answer.last_update_status()))))
                }
                Err(error) if is_new_role(&error) => Err(Fault::from(error).passing(true)),
                Err(error) => Err(busy(error)),
            }
        };
        let (put, at_rest) = visit.settle_from("the function's last change to end", ROLE_FIRST, CHANGED, put).await?;
        if at_rest { Ok(put) } else { self.at_rest(visit).await }
    }

    /// The unpublished version, once no change of the function goes on; one that failed says why (A6).
    async fn at_rest(&self, visit: &Visit) -> Result<Configuration> {
        let name = self.name();
        let look = || async {
            let answer = self.ground.aws.lambda.get_function_configuration().function_name(&name).send().await;
            let Some(seen) = if_there(answer.map_err(call(SERVICE, "GetFunctionConfiguration", &name)))? else {
                return Ok(None);
            };
            if seen.last_update_status() == Some(&LastUpdateStatus::Failed) {
                return Err(failed(&name, seen.last_update_status_reason()));
            }
            if seen.state() == Some(&State::Failed) {
                return Err(failed(&name, seen.state_reason()));
            }
            Ok(is_at_rest(seen.state(), seen.last_update_status()).then(|| configuration!(seen)))
        };
        visit.settle("the function to be ready", CHANGED, look).await
    }

    /// The same code and settings again publish nothing new (A23).
    async fn publish(&self, sha256: &str, visit: &Visit) -> Result<String> {
        let name = self.name();
        let publish = || async {
            let request = self.ground.aws.lambda.publish_version().function_name(&name).code_sha256(sha256);
            let answer = request.send().await.map_err(call(SERVICE, "PublishVersion", &name)).map_err(busy)?;
            Ok(answer.version)
        };
        visit.settle("the function's last change to end", CHANGED, publish).await
    }

    pub(super) async fn move_alias(&self, version: &str, visit: &Visit) -> Result<()> {
        let moved = || async {
            match self.update_alias(version).await? {
                Some(()) => Ok(Some(())),
                None => self.create_alias(version).await,
            }
        };
        visit.settle("the new version to be found", CHANGED, moved).await
    }

    async fn first_alias(&self, version: &str, visit: &Visit) -> Result<()> {
        let made = || async {
            match self.create_alias(version).await {
                Err(fault) if fault.is_passing() => self.update_alias(version).await,
                made => made,
            }
        };
        visit.settle("the new version to be found", CHANGED, made).await
    }

    /// `None` without an alias, or while the version is not found yet (A21).
    async fn update_alias(&self, version: &str) -> Result<Option<()>> {
        let name = self.name();
        let request = self.ground.aws.lambda.update_alias().function_name(&name).name(LIVE).function_version(version);
        Ok(if_there(request.send().await.map_err(call(SERVICE, "UpdateAlias", &name)))?.map(drop))
    }

    async fn create_alias(&self, version: &str) -> Result<Option<()>> {
        let name = self.name();
        let request = self.ground.aws.lambda.create_alias().function_name(&name).name(LIVE).function_version(version);
        let answer = request.send().await.map_err(call(SERVICE, "CreateAlias", &name));
        answer.map(|_| Some(())).map_err(too_early)
    }

    /// Lets the one function that makes loops on purpose make them (A25).
    async fn allow_loops(&self, visit: &Visit) -> Result<()> {
        if !self.may_loop() {
            return Ok(());
        }
        let name = self.name();
        let allow = || async {
            let request = self.ground.aws.lambda.put_function_recursion_config().function_name(&name);
            let answer = request.recursive_loop(RecursiveLoop::Allow).send().await;
            match answer.map_err(call(SERVICE, "PutFunctionRecursionConfig", &name)) {
                Ok(_) => Ok(Some(())),
                Err(error) if error.is_not_offered() => {
                    goes_without(visit, &error, NO_STOP);
                    Ok(Some(()))
                }
                Err(error) => Err(too_early(error)),
            }
        };
        visit.settle("the function to be found and at rest", CHANGED, allow).await
    }

    fn resolved(&self, visit: &Visit) -> Result<Environment> {
        let mut environment = Environment::builder();
        for (name, value) in &self.environment {
            environment = environment.variables(*name, value.get(visit)?);
        }
        Ok(environment.build())
    }

    fn package(&self) -> Result<&super::Package> {
        self.package.as_ref().ok_or_else(|| Fault::new(format!("the function {} was not built", self.part.name())))
    }

    async fn zip(&self) -> Result<Blob> {
        Ok(Blob::new(self.package()?.zip().await.map_err(Fault::new)?))
    }
}

fn is_at_rest(state: Option<&State>, last_update: Option<&LastUpdateStatus>) -> bool {
    !matches!(state, Some(State::Pending)) && !matches!(last_update, Some(LastUpdateStatus::InProgress))
}

/// A change that goes on ends by itself.
fn busy(error: CallError) -> Fault {
    let passing = error.is_taken();
    Fault::from(error).passing(passing)
}

fn failed(name: &str, reason: Option<&str>) -> Fault {
    Fault::new(format!("the last change of {name} failed: {}", reason.unwrap_or("Lambda gives no reason")))
}
