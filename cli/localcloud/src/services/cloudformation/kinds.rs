//! The kinds of resources that a stack may have: their names, their attributes, and how each is made, changed and
//! removed by the service it belongs to. Knows no template.

use serde_json::{Value, json};

use crate::wire::query::Form;
use crate::{Cloud, Place, Refusal};

const ALARM: &str = "AWS::CloudWatch::Alarm";
const DASHBOARD: &str = "AWS::CloudWatch::Dashboard";
const POLICY: &str = "AWS::IAM::ManagedPolicy";

/// Every kind.
pub(super) const ALL: &[&str] = &[ALARM, DASHBOARD, POLICY];

/// The properties that a kind may have.
pub(super) fn properties(kind: &str) -> &'static [&'static str] {
    match kind {
        ALARM => &[
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "InsufficientDataActions",
            "MetricName",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "TreatMissingData",
            "Unit",
        ],
        DASHBOARD => &["DashboardBody", "DashboardName"],
        _ => &["Description", "ManagedPolicyName", "Path", "PolicyDocument"],
    }
}

/// Whether a kind needs a capability.
pub(super) fn is_iam(kind: &str) -> bool {
    kind == POLICY
}

/// The property that names a resource of a kind.
fn name_of(kind: &str) -> &'static str {
    match kind {
        ALARM => "AlarmName",
        DASHBOARD => "DashboardName",
        _ => "ManagedPolicyName",
    }
}

/// The properties, besides its name, that a resource keeps for life: another value is another resource.
fn fixed(kind: &str) -> &'static [&'static str] {
    match kind {
        POLICY => &["Description", "Path"],
        _ => &[],
    }
}

/// Whether other properties are another resource, whatever it is called.
pub(super) fn replaces(kind: &str, before: &Value, after: &Value) -> bool {
    fixed(kind).iter().any(|property| before[property] != after[property])
}

/// A resource that would have to be replaced by one of the same name, which a template gave it: there can't be both.
pub(super) fn must_be_renamed(kind: &str, before: &Value, after: &Value) -> Option<Refusal> {
    let name = after[name_of(kind)].as_str().filter(|name| before[name_of(kind)] == **name)?;
    replaces(kind, before, after).then(|| {
        let message = format!(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and \
             update the stack again."
        );
        Refusal::new(400, "InvalidRequest", message)
    })
}

/// A resource's id: from the name it is given, else the one it has, else one made up.
pub(super) fn physical(
    kind: &str,
    properties: &Value,
    place: &Place,
    kept: Option<&str>,
    made_up: impl FnOnce() -> String,
) -> String {
    match (properties[name_of(kind)].as_str(), kept) {
        (None, Some(kept)) => kept.to_owned(),
        (name, _) => {
            let name = name.map_or_else(made_up, str::to_owned);
            match kind {
                POLICY => format!("arn:aws:iam::{}:policy{}{name}", place.account, path(properties)),
                _ => name,
            }
        }
    }
}

fn path(properties: &Value) -> &str {
    properties["Path"].as_str().unwrap_or("/")
}

/// What `Fn::GetAtt` gives.
pub(super) fn attribute(kind: &str, physical: &str, attribute: &str, place: &Place) -> Option<String> {
    match (kind, attribute) {
        (ALARM, "Arn") => Some(format!("arn:aws:cloudwatch:{}:{}:alarm:{physical}", place.region, place.account)),
        (POLICY, "PolicyArn") => Some(physical.to_owned()),
        _ => None,
    }
}

/// One of that name that is there already is none of the stack's.
pub(super) fn must_be_free(cloud: &Cloud, kind: &str, physical: &str) -> Result<(), Refusal> {
    match is_there(cloud, kind, physical)? {
        true => Err(Refusal::new(400, "AlreadyExists", format!("{physical} already exists"))),
        false => Ok(()),
    }
}

/// Makes a resource.
pub(super) fn create(
    cloud: &Cloud,
    kind: &str,
    physical: &str,
    properties: &Value,
    tags: &Value,
) -> Result<(), Refusal> {
    match kind {
        POLICY => {
            let (description, document) = (words(&properties["Description"]), properties["PolicyDocument"].to_string());
            let form = Form::of([
                ("PolicyName", physical.rsplit('/').next().unwrap_or_default()),
                ("Path", path(properties)),
                ("PolicyDocument", &document),
                ("Description", &description),
            ]);
            cloud.iam.call(cloud, "CreatePolicy", &form).map(drop)
        }
        _ => put(cloud, kind, physical, properties, tags),
    }
}

/// Sets a resource's properties in place; one that is gone is not made again.
pub(super) fn update(
    cloud: &Cloud,
    kind: &str,
    physical: &str,
    properties: &Value,
    tags: &Value,
) -> Result<(), Refusal> {
    if !is_there(cloud, kind, physical)? {
        let message = format!("Resource of type '{kind}' with identifier '{physical}' was not found.");
        return Err(Refusal::new(404, "NotFound", message));
    }
    match kind {
        POLICY => cloud.iam.replace_policy(physical, &properties["PolicyDocument"].to_string()),
        _ => put(cloud, kind, physical, properties, tags),
    }
}

/// Removes a resource; one that is gone is removed.
pub(super) fn delete(cloud: &Cloud, kind: &str, physical: &str) -> Result<(), Refusal> {
    if !is_there(cloud, kind, physical)? {
        return Ok(());
    }
    match kind {
        POLICY => cloud.iam.remove_policy(physical),
        ALARM => cloud.cloudwatch.call(cloud, "DeleteAlarms", &json!({ "AlarmNames": [physical] })).map(drop),
        _ => cloud.cloudwatch.call(cloud, "DeleteDashboards", &json!({ "DashboardNames": [physical] })).map(drop),
    }
}

fn put(cloud: &Cloud, kind: &str, physical: &str, properties: &Value, tags: &Value) -> Result<(), Refusal> {
    let mut input = properties.clone();
    input[name_of(kind)] = physical.into();
    if kind == DASHBOARD {
        return cloud.cloudwatch.call(cloud, "PutDashboard", &input).map(drop);
    }
    let own = input["Tags"].as_array().cloned().unwrap_or_default();
    let tags: Value = tags.as_array().into_iter().flatten().cloned().chain(own).collect();
    input["Tags"] = tags.clone();
    cloud.cloudwatch.call(cloud, "PutMetricAlarm", &input)?;
    // A put that changes an alarm leaves its tags as they are.
    let arn = attribute(kind, physical, "Arn", &cloud.place);
    cloud.cloudwatch.call(cloud, "TagResource", &json!({ "ResourceARN": arn, "Tags": tags })).map(drop)
}

fn is_there(cloud: &Cloud, kind: &str, physical: &str) -> Result<bool, Refusal> {
    match kind {
        POLICY => cloud.iam.has_policy(physical),
        ALARM => cloud.cloudwatch.has_alarm(physical),
        _ => cloud.cloudwatch.has_dashboard(physical),
    }
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
