//! Who may call a function: a policy of its own for the function and for each alias or version (A31).

use bytes::Bytes;
use serde_json::{Value, json};

use super::function::{LATEST, arn};
use super::input::Input;
use super::manage::{Query, named};
use super::{Answered, Lambda, refusals};
use crate::wire::{Refusal, RestAnswer};

impl Lambda {
    /// Whether a service may call a function on behalf of something (`source`), by the policy of exactly that qualifier.
    pub(crate) fn may_invoke(&self, principal: &str, source: &str, function: &str, qualifier: Option<&str>) -> bool {
        let allowed = self.read(function, |function| {
            let policy = function.policies.get(qualifier.unwrap_or_default());
            Ok(policy.is_some_and(|policy| policy.statements.iter().any(|one| allows(one, principal, source))))
        });
        allowed.unwrap_or(false)
    }

    pub(super) fn add_permission(&self, asked: &str, query: &Query, body: &[u8]) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        let input = Input::parse(body)?;
        input.only(&[
            "StatementId",
            "Action",
            "Principal",
            "SourceArn",
            "SourceAccount",
            "RevisionId",
            "FunctionName",
        ])?;
        let id = input.need("StatementId")?;
        let action = input.need("Action")?;
        if action != "*" && !action.starts_with("lambda:") {
            return Err(refusals::invalid(format!("{action} is not an action of Lambda")));
        }
        let statement = statement(&input, id, action, &arn(&name, qualifier.as_deref()))?;
        self.edit(&name, |function| {
            if qualifier.as_deref() == Some(LATEST) {
                return Err(refusals::invalid("We currently do not support adding policies for $LATEST."));
            }
            function.resolve(qualifier.as_deref())?;
            let policy = function.policies.entry(qualifier.clone().unwrap_or_default()).or_default();
            input.check_revision(&policy.revision)?;
            if policy.statements.iter().any(|statement| statement["Sid"] == id) {
                return Err(refusals::conflict(format!(
                    "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement."
                )));
            }
            policy.statements.push(statement.clone());
            policy.revision = crate::random::uuid();
            Ok(RestAnswer::json(201, &json!({ "Statement": statement.to_string() })))
        })
    }

    pub(super) fn get_policy(&self, asked: &str, query: &Query) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        self.read(&name, |function| {
            function.resolve(qualifier.as_deref())?;
            let policy = function.policies.get(qualifier.as_deref().unwrap_or_default()).ok_or_else(no_policy)?;
            let document = json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements });
            Ok(RestAnswer::json(200, &json!({ "Policy": document.to_string(), "RevisionId": policy.revision })))
        })
    }

    pub(super) fn remove_permission(&self, asked: &str, id: &str, query: &Query) -> Answered {
        let (name, qualifier) = named(asked, query)?;
        let key = qualifier.unwrap_or_default();
        self.edit(&name, |function| {
            let policy = function.policies.get_mut(&key).ok_or_else(no_policy)?;
            if query.get("RevisionId").is_some_and(|asked| asked != policy.revision) {
                return Err(refusals::stale());
            }
            let at = policy.statements.iter().position(|statement| statement["Sid"] == id);
            let at =
                at.ok_or_else(|| refusals::not_found(format!("Statement {id} is not found in resource policy.")))?;
            policy.statements.remove(at);
            policy.revision = crate::random::uuid();
            if policy.statements.is_empty() {
                function.policies.remove(&key);
            }
            Ok(RestAnswer { status: 204, headers: Vec::new(), body: Bytes::new() })
        })
    }
}

fn no_policy() -> Refusal {
    refusals::not_found("The resource you requested does not exist.")
}

fn statement(input: &Input, id: &str, action: &str, resource: &str) -> Result<Value, Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 100 || !id.chars().all(valid) {
        return Err(refusals::invalid(format!("{id} is not a statement id: 1 to 100 of a-z, A-Z, 0-9, - and _")));
    }
    let principal = match input.need("Principal")? {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account => json!({ "AWS": account }),
    };
    let mut statement =
        json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource });
    let mut condition = json!({});
    if let Some(source) = input.text("SourceArn")? {
        condition["ArnLike"] = json!({ "AWS:SourceArn": source });
    }
    if let Some(account) = input.text("SourceAccount")? {
        condition["StringEquals"] = json!({ "AWS:SourceAccount": account });
    }
    if condition.as_object().is_some_and(|condition| !condition.is_empty()) {
        statement["Condition"] = condition;
    }
    Ok(statement)
}

/// Whether a statement lets a service call for a source.
fn allows(statement: &Value, principal: &str, source: &str) -> bool {
    let who = &statement["Principal"];
    let named = who == "*" || who["Service"] == principal;
    let action = statement["Action"].as_str().is_some_and(|action| like(action, "lambda:InvokeFunction"));
    let condition = &statement["Condition"];
    let from = condition["ArnLike"]["AWS:SourceArn"].as_str().is_none_or(|pattern| like(pattern, source));
    let account = condition["StringEquals"]["AWS:SourceAccount"].as_str().is_none_or(|of| of == crate::ACCOUNT);
    named && action && from && account
}

/// Whether a text has the shape of a pattern with `*` (anything) and `?` (one character).
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(wanted), _) if *wanted == b'?' || *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            (_, Some((at, from))) => {
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_in_a_policy() {
        let source = "arn:aws:execute-api:us-east-1:000000000000:abc/$default/POST/api/messages";
        for (pattern, matches) in [
            ("arn:aws:execute-api:us-east-1:000000000000:abc/*/*", true),
            ("arn:aws:execute-api:us-east-1:000000000000:abc/*", true),
            ("arn:aws:execute-api:*:*:ab?/*/POST/api/messages", true),
            ("arn:aws:execute-api:us-east-1:000000000000:other/*", false),
            ("*/GET/*", false),
            ("*", true),
            ("", false),
        ] {
            assert_eq!(like(pattern, source), matches, "{pattern}");
        }
    }

    #[test]
    fn a_statement_allows_its_principal_and_its_source_only() {
        let input = Input::parse(br#"{"Principal":"apigateway.amazonaws.com","SourceArn":"arn:x:abc/*"}"#).unwrap();
        let statement = statement(&input, "s", "lambda:InvokeFunction", "arn:f").unwrap();
        assert!(allows(&statement, "apigateway.amazonaws.com", "arn:x:abc/y"));
        assert!(!allows(&statement, "apigateway.amazonaws.com", "arn:x:abd/y"));
        assert!(!allows(&statement, "events.amazonaws.com", "arn:x:abc/y"));
    }
}
