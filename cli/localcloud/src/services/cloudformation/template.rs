//! A template: read from JSON or YAML, and checked before anything is done with it. Knows no stack.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{invalid, kinds, yaml};
use crate::Refusal;

/// What a template given in the call may have.
const LARGEST: usize = 51_200;
const SECTIONS: &[&str] =
    &["AWSTemplateFormatVersion", "Conditions", "Description", "Metadata", "Outputs", "Parameters", "Resources"];
const OF_RESOURCE: &[&str] = &["Condition", "DependsOn", "Metadata", "Properties", "Type"];
const OF_PARAMETER: &[&str] =
    &["AllowedValues", "ConstraintDescription", "Default", "Description", "MaxLength", "MinLength", "NoEcho", "Type"];
const OF_OUTPUT: &[&str] = &["Condition", "Description", "Value"];

/// A template whose parts are there and known.
#[derive(Debug, Clone)]
pub(super) struct Template(Map<String, Value>);

impl Template {
    /// Reads and checks a template.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > LARGEST {
            return Err(invalid(format!("Member must have length between 1 and {LARGEST}: templateBody")));
        }
        let value = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| error.to_string()),
            false => yaml::parse(text),
        };
        let Value::Object(whole) = value.map_err(format_error)? else {
            return Err(format_error("unsupported structure."));
        };
        let template = Self(whole);
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), Refusal> {
        only(&self.0, SECTIONS, "the template section")?;
        if self.resources().next().is_none() {
            return Err(format_error("At least one Resources member must be defined."));
        }
        for (name, resource) in self.section("Resources") {
            let members = resource.as_object().ok_or_else(|| format_error(format!("Resource {name} is no object")))?;
            only(members, OF_RESOURCE, "the resource attribute")?;
            let kind = resource["Type"].as_str().unwrap_or_default();
            if kind.is_empty() {
                return Err(format_error(format!(
                    "[/Resources/{name}] Every Resources object must contain a Type member."
                )));
            }
            if !kinds::ALL.contains(&kind) {
                return Err(Refusal::unsupported(format!("the resource type {kind}")));
            }
            let properties = resource["Properties"].as_object().cloned().unwrap_or_default();
            if let Some(extra) = properties.keys().find(|key| !kinds::properties(kind).contains(&key.as_str())) {
                return Err(Refusal::unsupported(format!("the property {extra} of {kind} (resource {name})")));
            }
        }
        for (name, parameter) in self.section("Parameters") {
            only(parameter.as_object().unwrap_or(&Map::new()), OF_PARAMETER, "the parameter attribute")?;
            if !matches!(parameter["Type"].as_str(), Some("String" | "Number")) {
                return Err(Refusal::unsupported(format!("the type of the parameter {name}")));
            }
        }
        for (_, output) in self.section("Outputs") {
            only(output.as_object().unwrap_or(&Map::new()), OF_OUTPUT, "the output attribute")?;
        }
        self.order().map(drop)
    }

    pub(super) fn section<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.0.get(name).and_then(Value::as_object).into_iter().flatten()
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.section("Resources")
    }

    pub(super) fn description(&self) -> Option<&str> {
        self.0.get("Description").and_then(Value::as_str)
    }

    /// The capabilities that it needs (A30): IAM resources, and such with names of their own.
    pub(super) fn capability(&self) -> Option<&'static str> {
        let mut iam =
            self.resources().filter(|(_, resource)| kinds::is_iam(resource["Type"].as_str().unwrap_or_default()));
        let first = iam.next()?;
        let named = std::iter::once(first)
            .chain(iam)
            .any(|(_, resource)| resource["Properties"]["ManagedPolicyName"] != Value::Null);
        Some(if named { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" })
    }

    /// The values of its parameters: as given, or by default; each must have one.
    pub(super) fn parameters(&self, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
        let known: BTreeSet<&String> = self.section("Parameters").map(|(name, _)| name).collect();
        let strangers: Vec<&str> = given.keys().filter(|name| !known.contains(name)).map(String::as_str).collect();
        if !strangers.is_empty() {
            return Err(invalid(format!("Parameters: [{}] do not exist in the template", strangers.join(", "))));
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, parameter) in self.section("Parameters") {
            let default = Some(&parameter["Default"]).filter(|value| !value.is_null()).map(text);
            match given.get(name).cloned().or(default) {
                Some(value) => {
                    allowed(name, parameter, &value)?;
                    values.insert(name.clone(), value);
                }
                None => missing.push(name.as_str()),
            }
        }
        if missing.is_empty() {
            Ok(values)
        } else {
            Err(invalid(format!("Parameters: [{}] must have values", missing.join(", "))))
        }
    }

    /// The resources, each after those that it names.
    pub(super) fn order(&self) -> Result<Vec<String>, Refusal> {
        let names: BTreeSet<&str> = self.resources().map(|(name, _)| name.as_str()).collect();
        let known = |name: &str| {
            names.contains(name) || name.starts_with("AWS::") || self.section("Parameters").any(|(p, _)| p == name)
        };
        let mut waits: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (name, resource) in self.resources() {
            let mut needs = BTreeSet::new();
            named(&resource["Properties"], &mut needs);
            match &resource["DependsOn"] {
                Value::String(one) => drop(needs.insert(one.clone())),
                many => {
                    needs.extend(many.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned))
                }
            }
            if let Some(stranger) = needs.iter().find(|need| !known(need)) {
                return Err(format_error(format!(
                    "Unresolved resource dependencies [{stranger}] in the Resources block of the template"
                )));
            }
            needs.retain(|need| names.contains(need.as_str()));
            waits.insert(name, needs);
        }
        let mut order = Vec::new();
        while !waits.is_empty() {
            let ready: Vec<&str> = waits.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| *name).collect();
            if ready.is_empty() {
                let ring: Vec<&str> = waits.keys().copied().collect();
                return Err(invalid(format!("Circular dependency between resources: [{}]", ring.join(", "))));
            }
            for name in ready {
                waits.remove(name);
                for needs in waits.values_mut() {
                    needs.remove(name);
                }
                order.push(name.to_owned());
            }
        }
        Ok(order)
    }
}

