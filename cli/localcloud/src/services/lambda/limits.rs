//! How many invocations a function may have at once, its guard against loops, and the account's limits.

use bytes::Bytes;
use serde_json::json;

use super::function::{arn, parse_name};
use super::input::Input;
use super::manage::Query;
use super::{Answered, Lambda, refusals};
use crate::wire::RestAnswer;

/// What an account may run at once, of which so many stay unreserved (A17).
const ACCOUNT_AT_ONCE: usize = 1000;
const UNRESERVED_LEAST: usize = 100;
const CODE_BYTES: u64 = 80_530_636_800;

impl Lambda {
    pub(super) fn put_concurrency(&self, asked: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(&["ReservedConcurrentExecutions", "FunctionName"])?;
        let reserved = input.number("ReservedConcurrentExecutions", 0, i64::MAX)?;
        let reserved = reserved.and_then(|reserved| usize::try_from(reserved).ok());
        let reserved = reserved.ok_or_else(|| refusals::invalid("ReservedConcurrentExecutions is missing"))?;
        let others: usize = self.all().iter().filter(|f| f.name != name).filter_map(|f| f.reserved).sum();
        self.edit(&name, |function| {
            if reserved + others + UNRESERVED_LEAST > ACCOUNT_AT_ONCE {
                return Err(refusals::invalid(format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's \
                     UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_LEAST}]."
                )));
            }
            function.reserved = Some(reserved);
            Ok(RestAnswer::json(200, &json!({ "ReservedConcurrentExecutions": reserved })))
        })
    }

    pub(super) fn get_concurrency(&self, asked: &str) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.read(&name, |function| {
            let shown = match function.reserved {
                Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
                None => json!({}),
            };
            Ok(RestAnswer::json(200, &shown))
        })
    }

    pub(super) fn delete_concurrency(&self, asked: &str) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.edit(&name, |function| {
            function.reserved = None;
            Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() })
        })
    }

    pub(super) fn put_recursion(&self, asked: &str, body: &[u8]) -> Answered {
        let (name, _) = parse_name(asked)?;
        let input = Input::parse(body)?;
        input.only(&["RecursiveLoop", "FunctionName"])?;
        let wanted = input.need("RecursiveLoop")?;
        if !matches!(wanted, "Allow" | "Terminate") {
            return Err(refusals::invalid("RecursiveLoop must be Allow or Terminate"));
        }
        self.edit(&name, |function| {
            function.recursion = wanted.to_owned();
            Ok(RestAnswer::json(200, &json!({ "RecursiveLoop": wanted })))
        })
    }

    pub(super) fn get_recursion(&self, asked: &str) -> Answered {
        let (name, _) = parse_name(asked)?;
        self.read(&name, |function| Ok(RestAnswer::json(200, &json!({ "RecursiveLoop": function.recursion }))))
    }

    pub(super) fn account_settings(&self) -> Answered {
        let functions = self.all();
        let reserved: usize = functions.iter().filter_map(|function| function.reserved).sum();
        let code: usize = functions.iter().map(|function| function.latest.code.size).sum();
        let shown = json!({
            "AccountLimit": {
                "TotalCodeSize": CODE_BYTES,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": ACCOUNT_AT_ONCE,
                "UnreservedConcurrentExecutions": ACCOUNT_AT_ONCE - reserved.min(ACCOUNT_AT_ONCE),
            },
            "AccountUsage": { "TotalCodeSize": code, "FunctionCount": functions.len() },
        });
        Ok(RestAnswer::json(200, &shown))
    }

    pub(super) fn list_tags(&self, resource: &str) -> Answered {
        let tags = match self.mapping_of(resource) {
            Some(mapping) => mapping.tags.clone(),
            None => self.read(&tagged(resource)?, |function| Ok(function.tags.clone()))?,
        };
        Ok(RestAnswer::json(200, &json!({ "Tags": tags })))
    }

    pub(super) fn tag(&self, resource: &str, body: &[u8]) -> Answered {
        let input = Input::parse(body)?;
        let tags = input.texts("Tags")?.ok_or_else(|| refusals::invalid("Tags is missing"))?;
        self.change_tags(resource, |kept| kept.extend(tags.clone()))
    }

    pub(super) fn untag(&self, resource: &str, query: &Query) -> Answered {
        let gone = |key: &str| query.0.iter().any(|(name, value)| name == "tagKeys" && value == key);
        self.change_tags(resource, |kept| kept.retain(|key, _| !gone(key)))
    }

    fn change_tags(
        &self,
        resource: &str,
        change: impl Fn(&mut std::collections::BTreeMap<String, String>),
    ) -> Answered {
        match self.mapping_of(resource) {
            Some(mapping) => {
                let mut mapping = (*mapping).clone();
                change(&mut mapping.tags);
                self.keep_mapping(mapping)?;
            }
            None => self.edit(&tagged(resource)?, |function| {
                change(&mut function.tags);
                Ok(())
            })?,
        }
        Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() })
    }
}

/// The function whose tags are meant; aliases and versions have none.
fn tagged(resource: &str) -> Result<String, crate::Refusal> {
    let (name, qualifier) = parse_name(resource)?;
    match (resource.starts_with("arn:"), qualifier) {
        (true, None) => Ok(name),
        _ => Err(refusals::invalid(format!("{resource} cannot have tags; {} can", arn(&name, None)))),
    }
}
