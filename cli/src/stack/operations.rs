//! The operations stack: alarms and a dashboard, made by CloudFormation from `templates/operations.yaml`. It stands beside
//! the message's way, so an `up` starts it, does not wait for it and never fails for it: what fails is a warning.
//!
//! Its states (A16, A30) and the way out of each are in `standing.rs`. It holds no data: where nothing else helps it is
//! deleted and made again. It must not know what the alarms watch.

mod before;
mod standing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_cloudformation::types::{OnFailure, Parameter, ResourceStatus, Stack as Found, Tag};
use reconcile::{Change, Fault, Field, Id, Resource, Visit};

pub use before::Before;
pub use standing::{Standing, said};

use super::ground::{Ground, Result, goes_without};
use crate::aws::{Aws, CallError, call, if_there};

const SERVICE: &str = "CloudFormation";
const TEMPLATE: &str = include_str!("../../../templates/operations.yaml");
/// The tag that says which template a stack was made from.
const DIGEST: &str = "chatctl:template";
/// The parameter that is whoever's: what is set by hand stays.
const TOPIC: &str = "AlarmTopic";
/// How long a stack's operation is waited for by who certifies that it is gone.
const OPERATION: Duration = Duration::from_secs(600);
/// How long by who would make it again, beside all that takes as long anyway.
const REMADE: Duration = Duration::from_secs(30);
/// Its service takes a lot of looks ill.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// The fact: the state that the stack was last seen in, or was put into.
pub const STATE: &str = "state";
/// What a stage goes without where there are no stacks for us.
const WITHOUT: &str = "alarms and a dashboard";

/// The id of the operations stack.
pub fn id() -> Id {
    Id::new("stack", "operations")
}

pub(super) struct Operations {
    ground: Arc<Ground>,
    /// Whether it is looked at to be removed: what is not offered is not there then.
    leaving: bool,
    /// Whether its deletion failed, so that it is not made again now.
    given_up: AtomicBool,
    /// The topic of the stack that was deleted, so that the one made in its place tells it too.
    topic: OnceLock<String>,
}

/// What is seen of it.
pub(super) enum Seen {
    /// The cloud has no stacks, or not for us.
    NotOffered,
    /// A stack of ours.
    There { status: String, digest: Option<String>, parameters: BTreeMap<String, String> },
}

/// The stack of that name, ours or not.
async fn find(ground: &Ground, name: &str) -> std::result::Result<Option<Found>, CallError> {
    let answer = ground.aws.cloudformation.describe_stacks().stack_name(name).send().await;
    let found = if_there(answer.map_err(call(SERVICE, "DescribeStacks", name)))?;
    let mut stacks = found.and_then(|answer| answer.stacks).unwrap_or_default().into_iter();
    Ok(stacks.find(|stack| Standing::of(&state(stack)) != Standing::Gone))
}

fn state(stack: &Found) -> String {
    stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default()
}

/// A stack of our name in review has only change sets and, until one is executed, no tags: nobody's things are in it.
pub fn was_never_made(stack: &Found) -> bool {
    state(stack) == "REVIEW_IN_PROGRESS" && stack.tags().is_empty()
}

fn tags(stack: &Found) -> impl Iterator<Item = (&str, &str)> {
    stack.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?)))
}

/// The state that it is in now; `None` where it is not there, or cannot be looked at.
pub(super) async fn now(ground: &Ground) -> Option<String> {
    let found = find(ground, &ground.names.stack("operations")).await.ok()??;
    Some(state(&found))
}

/// The name of the stack that an administrator made for the stage's deployers, where it is there and ours.
pub(super) async fn bootstrap_left(ground: &Ground) -> std::result::Result<Option<String>, CallError> {
    let name = ground.names.stack("bootstrap");
    let found = find(ground, &name).await?;
    Ok(found.filter(|stack| ground.owner.owns(tags(stack))).map(|_| name))
}

