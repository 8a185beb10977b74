//! Change sets: what an update or a creation would do, shown before it is done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluate::{Evaluated, Wanted};
use super::record::{Pending, Resource, Source, Stack, pairs};
use super::{CHANGE_SETS, CloudFormation, invalid, kinds, only, stacks, text};
use crate::{Cloud, Refusal};

const OF_CREATE: &[&str] = &[
    "Capabilities",
    "ChangeSetName",
    "ChangeSetType",
    "ClientToken",
    "Description",
    "Parameters",
    "StackName",
    "Tags",
    "TemplateBody",
    "UsePreviousTemplate",
];
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ChangeSet {
    name: String,
    id: String,
    stack: String,
    stack_id: String,
    description: Option<String>,
    source: Source,
    to: Evaluated,
    creates: bool,
    /// Without any it is FAILED and cannot be executed.
    changes: Vec<Value>,
    created_at: i64,
}

/// `CreateChangeSet`: of a stack that is not there, a stack in review (A30).
pub(super) fn create(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "CreateChangeSet", OF_CREATE)?;
    let (name, set) = (stacks::named(text(input, "StackName")?)?, stacks::named(text(input, "ChangeSetName")?)?);
    let creates = match input["ChangeSetType"].as_str() {
        None | Some("UPDATE") => false,
        Some("CREATE") => true,
        Some(other) => return Err(Refusal::unsupported(format!("change sets of type {other}"))),
    };
    let stack = match own.find(name)? {
        Some(stack) if creates && !stack.is_in_review() => {
            return Err(invalid(format!(
                "Stack [{name}] already exists and cannot be created again with the changeSet [{set}]."
            )));
        }
        Some(stack) => stack,
        None if creates => Stack::new(name, &cloud.place, "REVIEW_IN_PROGRESS", cloud.now_ms()),
        None => return Err(invalid(format!("Stack [{name}] does not exist"))),
    };
    if !creates {
        stacks::updatable(&stack)?;
    }
    if sets_of(own, &stack)?.iter().any(|one| one.name == set) {
        return Err(Refusal::new(400, "AlreadyExistsException", format!("ChangeSet {set} already exists")));
    }
    let (source, to) = stacks::asked(cloud, input, &stack)?;
    let mut changes = changes(&stack, &to);
    if changes.is_empty() && stacks::differs(&stack, &source, &to) {
        changes.push(Value::Null); // of the stack alone: its tags or outputs
    }
    own.keep(&stack)?;
    let uuid = crate::random::uuid();
    let place = &cloud.place;
    let change_set = ChangeSet {
        name: set.to_owned(),
        id: format!("arn:aws:cloudformation:{}:{}:changeSet/{set}/{uuid}", place.region, place.account),
        stack: stack.name.clone(),
        stack_id: stack.id.clone(),
        description: input["Description"].as_str().map(str::to_owned),
        source,
        to,
        creates,
        changes,
        created_at: cloud.now_ms(),
    };
    own.state.put(CHANGE_SETS, &change_set.id, &change_set)?;
    Ok(json!({ "Id": change_set.id, "StackId": stack.id }))
}

/// What would be added, modified and removed.
fn changes(stack: &Stack, to: &Evaluated) -> Vec<Value> {
    let shown = |action: &str, logical: &str, physical: Option<&str>, kind: &str, replacement: Option<&str>| {
        json!({
            "Type": "Resource",
            "ResourceChange": {
                "Action": action,
                "LogicalResourceId": logical,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "Replacement": replacement,
                "Scope": if action == "Modify" { json!(["Properties"]) } else { json!([]) },
                "Details": [],
            },
        })
    };
    let mut changes = Vec::new();
    let replaces = |one: &Resource, wanted: &Wanted| {
        let another = one.physical != wanted.physical || one.kind != wanted.kind;
        another || kinds::replaces(&one.kind, &one.properties, &wanted.properties)
    };
    for wanted in &to.resources {
        match stack.resources.iter().find(|one| one.logical == wanted.logical) {
            None => changes.push(shown("Add", &wanted.logical, None, &wanted.kind, None)),
            Some(one) if replaces(one, wanted) => {
                changes.push(shown("Modify", &one.logical, Some(&one.physical), &one.kind, Some("True")));
            }
            Some(one) if one.properties != wanted.properties => {
                changes.push(shown("Modify", &one.logical, Some(&one.physical), &one.kind, Some("False")));
            }
            Some(_) => {}
        }
    }
    let gone = stack.resources.iter().filter(|one| !to.resources.iter().any(|wanted| wanted.logical == one.logical));
    changes.extend(gone.map(|one| shown("Remove", &one.logical, Some(&one.physical), &one.kind, None)));
    changes
}

/// `DescribeChangeSet`.
pub(super) fn describe(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "DescribeChangeSet", &["ChangeSetName", "StackName", "NextToken"])?;
    let set = need(own, input)?;
    let mut shown = summary(&set);
    shown["Parameters"] = pairs(&set.source.parameters, "ParameterKey", "ParameterValue");
    shown["Tags"] = pairs(&set.source.tags, "Key", "Value");
    shown["Capabilities"] = json!(set.source.capabilities);
    shown["Changes"] = set.changes.iter().filter(|change| !change.is_null()).cloned().collect();
    Ok(shown)
}

