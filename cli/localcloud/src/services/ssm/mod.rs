//! SSM's Parameter Store: parameters with versions and tags. A SecureString is guarded by the file's mode alone.

mod describe;
mod parameters;
mod tags;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::json::Dialect;
use crate::{Cloud, Error, Refusal, State};

pub(crate) const DIALECT: Dialect = Dialect { version: "1.1", prefix: "", query_error: |_| None };
const KIND: &str = "ssm-parameter";

const CALLS: &[&str] = &[
    "AddTagsToResource",
    "DeleteParameter",
    "DeleteParameters",
    "DescribeParameters",
    "GetParameter",
    "GetParameters",
    "GetParametersByPath",
    "ListTagsForResource",
    "PutParameter",
    "RemoveTagsFromResource",
];

/// SSM's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// A parameter: its latest version.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parameter {
    name: String,
    kind: String,
    value: String,
    description: Option<String>,
    key: Option<String>,
    version: i64,
    changed_at: i64,
    tags: BTreeMap<String, String>,
}

/// The parameters of the account.
pub(crate) struct Ssm {
    state: State,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Ssm {
    /// Opens the parameters.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        Ok(Self { state: state.clone(), changing: Mutex::default() })
    }

    /// Does a call.
    pub(crate) async fn call(&self, cloud: &Cloud, action: &str, input: Value) -> Result<Value, Refusal> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        match action {
            "PutParameter" => parameters::put(self, &input),
            "GetParameter" => parameters::get(self, cloud, &input),
            "GetParameters" => parameters::get_many(self, cloud, &input),
            "GetParametersByPath" => parameters::by_path(self, cloud, &input),
            "DeleteParameter" => parameters::delete(self, &input),
            "DeleteParameters" => parameters::delete_many(self, &input),
            "DescribeParameters" => describe::describe(self, cloud, &input),
            "AddTagsToResource" => tags::add(self, &input),
            "RemoveTagsFromResource" => tags::remove(self, &input),
            "ListTagsForResource" => tags::list(self, &input),
            _ => Err(Refusal::unknown_call("SSM", action)),
        }
    }

    fn find(&self, name: &str) -> Result<Option<Parameter>, Refusal> {
        Ok(self.state.get(KIND, plain(name))?)
    }

    fn keep(&self, parameter: &Parameter) -> Result<(), Refusal> {
        Ok(self.state.put(KIND, &parameter.name, parameter)?)
    }

    fn all(&self) -> Result<Vec<Parameter>, Refusal> {
        Ok(self.state.list(KIND)?.into_iter().map(|(_, parameter)| parameter).collect())
    }
}

/// The name in an ARN, or the name itself.
fn plain(name: &str) -> &str {
    match name.starts_with("arn:").then(|| name.split_once(":parameter")) {
        Some(Some((_, path))) if path.get(1..).is_some_and(|rest| rest.contains('/')) => path,
        Some(Some((_, path))) => path.trim_start_matches('/'),
        _ => name,
    }
}

fn arn(cloud: &Cloud, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{}:{}:parameter{slash}{name}", cloud.place.region, cloud.place.account)
}

fn text<'a>(input: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    input[member].as_str().ok_or_else(|| Refusal::new(400, "ValidationException", format!("{member} must not be null")))
}

fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    input[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn missing(name: &str) -> Refusal {
    Refusal::new(400, "ParameterNotFound", format!("The parameter {name} is not there"))
}

/// One page of names after a token; with the next token when there is more.
fn page(items: Vec<Parameter>, input: &Value, most: usize) -> Result<(Vec<Parameter>, Option<String>), Refusal> {
    let limit = match &input["MaxResults"] {
        Value::Null => most,
        given => {
            usize::try_from(given.as_i64().unwrap_or(0)).ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(
                || Refusal::new(400, "ValidationException", format!("MaxResults must be between 1 and {most}")),
            )?
        }
    };
    let after = input["NextToken"].as_str().unwrap_or_default();
    let mut items: Vec<Parameter> = items.into_iter().filter(|parameter| parameter.name.as_str() > after).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|parameter| parameter.name.clone());
    Ok((items, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_may_be_named_by_its_arn() {
        assert_eq!(plain("arn:aws:ssm:us-east-1:000000000000:parameter/a/b"), "/a/b");
        assert_eq!(plain("arn:aws:ssm:us-east-1:000000000000:parameter/a"), "a");
        assert_eq!(plain("arn:aws:ssm:us-east-1:000000000000:parameter"), "");
        assert_eq!(plain("/a/b"), "/a/b");
    }
}