/// The stack, where it is there and ours.
pub(super) async fn left(ground: &Ground) -> Result<Option<Id>> {
    match find(ground, &ground.names.stack("operations")).await {
        Ok(found) => Ok(found.filter(|stack| was_never_made(stack) || ground.owner.owns(tags(stack))).map(|_| id())),
        Err(error) if error.is_not_offered() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Resource for Operations {
    type Seen = Seen;

    fn id(&self) -> Id {
        id()
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let name = self.name();
        let found = match find(&self.ground, &name).await {
            Ok(found) => found,
            Err(error) if error.is_not_for_us() => {
                goes_without(visit, &error, WITHOUT);
                return Ok((!self.leaving).then_some(Seen::NotOffered));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(stack) = found else { return Ok(None) };
        let status = state(&stack);
        if !was_never_made(&stack) {
            self.ground.owner.check(format!("stack {name}"), tags(&stack))?;
        }
        visit.learn(STATE, status.clone());
        let digest = tags(&stack).find(|(key, _)| *key == DIGEST).map(|(_, value)| value.to_owned());
        let parameters = stack
            .parameters()
            .iter()
            .filter_map(|one| Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned())));
        Ok(Some(Seen::There { status, digest, parameters: parameters.collect() }))
    }

    fn diff(&self, seen: Option<&Seen>, _: &Visit) -> Change {
        let (status, digest, parameters) = match seen {
            None => return Change::Create,
            Some(Seen::NotOffered) => return Change::Keep,
            Some(Seen::There { status, digest, parameters }) => (status, digest, parameters),
        };
        match Standing::of(status) {
            Standing::Busy => Change::Keep,
            Standing::Remade => Change::Replace(Field::new("state", status.clone(), "CREATE_COMPLETE".to_owned())),
            Standing::Gone => Change::Create,
            Standing::Whole => {
                let mut fields = Vec::new();
                let wanted = digest_of(TEMPLATE);
                if digest.as_ref() != Some(&wanted) {
                    fields.push(Field::new("template", digest.clone(), wanted));
                }
                for (key, value) in self.parameters() {
                    let before = parameters.get(key).cloned();
                    if before.as_ref() != Some(&value) {
                        fields.push(Field::new(key, before, value));
                    }
                }
                Change::update(fields)
            }
        }
    }

    async fn apply(&self, change: &Change, seen: Option<Seen>, visit: &Visit) -> Result<()> {
        if self.given_up.load(Ordering::Relaxed) {
            return Ok(());
        }
        match change {
            Change::Create => self.create(visit).await,
            _ => self.update(seen, visit).await,
        }
    }

    async fn delete(&self, seen: Seen, visit: &Visit) -> Result<()> {
        if let Seen::There { mut parameters, .. } = seen
            && let Some(topic) = parameters.remove(TOPIC).filter(|topic| !topic.is_empty())
        {
            let _ = self.topic.set(topic); // an operation deletes it once
        }
        let ended = self.remove(visit).await;
        self.given_up.store(ended.is_err(), Ordering::Relaxed);
        ended.or_else(|fault| self.spared(fault, visit))
    }
}

impl Operations {
    pub(super) fn new(ground: Arc<Ground>, leaving: bool) -> Self {
        Self { ground, leaving, given_up: AtomicBool::default(), topic: OnceLock::new() }
    }

    /// Nothing that goes wrong with it keeps a chat from being deployed.
    fn spared(&self, fault: Fault, visit: &Visit) -> Result<()> {
        if self.leaving || fault.is_stopped() {
            return Err(fault);
        }
        let next = fault.next().map(|next| format!("; {next}")).unwrap_or_default();
        visit.warn(format!("the operations stack is not as wanted, the chat does not need it: {fault}{next}"));
        Ok(())
    }

    /// Waits: what is gone can be made again, and `down` certifies that it is gone.
    async fn remove(&self, visit: &Visit) -> Result<()> {
        let limit = if self.leaving { OPERATION } else { REMADE };
        let name = self.name();
        let begun = || async {
            let Some(stack) = find(&self.ground, &name).await? else { return Ok(Some(None)) };
            if Standing::of(&state(&stack)) == Standing::Busy {
                return Ok(None);
            }
            let before = Before::of(&stack);
            match begin_deletion(&self.ground.aws, &name).await {
                // What is in progress was shown too late (A21).
                Err(error) if error.is("ValidationError") && error.message.contains("_IN_PROGRESS") => Ok(None),
                asked => Ok(asked.map(|()| Some(Some(before)))?),
            }
        };
        let what = "the operation on the stack to end";
        let Some(before) = visit.settle_from(what, FIRST_LOOK, limit, begun).await? else { return Ok(()) };
        let gone = || async {
            match find(&self.ground, &name).await? {
                None => Ok(Some(())),
                // One that is deleted again may still be shown as the last time left it.
                Some(stack) if state(&stack) == "DELETE_FAILED" && !before.may_be(&stack) => {
                    Err(self.not_deleted(&name).await?)
                }
                Some(_) => Ok(None),
            }
        };
        visit.settle_from("the stack to be gone", FIRST_LOOK, limit, gone).await
    }
}

/// Asks for a stack's deletion. That it is not there, or that its deletion has begun by a try whose answer was lost
/// (A12), is no error.
pub async fn begin_deletion(aws: &Aws, name: &str) -> std::result::Result<(), CallError> {
    let asked = aws.cloudformation.delete_stack().stack_name(name).send().await;
    match asked.map_err(call(SERVICE, "DeleteStack", name)) {
        Err(error) if error.is("ValidationError") && error.message.contains("DELETE_IN_PROGRESS") => Ok(()),
        asked => if_there(asked).map(drop),
    }
}

impl Operations {
    fn name(&self) -> String {
        self.ground.names.stack("operations")
    }

    /// What the template is filled in with.
    fn parameters(&self) -> BTreeMap<&'static str, String> {
        let names = &self.ground.names;
        BTreeMap::from([("Prefix", names.prefix()), ("Queue", names.queue()), ("DeadLetters", names.dead_letters())])
    }

    fn given(&self) -> Vec<Parameter> {
        self.parameters().iter().map(|(key, value)| parameter(key, value)).collect()
    }

    fn tags(&self) -> Vec<Tag> {
        let digest = digest_of(TEMPLATE);
        let tags = self.ground.owner.tags().chain([(DIGEST, digest.as_str())]);
        tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }

    /// Starts it; one of ours that is there is adopted (A12).
    async fn create(&self, visit: &Visit) -> Result<()> {
        let name = self.name();
        let mut parameters = self.given();
        parameters.extend(self.topic.get().map(|topic| parameter(TOPIC, topic)));
        let request = self.ground.aws.cloudformation.create_stack().stack_name(&name).template_body(TEMPLATE);
        let request =
            request.set_parameters(Some(parameters)).set_tags(Some(self.tags())).on_failure(OnFailure::Rollback);
        match request.send().await.map_err(call(SERVICE, "CreateStack", &name)) {
            Ok(_) => visit.learn(STATE, "CREATE_IN_PROGRESS"),
            Err(error) if error.is_taken() => drop(self.observe(visit).await?),
            Err(error) if error.is_not_for_us() => goes_without(visit, &error, WITHOUT),
            Err(error) => return self.spared(error.into(), visit),
        }
        Ok(())
    }

    async fn update(&self, seen: Option<Seen>, visit: &Visit) -> Result<()> {
        let name = self.name();
        let mut parameters = self.given();
        if matches!(&seen, Some(Seen::There { parameters, .. }) if parameters.contains_key(TOPIC)) {
            parameters.push(Parameter::builder().parameter_key(TOPIC).use_previous_value(true).build());
        }
        let request = self.ground.aws.cloudformation.update_stack().stack_name(&name).template_body(TEMPLATE);
        let request = request.set_parameters(Some(parameters)).set_tags(Some(self.tags()));
        match request.send().await.map_err(call(SERVICE, "UpdateStack", &name)) {
            Ok(_) => visit.learn(STATE, "UPDATE_IN_PROGRESS"),
            Err(error) if error.is_unchanged() => {} // A16
            Err(error) => {
                // Somebody else was faster: what is in progress is never raced (A16).
                self.observe(visit).await?;
                let busy = visit.known(&id(), STATE).is_some_and(|state| Standing::of(&state) == Standing::Busy);
                if !busy {
                    return self.spared(error.into(), visit);
                }
            }
        }
        Ok(())
    }

    /// The fault of a deletion that failed: what is left, and why (A30).
    async fn not_deleted(&self, name: &str) -> Result<Fault> {
        let answer = self.ground.aws.cloudformation.describe_stack_resources().stack_name(name).send().await;
        let answer = answer.map_err(call(SERVICE, "DescribeStackResources", name))?;
        let left =
            answer.stack_resources().iter().filter(|one| one.resource_status() == Some(&ResourceStatus::DeleteFailed));
        let left: Vec<String> = left
            .map(|one| {
                let named = one.physical_resource_id().or(one.logical_resource_id()).unwrap_or_default();
                format!("{named} ({})", one.resource_status_reason().unwrap_or("no reason given"))
            })
            .collect();
        let what = format!("stack {name} is DELETE_FAILED, left are: {}", left.join(", "));
        Ok(Fault::new(what)
            .with_next(Some("mend what is named, then repeat the command: it deletes the stack again".into())))
    }
}

fn parameter(key: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(key).parameter_value(value).build()
}

/// A template's fingerprint, short enough for a tag.
fn digest_of(template: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, template.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "operations_tests.rs"]
mod tests;
