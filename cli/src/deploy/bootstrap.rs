//! An administrator's once: the deployer's policy and the permissions boundary of the stage's roles (A35), a stack of
//! `templates/deployer.yaml`, made or changed by a change set that is shown first. Must not know a terminal.

use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, Parameter, Replacement, Stack, Tag,
};

use chat_aws::routes::Function;

use super::{Confirm, Deploying, telling};
use crate::aws::{CallError, call, if_there};
use crate::event::{Act, Event, PlannedStep};
use crate::failure::{Exit, Failure};
use crate::stack::{Before, Standing, begin_deletion, was_never_made};

mod wait;

const SERVICE: &str = "CloudFormation";
const TEMPLATE: &str = include_str!("../../../templates/deployer.yaml");
const STACK: &str = "stack/bootstrap";

/// What a `bootstrap` ended with; its events were told already, `Bootstrapped` as the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapOutcome {
    /// The deployer's policy.
    pub policy: String,
    /// The roles' boundary.
    pub boundary: String,
    /// Whether anything had to be done.
    pub changed: bool,
}

/// Applies the template: looks, shows what would change, asks, does it and waits.
pub async fn bootstrap(cx: &Deploying, confirm: Confirm<'_>) -> Result<BootstrapOutcome, Failure> {
    try_bootstrap(cx, confirm).await.map_err(|failure| cx.goes_on(failure))
}

async fn try_bootstrap(cx: &Deploying, confirm: Confirm<'_>) -> Result<BootstrapOutcome, Failure> {
    let bootstrap = Bootstrap { cx, name: cx.stage.names().stack("bootstrap") };
    let there = bootstrap.ready(confirm).await?;
    let changed = bootstrap.change(there.as_ref(), confirm).await?;
    let outcome = bootstrap.outcome(changed.is_some(), changed.or(there).as_ref())?;
    (cx.tell)(Event::Bootstrapped {
        stage: cx.stage.name.clone(),
        policy: outcome.policy.clone(),
        boundary: outcome.boundary.clone(),
        changed: outcome.changed,
    });
    Ok(outcome)
}

struct Bootstrap<'a> {
    cx: &'a Deploying,
    name: String,
}

