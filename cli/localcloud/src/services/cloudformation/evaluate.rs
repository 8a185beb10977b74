//! A template with its parameters' values as the resources and outputs that it stands for. Pure: it asks nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kinds;
use super::template::{Template, text};
use super::{Resource, invalid};
use crate::{Place, Refusal};

/// One resource as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) physical: String,
    pub(super) properties: Value,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Output {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) description: Option<String>,
}

/// All that a template says of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Evaluated {
    /// In an order in which they can be made.
    pub(super) resources: Vec<Wanted>,
    pub(super) outputs: Vec<Output>,
}

/// What the names in a template mean.
pub(super) struct Scope<'a> {
    pub(super) place: &'a Place,
    pub(super) stack: &'a str,
    pub(super) stack_id: &'a str,
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// What is there already keeps the name that was made up for it.
    pub(super) there: &'a [Resource],
}

/// Evaluates a template.
pub(super) fn evaluate(template: &Template, scope: &Scope<'_>) -> Result<Evaluated, Refusal> {
    let conditions: BTreeMap<&str, &Value> =
        template.section("Conditions").map(|(name, value)| (name.as_str(), value)).collect();
    let mut names = Names { scope, conditions, made: BTreeMap::new() };
    let mut resources = Vec::new();
    for logical in template.order()? {
        let Some((_, resource)) = template.resources().find(|(name, _)| **name == logical) else { continue };
        if !names.holds(resource)? {
            continue;
        }
        let kind = text(&resource["Type"]);
        let properties = match &resource["Properties"] {
            Value::Null => Value::Object(Map::new()),
            properties => names.value(properties)?.unwrap_or_else(|| Value::Object(Map::new())),
        };
        let kept = scope.there.iter().find(|one| one.logical == logical && one.kind == kind);
        let kept = kept.filter(|one| !kinds::replaces(&kind, &one.properties, &properties));
        let made_up = || format!("{}-{logical}-{}", scope.stack, crate::random::capitals(12));
        let physical = kinds::physical(&kind, &properties, scope.place, kept.map(|one| one.physical.as_str()), made_up);
        let wanted = Wanted { logical: logical.clone(), kind, physical, properties };
        names.made.insert(logical, wanted.clone());
        resources.push(wanted);
    }
    let mut outputs = Vec::new();
    for (key, output) in template.section("Outputs") {
        if names.holds(output)? {
            let value = names.words(&output["Value"])?;
            let description = output["Description"].as_str().map(str::to_owned);
            outputs.push(Output { key: key.clone(), value, description });
        }
    }
    Ok(Evaluated { resources, outputs })
}

struct Names<'a> {
    scope: &'a Scope<'a>,
    conditions: BTreeMap<&'a str, &'a Value>,
    made: BTreeMap<String, Wanted>,
}

