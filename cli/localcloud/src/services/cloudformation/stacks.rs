//! What is asked of a stack: to be made, changed, deleted, or put back. It says what is pending; `work` does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::evaluate::{Evaluated, Scope, evaluate};
use super::record::{OnFailure, Pending, Source, Stack};
use super::template::Template;
use super::{CloudFormation, invalid, only, text};
use crate::{Cloud, Refusal};

const OF_CREATE: &[&str] = &[
    "Capabilities",
    "ClientRequestToken",
    "DisableRollback",
    "OnFailure",
    "Parameters",
    "StackName",
    "Tags",
    "TemplateBody",
    "TimeoutInMinutes",
];
const OF_UPDATE: &[&str] = &[
    "Capabilities",
    "ClientRequestToken",
    "DisableRollback",
    "Parameters",
    "StackName",
    "Tags",
    "TemplateBody",
    "UsePreviousTemplate",
];
/// The states from which a stack can be updated.
const UPDATABLE: &[&str] = &["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"];

/// What a call says that a stack is to be, checked whole; what it leaves out is as it was.
pub(super) fn asked(cloud: &Cloud, input: &Value, stack: &Stack) -> Result<(Source, Evaluated), Refusal> {
    let former = &stack.source;
    let source = match (input["TemplateBody"].as_str(), input["UsePreviousTemplate"].as_str()) {
        (Some(body), _) => body,
        (None, Some("true")) => &former.template,
        (None, _) => return Err(invalid("Either Template URL or Template Body must be specified.")),
    };
    let template = Template::parse(source)?;
    let capabilities: Vec<String> = texts(&input["Capabilities"]);
    let wide = capabilities.iter().any(|one| one == "CAPABILITY_NAMED_IAM");
    if let Some(needed) = template.capability() {
        // The wider one stands for both (A30).
        if !wide && !capabilities.iter().any(|one| one == needed) {
            let message = format!("Requires capabilities : [{needed}]");
            return Err(Refusal::new(400, "InsufficientCapabilitiesException", message));
        }
    }
    let mut given = BTreeMap::new();
    for parameter in input["Parameters"].as_array().into_iter().flatten() {
        let key = text(parameter, "ParameterKey")?;
        let former = former.parameters.get(key).cloned();
        let value = match parameter["UsePreviousValue"].as_str() {
            Some("true") => former.ok_or_else(|| invalid(format!("Parameter {key} has no previous value")))?,
            _ => text(parameter, "ParameterValue")?.to_owned(),
        };
        given.insert(key.to_owned(), value);
    }
    let tags = match input["Tags"].as_array() {
        Some(tags) => tags
            .iter()
            .map(|tag| Ok((text(tag, "Key")?.to_owned(), text(tag, "Value")?.to_owned())))
            .collect::<Result<_, Refusal>>()?,
        None => former.tags.clone(),
    };
    let source = Source {
        parameters: template.parameters(&given)?,
        description: template.description().map(str::to_owned),
        template: source.to_owned(),
        tags,
        capabilities,
    };
    let scope = Scope {
        place: &cloud.place,
        stack: &stack.name,
        stack_id: &stack.id,
        parameters: &source.parameters,
        there: &stack.resources,
    };
    let evaluated = evaluate(&template, &scope)?;
    Ok((source, evaluated))
}

/// Whether a stack would be another one.
pub(super) fn differs(stack: &Stack, source: &Source, to: &Evaluated) -> bool {
    let same = to.resources.len() == stack.resources.len()
        && to.resources.iter().all(|wanted| {
            stack.resources.iter().any(|one| {
                (&one.logical, &one.kind, &one.physical, &one.properties)
                    == (&wanted.logical, &wanted.kind, &wanted.physical, &wanted.properties)
            })
        });
    !same || to.outputs != stack.outputs || source.tags != stack.source.tags
}