/// What a value names: by `Ref`, `Fn::GetAtt` and inside of `Fn::Sub`.
fn named(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named(item, into)),
        Value::Object(members) => {
            for (key, inner) in members {
                match (key.as_str(), inner) {
                    ("Ref", Value::String(name)) => drop(into.insert(name.clone())),
                    ("Fn::GetAtt", Value::String(path)) => into.extend(path.split('.').next().map(str::to_owned)),
                    ("Fn::GetAtt", Value::Array(path)) => {
                        into.extend(path.first().and_then(Value::as_str).map(str::to_owned))
                    }
                    ("Fn::Sub", Value::String(words)) => into.extend(placeholders(words, &Map::new())),
                    ("Fn::Sub", Value::Array(parts)) => {
                        let own = parts.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
                        into.extend(placeholders(parts.first().and_then(Value::as_str).unwrap_or_default(), &own));
                        own.values().for_each(|inner| named(inner, into));
                    }
                    _ => named(inner, into),
                }
            }
        }
        _ => {}
    }
}

/// The names in `${Name}` and `${Name.Attribute}`, without those that stand for themselves (`${!Name}`) or are given.
fn placeholders(words: &str, own: &Map<String, Value>) -> Vec<String> {
    let names = words.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    let names = names.filter(|name| !name.starts_with('!') && !own.contains_key(*name));
    names.map(|name| name.split('.').next().unwrap_or_default().to_owned()).collect()
}

fn allowed(name: &str, parameter: &Value, value: &str) -> Result<(), Refusal> {
    let length = |member: &str| parameter[member].as_u64().or_else(|| parameter[member].as_str()?.parse().ok());
    let count = value.chars().count() as u64;
    let listed = parameter["AllowedValues"].as_array().is_none_or(|values| values.iter().any(|one| text(one) == value));
    let fits =
        length("MinLength").is_none_or(|least| count >= least) && length("MaxLength").is_none_or(|most| count <= most);
    let numeric = parameter["Type"] != "Number" || value.parse::<f64>().is_ok();
    if listed && fits && numeric {
        return Ok(());
    }
    Err(invalid(format!("Parameter '{name}' must be one of AllowedValues, of its type and within its lengths")))
}

/// A scalar as CloudFormation writes it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn only(members: &Map<String, Value>, known: &[&str], what: &str) -> Result<(), Refusal> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(other) => Err(Refusal::unsupported(format!("{what} {other}"))),
        None => Ok(()),
    }
}

fn format_error(what: impl std::fmt::Display) -> Refusal {
    invalid(format!("Template format error: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dashboard(body: &str) -> String {
        format!(
            "Parameters: {{P: {{Type: String}}}}\nResources:\n  A:\n    Type: AWS::CloudWatch::Dashboard\n    Properties: {{DashboardBody: {body}}}\n"
        )
    }

    #[test]
    fn what_the_cloud_does_not_have_is_refused_by_its_name() {
        for (text, what) in [
            ("Resources: {}", "At least one Resources member"),
            ("Resources: {A: {Type: 'AWS::SQS::Queue'}}", "the resource type AWS::SQS::Queue"),
            ("Resources: {A: {Type: 'AWS::CloudWatch::Dashboard', Properties: {Colour: red}}}", "the property Colour"),
            ("Transform: AWS::Serverless-2016-10-31\nResources: {}", "the template section Transform"),
            ("Mappings: {}\nResources: {A: {Type: 'AWS::CloudWatch::Dashboard'}}", "Mappings"),
            ("- a", "unsupported structure"),
            ("{", "Template format error"),
            (&dashboard("!Ref Q"), "Unresolved resource dependencies [Q]"),
            (&dashboard("!Sub '${A}'"), "Circular dependency between resources: [A]"),
        ] {
            let refused = Template::parse(text).unwrap_err();
            assert!(refused.message.contains(what), "{text}: {}", refused.message);
        }
        assert!(Template::parse(&"#".repeat(LARGEST + 1)).is_err());
    }

    #[test]
    fn every_parameter_has_a_value_and_no_other_is_given() {
        let template = Template::parse(&dashboard("!Ref P")).unwrap();
        let given = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let missing = template.parameters(&BTreeMap::new()).unwrap_err();
        assert_eq!(missing.message, "Parameters: [P] must have values");
        let stranger = template.parameters(&given(&[("P", "1"), ("Q", "2")])).unwrap_err();
        assert_eq!(stranger.message, "Parameters: [Q] do not exist in the template");
        assert_eq!(template.parameters(&given(&[("P", "1")])).unwrap(), given(&[("P", "1")]));
    }

    #[test]
    fn a_named_iam_resource_needs_the_capability_of_its_own() {
        let policy = |properties: &str| {
            let text = format!("Resources: {{A: {{Type: 'AWS::IAM::ManagedPolicy', Properties: {{{properties}}}}}}}");
            Template::parse(&text).unwrap().capability()
        };
        assert_eq!(policy("PolicyDocument: {}"), Some("CAPABILITY_IAM")); // A30
        assert_eq!(policy("PolicyDocument: {}, ManagedPolicyName: x"), Some("CAPABILITY_NAMED_IAM"));
        assert_eq!(Template::parse(&dashboard("x")).unwrap().capability(), None);
    }
}