fn summary(set: &ChangeSet) -> Value {
    let empty = set.changes.is_empty();
    json!({
        "ChangeSetName": set.name,
        "ChangeSetId": set.id,
        "StackId": set.stack_id,
        "StackName": set.stack,
        "Description": set.description,
        "CreationTime": crate::clock::iso(set.created_at),
        "ExecutionStatus": if empty { "UNAVAILABLE" } else { "AVAILABLE" },
        "Status": if empty { "FAILED" } else { "CREATE_COMPLETE" },
        "StatusReason": empty.then_some(NO_CHANGES),
    })
}

/// `ListChangeSets`.
pub(super) fn list(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "ListChangeSets", &["StackName", "NextToken"])?;
    let sets = sets_of(own, &own.need(input)?)?;
    Ok(json!({ "Summaries": sets.iter().map(summary).collect::<Value>() }))
}

/// `ExecuteChangeSet`: with it all other change sets of the stack are gone.
pub(super) fn execute(own: &CloudFormation, cloud: &Arc<Cloud>, input: &Value) -> Result<Value, Refusal> {
    only(input, "ExecuteChangeSet", &["ChangeSetName", "StackName", "ClientRequestToken"])?;
    let set = need(own, input)?;
    let missing = || invalid(format!("Stack with id {} does not exist", set.stack_id));
    let mut stack = own.find(&set.stack_id)?.ok_or_else(missing)?;
    if set.changes.is_empty() {
        let message = format!("ChangeSet [{}] cannot be executed in its current status of [FAILED]", set.id);
        return Err(Refusal::new(400, "InvalidChangeSetStatus", message));
    }
    if set.creates && stack.is_in_review() {
        forget(own, &stack)?;
        stack.enter("CREATE_IN_PROGRESS", Some("User Initiated"), cloud.now_ms());
        stack.source = set.source;
        stack.pending = Some(Pending::Create(set.to));
        own.begin(cloud, &mut stack)?;
        return Ok(json!({}));
    }
    stacks::updatable(&stack)?;
    forget(own, &stack)?;
    stacks::begin_update(own, cloud, &mut stack, set.source, set.to)?;
    Ok(json!({}))
}

/// `DeleteChangeSet`.
pub(super) fn delete(own: &CloudFormation, input: &Value) -> Result<Value, Refusal> {
    only(input, "DeleteChangeSet", &["ChangeSetName", "StackName"])?;
    match need(own, input) {
        Ok(set) => drop(own.state.remove(CHANGE_SETS, &set.id)?),
        Err(refusal) if refusal.code == "ChangeSetNotFound" => {}
        Err(refusal) => return Err(refusal),
    }
    Ok(json!({}))
}

/// Forgets every change set of a stack.
pub(super) fn forget(own: &CloudFormation, stack: &Stack) -> Result<(), Refusal> {
    for set in sets_of(own, stack)? {
        own.state.remove(CHANGE_SETS, &set.id)?;
    }
    Ok(())
}

fn sets_of(own: &CloudFormation, stack: &Stack) -> Result<Vec<ChangeSet>, Refusal> {
    let sets = own.state.list::<ChangeSet>(CHANGE_SETS)?.into_iter().map(|(_, set)| set);
    Ok(sets.filter(|set| set.stack_id == stack.id).collect())
}

fn need(own: &CloudFormation, input: &Value) -> Result<ChangeSet, Refusal> {
    let asked = text(input, "ChangeSetName")?;
    let found = match asked.starts_with("arn:") {
        true => own.state.get(CHANGE_SETS, asked)?,
        false => sets_of(own, &own.need(input)?)?.into_iter().find(|set| set.name == asked),
    };
    found.ok_or_else(|| Refusal::new(404, "ChangeSetNotFound", format!("ChangeSet [{asked}] does not exist")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use crate::services::cloudformation::evaluate::Wanted;
    use crate::services::cloudformation::kinds;
    use crate::services::cloudformation::record::Resource;

    #[test]
    fn a_change_set_names_what_is_added_modified_replaced_and_removed() {
        let place = Place { region: "us-east-1", account: "000000000000", port: 1 };
        let mut stack = Stack::new("s", &place, "CREATE_COMPLETE", 0);
        let kind = kinds::ALL[0].to_owned();
        for (logical, physical) in [("Kept", "k"), ("Changed", "c"), ("Renamed", "old"), ("Gone", "g")] {
            stack.resources.push(Resource {
                logical: logical.into(),
                kind: kind.clone(),
                physical: physical.into(),
                properties: json!({}),
                status: "CREATE_COMPLETE".into(),
                reason: None,
                at: 0,
            });
        }
        let wanted = |logical: &str, physical: &str, properties: Value| Wanted {
            logical: logical.into(),
            kind: kind.clone(),
            physical: physical.into(),
            properties,
        };
        let resources = vec![
            wanted("Kept", "k", json!({})),
            wanted("Changed", "c", json!({ "Period": 60 })),
            wanted("Renamed", "new", json!({})),
            wanted("New", "n", json!({})),
        ];
        let changes = changes(&stack, &Evaluated { resources, outputs: Vec::new() });
        let said: Vec<String> = changes
            .iter()
            .map(|change| &change["ResourceChange"])
            .map(|c| format!("{} {} {}", c["Action"], c["LogicalResourceId"], c["Replacement"]).replace('"', ""))
            .collect();
        assert_eq!(said, ["Modify Changed False", "Modify Renamed True", "Add New null", "Remove Gone null"]);
    }
}