/// `CreateStack`.
pub(super) fn create(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "CreateStack", OF_CREATE)?;
    let name = named(text(input, "StackName")?)?;
    if own.find(name)?.is_some() {
        return Err(Refusal::new(400, "AlreadyExistsException", format!("Stack [{name}] already exists")));
    }
    let mut stack = Stack::new(name, &cloud.place, "CREATE_IN_PROGRESS", cloud.now_ms());
    stack.on_failure = match (input["OnFailure"].as_str(), input["DisableRollback"].as_str()) {
        (Some("DO_NOTHING"), _) | (None, Some("true")) => OnFailure::DoNothing,
        (Some("DELETE"), _) => OnFailure::Delete,
        (None | Some("ROLLBACK"), _) => OnFailure::Rollback,
        (Some(other), _) => return Err(invalid(format!("{other} is not an OnFailure"))),
    };
    let (source, wanted) = asked(cloud, input, &stack)?;
    stack.source = source;
    stack.pending = Some(Pending::Create(wanted));
    own.begin(cloud, &mut stack)?;
    Ok(json!({ "StackId": stack.id }))
}

/// A name that a stack can have.
pub(super) fn named(name: &str) -> Result<&str, Refusal> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Ok(name);
    }
    Err(invalid(format!(
        "Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// `UpdateStack`.
pub(super) fn update(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "UpdateStack", OF_UPDATE)?;
    let mut stack = own.need(input)?;
    updatable(&stack)?;
    let (source, to) = asked(cloud, input, &stack)?;
    if !differs(&stack, &source, &to) {
        return Err(invalid("No updates are to be performed."));
    }
    begin_update(own, cloud, &mut stack, source, to)?;
    Ok(json!({ "StackId": stack.id }))
}

/// Begins an update.
pub(super) fn begin_update(
    own: &CloudFormation,
    cloud: &Arc<Cloud>,
    stack: &mut Stack,
    source: Source,
    to: Evaluated,
) -> Result<(), Refusal> {
    stack.enter("UPDATE_IN_PROGRESS", Some("User Initiated"), cloud.now_ms());
    stack.updated_at = Some(cloud.now_ms());
    stack.pending = Some(Pending::Update { to, source, from: stack.resources.clone() });
    own.begin(cloud, stack)
}

/// A stack can be updated only when it is whole and nothing is being done to it.
pub(super) fn updatable(stack: &Stack) -> Result<(), Refusal> {
    if UPDATABLE.contains(&stack.status.as_str()) && !stack.is_busy() {
        return Ok(());
    }
    Err(invalid(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status)))
}

/// `DeleteStack`: of one that is not there, it is done.
pub(super) fn delete(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "DeleteStack", &["StackName", "RetainResources", "ClientRequestToken"])?;
    let Some(mut stack) = own.find(text(input, "StackName")?)?.filter(|stack| !stack.is_deleted()) else {
        return Ok(json!({}));
    };
    let retain = texts(&input["RetainResources"]);
    if !retain.is_empty() && stack.status != "DELETE_FAILED" {
        return Err(invalid(
            "Invalid operation on stack: RetainResources is only for stacks in the DELETE_FAILED state",
        ));
    }
    if stack.is_busy() {
        let message = format!("Stack [{}] cannot be deleted while in status {}", stack.name, stack.status);
        return Err(invalid(message));
    }
    super::change_sets::forget(own, &stack)?;
    stack.enter("DELETE_IN_PROGRESS", Some("User Initiated"), cloud.now_ms());
    stack.deleted_at = Some(cloud.now_ms());
    stack.pending = Some(Pending::Delete { retain });
    own.begin(cloud, &mut stack)?;
    Ok(json!({}))
}

/// `ContinueUpdateRollback` (A30).
pub(super) fn continue_rollback(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "ContinueUpdateRollback", &["StackName", "ResourcesToSkip", "ClientRequestToken"])?;
    let mut stack = own.need(input)?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(invalid(format!(
            "Stack:{} is in {} state and can not continue its rollback.",
            stack.id, stack.status
        )));
    }
    stack.enter("UPDATE_ROLLBACK_IN_PROGRESS", Some("User Initiated"), cloud.now_ms());
    stack.pending = Some(Pending::ContinueRollback { skip: texts(&input["ResourcesToSkip"]) });
    own.begin(cloud, &mut stack)?;
    Ok(json!({}))
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