impl Names<'_> {
    /// Whether what may have a condition is to be there.
    fn holds(&self, of: &Value) -> Result<bool, Refusal> {
        of["Condition"].as_str().map_or(Ok(true), |name| self.condition(name, 0))
    }

    fn condition(&self, name: &str, depth: usize) -> Result<bool, Refusal> {
        let missing = || invalid(format!("Template error: unresolved condition dependency {name}"));
        let value = self.conditions.get(name).filter(|_| depth < self.conditions.len()).ok_or_else(missing)?;
        self.truth(value, depth + 1)
    }

    fn truth(&self, value: &Value, depth: usize) -> Result<bool, Refusal> {
        let (name, inner) = call(value).ok_or_else(|| invalid("Template error: a condition must be a function"))?;
        let items = inner.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, items) {
            ("Condition", _) => self.condition(inner.as_str().unwrap_or_default(), depth),
            ("Fn::Equals", [left, right]) => Ok(self.words(left)? == self.words(right)?),
            ("Fn::Not", [one]) => Ok(!self.truth(one, depth)?),
            ("Fn::And", items) if !items.is_empty() => {
                items.iter().try_fold(true, |all, one| Ok(all && self.truth(one, depth)?))
            }
            ("Fn::Or", items) if !items.is_empty() => {
                items.iter().try_fold(false, |any, one| Ok(any || self.truth(one, depth)?))
            }
            _ => Err(Refusal::unsupported(format!("the condition function {name} in this form"))),
        }
    }

    /// A value with its functions carried out; `None` is `AWS::NoValue`.
    fn value(&self, value: &Value) -> Result<Option<Value>, Refusal> {
        if let Some((name, inner)) = call(value) {
            return self.function(name, inner);
        }
        Ok(Some(match value {
            Value::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                Value::Array(items?.into_iter().flatten().collect())
            }
            Value::Object(members) => {
                let mut evaluated = Map::new();
                for (key, inner) in members {
                    if let Some(inner) = self.value(inner)? {
                        evaluated.insert(key.clone(), inner);
                    }
                }
                Value::Object(evaluated)
            }
            scalar => scalar.clone(),
        }))
    }

    fn words(&self, value: &Value) -> Result<String, Refusal> {
        self.value(value)?
            .map(|value| text(&value))
            .ok_or_else(|| invalid("Template error: a value is AWS::NoValue here"))
    }

    fn function(&self, name: &str, inner: &Value) -> Result<Option<Value>, Refusal> {
        let items = inner.as_array().map(Vec::as_slice).unwrap_or_default();
        let found = match (name, items) {
            ("Ref", _) if inner == "AWS::NoValue" => return Ok(None),
            ("Ref", _) => self.reference(inner.as_str().unwrap_or_default())?,
            ("Fn::GetAtt", [resource, attribute]) => self.attribute(&text(resource), &self.words(attribute)?)?,
            ("Fn::GetAtt", _) => {
                let (resource, attribute) = inner.as_str().and_then(|path| path.split_once('.')).unwrap_or_default();
                self.attribute(resource, attribute)?
            }
            ("Fn::Sub", [words, own]) => self.substitute(&text(words), own)?,
            ("Fn::Sub", _) => self.substitute(inner.as_str().unwrap_or_default(), &Value::Null)?,
            ("Fn::Join", [by, parts]) => {
                let parts = self.value(parts)?.unwrap_or_default();
                let parts: Vec<String> = parts.as_array().into_iter().flatten().map(text).collect();
                parts.join(&text(by))
            }
            ("Fn::If", [condition, then, otherwise]) => {
                let holds = self.condition(&text(condition), 0)?;
                return self.value(if holds { then } else { otherwise });
            }
            _ => return Err(Refusal::unsupported(format!("the template function {name} in this form"))),
        };
        Ok(Some(found.into()))
    }

    fn reference(&self, name: &str) -> Result<String, Refusal> {
        let Scope { place, stack, stack_id, parameters, .. } = self.scope;
        Ok(match name {
            "AWS::Region" => place.region.to_owned(),
            "AWS::AccountId" => place.account.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => (*stack).to_owned(),
            "AWS::StackId" => (*stack_id).to_owned(),
            _ => match (parameters.get(name), self.made.get(name)) {
                (Some(value), _) => value.clone(),
                (None, Some(made)) => made.physical.clone(),
                (None, None) => {
                    return Err(invalid(format!("Template error: unresolved reference {name}")));
                }
            },
        })
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String, Refusal> {
        let made = self.made.get(resource);
        let found = made.and_then(|made| kinds::attribute(&made.kind, &made.physical, attribute, self.scope.place));
        found.ok_or_else(|| {
            invalid(format!("Template error: resource {resource} does not have the attribute {attribute}"))
        })
    }

    fn substitute(&self, words: &str, own: &Value) -> Result<String, Refusal> {
        let mut parts = words.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let Some((name, rest)) = part.split_once('}') else {
                return Err(invalid("Template error: a ${ in Fn::Sub is not closed"));
            };
            let value = match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), _, _) => format!("${{{literal}}}"),
                (None, Some(value), _) => self.words(value)?,
                (None, None, Some((resource, attribute))) => self.attribute(resource, attribute)?,
                (None, None, None) => self.reference(name)?,
            };
            whole.push_str(&value);
            whole.push_str(rest);
        }
        Ok(whole)
    }
}

