//! Stacks as they are shown: described, listed, their events, resources and templates.

use serde_json::{Value, json};

use super::record::{Event, Resource, Stack, pairs};
use super::stacks::texts;
use super::template::{Template, text as written};
use super::{CloudFormation, only, text};
use crate::clock::{iso, iso_ms};
use crate::{Cloud, Refusal};

/// `DescribeStacks`: one, or all that are there.
pub(super) fn describe(own: &CloudFormation, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    only(input, "DescribeStacks", &["StackName", "NextToken"])?;
    let stacks = match input["StackName"].as_str() {
        Some(name) => vec![own.before(cloud, name).map_or_else(|| own.need(input), Ok)?],
        None => own.all()?.into_iter().filter(|stack| !stack.is_deleted()).collect(),
    };
    Ok(json!({ "Stacks": stacks.iter().map(whole).collect::<Value>() }))
}

fn whole(stack: &Stack) -> Value {
    let outputs = stack.outputs.iter().map(
        |output| json!({ "OutputKey": output.key, "OutputValue": output.value, "Description": output.description }),
    );
    json!({
        "StackName": stack.name,
        "StackId": stack.id,
        "Description": stack.source.description,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "CreationTime": iso(stack.created_at),
        "LastUpdatedTime": stack.updated_at.map(iso_ms),
        "DeletionTime": stack.deleted_at.map(iso_ms),
        "Parameters": pairs(&stack.source.parameters, "ParameterKey", "ParameterValue"),
        "Tags": stack.tags(),
        "Capabilities": stack.source.capabilities,
        "Outputs": outputs.collect::<Value>(),
        "DisableRollback": false,
        "EnableTerminationProtection": false,
        "RollbackConfiguration": {},
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
    })
}

/// `ListStacks`: the deleted ones too.
pub(super) fn list(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "ListStacks", &["StackStatusFilter", "NextToken"])?;
    let wanted = texts(&input["StackStatusFilter"]);
    let shown = own.all()?.into_iter().filter(|stack| wanted.is_empty() || wanted.contains(&stack.status));
    let shown = shown.map(|stack| {
        json!({
            "StackName": stack.name,
            "StackId": stack.id,
            "TemplateDescription": stack.source.description,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "CreationTime": iso(stack.created_at),
            "LastUpdatedTime": stack.updated_at.map(iso),
            "DeletionTime": stack.deleted_at.map(iso),
            "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
        })
    });
    Ok(json!({ "StackSummaries": shown.collect::<Value>() }))
}

/// `DescribeStackEvents`: the last one first.
pub(super) fn events(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "DescribeStackEvents", &["StackName", "NextToken"])?;
    let stack = own.need(input)?;
    let shown = |event: &Event| {
        json!({
            "EventId": event.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "Timestamp": iso(event.at),
        })
    };
    Ok(json!({ "StackEvents": stack.events.iter().rev().map(shown).collect::<Value>() }))
}

/// `DescribeStackResources` and `ListStackResources`.
pub(super) fn resources(own: &CloudFormation, input: &Value, list: &str) -> Result<Value, Refusal> {
    only(input, "ListStackResources", &["StackName", "LogicalResourceId", "NextToken"])?;
    let stack = own.need(input)?;
    let wanted = input["LogicalResourceId"].as_str();
    let summaries = list == "StackResourceSummaries";
    let shown = |one: &Resource| {
        let mut shown = json!({
            "LogicalResourceId": one.logical,
            "PhysicalResourceId": one.physical,
            "ResourceType": one.kind,
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "DriftInformation": { "StackResourceDriftStatus": "NOT_CHECKED" },
        });
        if summaries {
            shown["LastUpdatedTimestamp"] = iso(one.at).into();
        } else {
            shown["Timestamp"] = iso(one.at).into();
            (shown["StackName"], shown["StackId"]) = (stack.name.as_str().into(), stack.id.as_str().into());
        }
        shown
    };
    let found = stack.resources.iter().filter(|one| wanted.is_none_or(|wanted| one.logical == wanted));
    Ok(json!({ list: found.map(shown).collect::<Value>() }))
}

/// `GetTemplate`: as it was given.
pub(super) fn template(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "GetTemplate", &["StackName", "TemplateStage"])?;
    let stack = own.need(input)?;
    Ok(json!({ "TemplateBody": stack.source.template, "StagesAvailable": ["Original", "Processed"] }))
}

/// `GetTemplateSummary`: of a stack or of a template.
pub(super) fn summary(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "GetTemplateSummary", &["StackName", "TemplateBody"])?;
    let template = match input["TemplateBody"].as_str() {
        Some(body) => Template::parse(body)?,
        None => Template::parse(&own.need(input)?.source.template)?,
    };
    let mut kinds: Vec<&str> = template.resources().filter_map(|(_, one)| one["Type"].as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut said = about(&template);
    let parameters = template.section("Parameters").map(|(name, parameter)| {
        json!({ "ParameterKey": name, "ParameterType": parameter["Type"], "DefaultValue": default(parameter), "Description": parameter["Description"] })
    });
    said["Parameters"] = parameters.collect();
    said["ResourceTypes"] = json!(kinds);
    Ok(said)
}

/// `ValidateTemplate`.
pub(super) fn validate(input: &Value) -> Result<Value, Refusal> {
    only(input, "ValidateTemplate", &["TemplateBody"])?;
    let template = Template::parse(text(input, "TemplateBody")?)?;
    let mut said = about(&template);
    let parameters = template.section("Parameters").map(|(name, parameter)| {
        json!({ "ParameterKey": name, "DefaultValue": default(parameter), "Description": parameter["Description"], "NoEcho": false })
    });
    said["Parameters"] = parameters.collect();
    Ok(said)
}

fn default(parameter: &Value) -> Option<String> {
    Some(&parameter["Default"]).filter(|value| !value.is_null()).map(written)
}

fn about(template: &Template) -> Value {
    let needed = template.capability();
    let reason = needed.map(|_| "The following resource(s) require capabilities: [AWS::IAM::ManagedPolicy]");
    json!({
        "Description": template.description(),
        "Capabilities": needed.into_iter().collect::<Vec<_>>(),
        "CapabilitiesReason": reason,
    })
}