impl Bootstrap<'_> {
    /// A stack that can be updated, or none: whatever state it is in, its way out is gone (A16, A30).
    async fn ready(&self, confirm: Confirm<'_>) -> Result<Option<Stack>, Failure> {
        let Some(stack) = self.idle().await? else { return Ok(None) };
        self.check(&stack)?;
        let status = status(&stack);
        if status == "UPDATE_ROLLBACK_FAILED" {
            return self.continue_rollback(&stack).await.map(Some);
        }
        if Standing::of(&status) == Standing::Whole {
            return Ok(Some(stack));
        }
        // In review there never was more than a change set: nothing is lost, and nobody needs to be asked.
        if status != "REVIEW_IN_PROGRESS" {
            confirm(&format!("stack {} is {status} and can only be deleted: delete it and make it again?", self.name))?;
        }
        let before = Before::of(&stack);
        begin_deletion(&self.cx.aws, &self.name).await?;
        match self.ended(|found| found.is_some_and(|stack| before.may_be(stack))).await? {
            None => Ok(None),
            Some(left) => Err(self.failed(&left, "its deletion left").await?),
        }
    }

    /// A stack of another's is never touched (A12).
    fn check(&self, stack: &Stack) -> Result<(), Failure> {
        let wanted = self.cx.stage.names().tags();
        let ours = wanted.iter().all(|(key, value)| {
            stack.tags().iter().any(|tag| tag.key() == Some(key.as_str()) && tag.value() == Some(value.as_str()))
        });
        if ours || was_never_made(stack) {
            return Ok(());
        }
        let tags: Vec<String> = wanted.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Err(Failure::failed(format!("stack {} is there already and is not this stage's", self.name))
            .why(format!("it has not the tags {}", tags.join(" and ")))
            .next("choose another project or stage name, or remove that stack yourself"))
    }

    /// Puts back what could not be put back before; what stands in the way has to be mended first (A30).
    async fn continue_rollback(&self, stack: &Stack) -> Result<Stack, Failure> {
        let before = Before::of(stack);
        let request = self.cx.aws.cloudformation.continue_update_rollback().stack_name(&self.name);
        request.send().await.map_err(call(SERVICE, "ContinueUpdateRollback", &self.name))?;
        match self.ended(|found| found.is_some_and(|stack| before.may_be(stack))).await? {
            Some(stack) if Standing::of(&status(&stack)) == Standing::Whole => Ok(stack),
            Some(stack) => {
                let skip = format!(
                    "aws cloudformation continue-update-rollback --stack-name {} --resources-to-skip NAME",
                    self.name
                );
                Ok(Err(self.failed(&stack, "its rollback was continued and stopped again at").await?.next(skip))?)
            }
            None => Err(Failure::failed(format!("stack {} is gone while its rollback was continued", self.name))
                .next(self.cx.command.clone())),
        }
    }

    /// Makes a change set, shows it, asks, and executes it: the stack as it then is, or none where there is nothing to
    /// change.
    async fn change(&self, there: Option<&Stack>, confirm: Confirm<'_>) -> Result<Option<Stack>, Failure> {
        let set = format!("chatctl-{}", self.cx.now_ms());
        self.create_change_set(&set, there.is_some()).await?;
        let Some(steps) = self.changes(&set).await? else {
            self.drop_change_set(&set, there.is_some()).await?;
            return Ok(None);
        };
        let count = steps.len();
        (self.cx.tell)(Event::Forecast { place: telling::place(self.cx), steps });
        let question = format!(
            "change {count} resources of stack {} in account {}, {}?",
            self.name, self.cx.aws.account, self.cx.aws.region
        );
        if let Err(refused) = confirm(&question) {
            self.drop_change_set(&set, there.is_some()).await?;
            return Err(refused);
        }
        let before = there.map_or_else(Before::in_review, Before::of);
        let request = self.cx.aws.cloudformation.execute_change_set().stack_name(&self.name).change_set_name(&set);
        request.send().await.map_err(call(SERVICE, "ExecuteChangeSet", &self.name))?;
        let early = |found: Option<&Stack>| found.map_or(before.is_recent(), |stack| before.may_be(stack));
        match self.ended(early).await? {
            // No success that was there before, and nothing to read the reason of.
            Some(stack) if before.is(&stack) => {
                Err(Failure::failed(format!("stack {} is still {}", self.name, status(&stack)))
                    .why("its change set was executed, and CloudFormation shows nothing of that")
                    .next(self.cx.command.clone()))
            }
            Some(stack) if matches!(status(&stack).as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE") => Ok(Some(stack)),
            Some(stack) => Err(self.failed(&stack, "it failed at").await?),
            None => {
                Err(Failure::failed(format!("stack {} is gone while it was made", self.name))
                    .next(self.cx.command.clone()))
            }
        }
    }

    async fn create_change_set(&self, set: &str, there: bool) -> Result<(), Failure> {
        let stage = &self.cx.stage;
        let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
        let (project, name) = (parameter("Project", &stage.project), parameter("Stage", &stage.name));
        let role = |function: Function| parameter(&role_of(function), &stage.names().role(function.name()));
        let parameters = [project, name].into_iter().chain(Function::ALL.map(role)).collect();
        let tags = stage.names().tags();
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let request = self.cx.aws.cloudformation.create_change_set().stack_name(&self.name).change_set_name(set);
        let request = request
            .change_set_type(if there { ChangeSetType::Update } else { ChangeSetType::Create })
            .template_body(TEMPLATE)
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityNamedIam)
            .set_tags(Some(tags));
        request.send().await.map_err(call(SERVICE, "CreateChangeSet", &self.name))?;
        Ok(())
    }

    /// What the change set would do; `None` where that is nothing.
    async fn changes(&self, set: &str) -> Result<Option<Vec<PlannedStep>>, Failure> {
        let look = async || {
            let request = self.cx.aws.cloudformation.describe_change_set().stack_name(&self.name).change_set_name(set);
            let described = request.send().await.map_err(call(SERVICE, "DescribeChangeSet", set))?;
            let pending =
                matches!(described.status(), Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress));
            Ok((!pending).then_some(described))
        };
        let described = self.wait("the change set to be made", look).await?;
        if described.status() == Some(&ChangeSetStatus::Failed) {
            let why = described.status_reason().unwrap_or("no reason given").to_owned();
            // AWS says either, and no code tells it apart (A16).
            if why.contains("didn't contain changes") || why.contains("No updates are to be performed") {
                return Ok(None);
            }
            return Err(Failure::failed(format!("cannot make a change set of stack {}", self.name))
                .why(why)
                .next(self.cx.command.clone()));
        }
        Ok(Some(described.changes().iter().filter_map(|change| step(change.resource_change()?)).collect()))
    }

    /// Leaves nothing behind: without the change set a stack in review is nothing.
    async fn drop_change_set(&self, set: &str, there: bool) -> Result<(), CallError> {
        let cloudformation = &self.cx.aws.cloudformation;
        let answer = cloudformation.delete_change_set().stack_name(&self.name).change_set_name(set).send().await;
        if_there(answer.map_err(call(SERVICE, "DeleteChangeSet", set)))?;
        if !there {
            begin_deletion(&self.cx.aws, &self.name).await?;
        }
        Ok(())
    }

    /// The stack when nothing is being done to it; it is never raced (A16).
    async fn idle(&self) -> Result<Option<Stack>, Failure> {
        self.ended(|_| false).await
    }

    /// The same after a call: what may be a look that came too early is not believed (A21).
    async fn ended(&self, early: impl Fn(Option<&Stack>) -> bool) -> Result<Option<Stack>, Failure> {
        let look = async || {
            let found = self.find().await?;
            let busy = found.as_ref().is_some_and(|stack| Standing::of(&status(stack)) == Standing::Busy);
            Ok((!busy && !early(found.as_ref())).then_some(found))
        };
        self.wait("CloudFormation to end what it does to the stack", look).await
    }

    async fn find(&self) -> Result<Option<Stack>, CallError> {
        let answer = self.cx.aws.cloudformation.describe_stacks().stack_name(&self.name).send().await;
        let found = if_there(answer.map_err(call(SERVICE, "DescribeStacks", &self.name)))?;
        let mut stacks = found.and_then(|answer| answer.stacks).unwrap_or_default().into_iter();
        Ok(stacks.find(|stack| Standing::of(&status(stack)) != Standing::Gone))
    }

    /// What failed, in the words of the events: the resource and the service's own reason.
    async fn failed(&self, stack: &Stack, how: &str) -> Result<Failure, CallError> {
        let answer = self.cx.aws.cloudformation.describe_stack_events().stack_name(&self.name).send().await;
        let events = answer.map_err(call(SERVICE, "DescribeStackEvents", &self.name))?.stack_events.unwrap_or_default();
        let failures = events.iter().filter(|event| {
            event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"))
                && event.physical_resource_id() != event.stack_id()
        });
        let newest = failures.take(wait::REASONS_SHOWN).map(|event| {
            let reason = event.resource_status_reason().unwrap_or("no reason given");
            format!("{}: {reason}", event.logical_resource_id().unwrap_or_default())
        });
        let newest: Vec<String> = newest.collect();
        let denied = newest.iter().any(|reason| reason.contains("AccessDenied") || reason.contains("not authorized"));
        let exit = if denied { Exit::Denied } else { Exit::Failed };
        Ok(Failure::new(exit, format!("stack {} is {}", self.name, status(stack)))
            .why(format!("{how} {}", newest.join("; ")))
            .next(self.cx.command.clone()))
    }

    fn outcome(&self, changed: bool, stack: Option<&Stack>) -> Result<BootstrapOutcome, Failure> {
        let output = |key: &str| {
            let outputs = stack.map(Stack::outputs).unwrap_or_default();
            outputs.iter().find(|output| output.output_key() == Some(key))?.output_value().map(str::to_owned)
        };
        match (output("Policy"), output("Boundary")) {
            (Some(policy), Some(boundary)) => Ok(BootstrapOutcome { policy, boundary, changed }),
            _ => Err(Failure::failed(format!("stack {} has not the outputs of its template", self.name))
                .next(self.cx.command.clone())),
        }
    }
}

fn status(stack: &Stack) -> String {
    stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default()
}

/// A change set's change as a step of a plan: `policy/Deployer`.
fn step(change: &aws_sdk_cloudformation::types::ResourceChange) -> Option<PlannedStep> {
    let act = match (change.action()?, change.replacement()) {
        (ChangeAction::Add, _) => Act::Create,
        (ChangeAction::Remove, _) => Act::Delete,
        (_, Some(Replacement::True | Replacement::Conditional)) => Act::Replace,
        _ => Act::Update,
    };
    let kind = change.resource_type().and_then(|kind| kind.rsplit("::").next()).unwrap_or("resource");
    let kind = if kind == "ManagedPolicy" { "policy" } else { kind };
    let id = format!("{kind}/{}", change.logical_resource_id().unwrap_or_default());
    Some(PlannedStep { id, change: act, fields: Vec::new(), needs: Vec::new(), why: None, costs: None, drifted: false })
}

/// The template's parameter for the name of a function's role: `StoreMessageRole`.
fn role_of(function: Function) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    function.name().split('-').map(word).chain(["Role".to_owned()]).collect()
}