/// `{"Ref": …}` or `{"Fn::…": …}`, and `{"Condition": …}` of a condition.
fn call(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, inner) = members.iter().next()?;
    let is_function = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && inner.is_string());
    is_function.then_some((name.as_str(), inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn evaluated(text: &str, stage: &str) -> Result<Evaluated, Refusal> {
        let template = Template::parse(text).unwrap();
        let parameters = template.parameters(&BTreeMap::from([("Stage".to_owned(), stage.to_owned())])).unwrap();
        let place = Place { region: "us-east-1", account: "000000000000", port: 1 };
        evaluate(&template, &Scope { place: &place, stack: "s", stack_id: "id", parameters: &parameters, there: &[] })
    }

    const TEMPLATE: &str = "
Parameters: {Stage: {Type: String}}
Conditions: {Prod: !Equals [!Ref Stage, prod], Not: !Not [!Condition Prod]}
Resources:
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub '${AWS::StackName}-${Stage}'
      DashboardBody: !Sub ['{\"a\":\"${Alarm.Arn}\",\"${!kept}\":\"${own}\"}', {own: !Join ['/', [!Ref Alarm, x]]}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !If [Prod, loud, quiet]
      AlarmDescription: !If [Prod, !Ref 'AWS::NoValue', test]
  OnlyProd: {Type: 'AWS::CloudWatch::Dashboard', Condition: Prod, Properties: {DashboardBody: '{}'}}
Outputs:
  Where: {Value: !Sub '${AWS::Partition} ${AWS::Region} ${AWS::AccountId}'}
  Quiet: {Condition: Not, Value: !GetAtt Alarm.Arn}
";

    #[test]
    fn functions_conditions_and_pseudo_parameters_are_carried_out() {
        let dev = evaluated(TEMPLATE, "dev").unwrap();
        let names: Vec<&str> = dev.resources.iter().map(|one| one.logical.as_str()).collect();
        assert_eq!(names, ["Alarm", "Board"], "each after what it names, and only what its condition lets be");
        assert_eq!(dev.resources[0].properties, json!({ "AlarmName": "quiet", "AlarmDescription": "test" }));
        assert_eq!(
            dev.resources[1].properties["DashboardBody"],
            r#"{"a":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:quiet","${kept}":"quiet/x"}"#
        );
        assert_eq!(dev.resources[1].physical, "s-dev");
        assert_eq!(dev.outputs.len(), 2);
        let prod = evaluated(TEMPLATE, "prod").unwrap();
        assert_eq!(prod.resources.len(), 3);
        assert_eq!(
            prod.resources.iter().find(|one| one.logical == "Alarm").unwrap().properties,
            json!({ "AlarmName": "loud" })
        );
        assert_eq!(
            prod.outputs,
            [Output { key: "Where".into(), value: "aws us-east-1 000000000000".into(), description: None }]
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_name() {
        let of = |body: &str| {
            let text = format!(
                "Parameters: {{Stage: {{Type: String}}}}\nResources: {{A: {{Type: 'AWS::CloudWatch::Dashboard', Properties: {{DashboardBody: {body}}}}}, B: {{Type: 'AWS::CloudWatch::Alarm'}}}}"
            );
            evaluated(&text, "x").unwrap_err().message
        };
        assert!(of("!ImportValue x").contains("Fn::ImportValue"));
        assert!(of("!GetAtt B.Colour").contains("does not have the attribute Colour"));
        assert!(of("!Sub 'a${Stage'").contains("not closed"));
        assert!(of("!If [Nope, a, b]").contains("unresolved condition dependency Nope"));
    }
}
