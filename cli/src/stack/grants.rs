//! What a policy of our form allows, call by call: so that a role can be widened before its function changes and
//! narrowed after (A31). A policy of another form is nobody's to take apart.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::Field;
use serde_json::{Value, json};

/// Each call with what it may be made on.
pub(super) type Grants = BTreeSet<(String, String)>;

const ALLOWED: &str = "allowed";

/// What the policy allows; `None` where it says more than that: a condition, a denial.
pub(super) fn of(policy: &Value) -> Option<Grants> {
    let mut grants = Grants::new();
    for statement in policy["Statement"].as_array()? {
        let known = |key: &String| matches!(key.as_str(), "Sid" | "Effect" | "Action" | "Resource");
        if !statement.as_object()?.keys().all(known) || statement["Effect"] != "Allow" {
            return None;
        }
        for call in texts(&statement["Action"])? {
            grants.extend(texts(&statement["Resource"])?.into_iter().map(|on| (call.clone(), on)));
        }
    }
    Some(grants)
}

/// One text, or several.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The policy that allows exactly these.
pub(super) fn policy(grants: &Grants) -> Value {
    let mut by_resource: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (call, on) in grants {
        by_resource.entry(on).or_default().push(call);
    }
    let statement = |(on, calls)| json!({ "Effect": "Allow", "Action": calls, "Resource": on });
    let statements: Vec<Value> = by_resource.into_iter().map(statement).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What `want` allows and `have` does not, as fields of a change.
pub(super) fn added(have: &Grants, want: &Grants) -> Vec<Field> {
    want.difference(have).map(|grant| Field::new(named(grant), None, ALLOWED.to_owned())).collect()
}

/// What `have` allows and `want` does not, as fields of a change.
pub(super) fn taken(have: &Grants, want: &Grants) -> Vec<Field> {
    have.difference(want).map(|grant| Field::new(named(grant), ALLOWED.to_owned(), None)).collect()
}

/// `sqs:SendMessage on chat-dev-new-messages`.
fn named((call, on): &(String, String)) -> String {
    format!("{call} on {}", on.splitn(6, ':').last().unwrap_or(on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(call: &str, on: &str) -> (String, String) {
        (call.to_owned(), on.to_owned())
    }

    #[test]
    fn a_policy_is_read_whether_it_names_one_call_or_several() {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "x", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ["q1", "q2"] },
            { "Effect": "Allow", "Action": ["ssm:GetParameter"], "Resource": "p" },
        ]});
        let grants = of(&policy).unwrap();
        let should = [grant("sqs:SendMessage", "q1"), grant("sqs:SendMessage", "q2"), grant("ssm:GetParameter", "p")];
        assert_eq!(grants, should.into());
        assert_eq!(of(&super::policy(&grants)), Some(grants));
    }

    #[test]
    fn a_policy_that_says_more_than_what_is_allowed_is_not_taken_apart() {
        for statement in [
            json!({ "Effect": "Deny", "Action": "a", "Resource": "r" }),
            json!({ "Effect": "Allow", "Action": "a", "Resource": "r", "Condition": {} }),
            json!({ "Effect": "Allow", "NotAction": "a", "Resource": "r" }),
            json!(1),
        ] {
            assert_eq!(of(&json!({ "Statement": [statement] })), None);
        }
    }

    #[test]
    fn a_right_is_named_by_its_call_and_what_it_is_on() {
        let want = Grants::from([grant("sqs:SendMessage", "arn:aws:sqs:us-east-1:0:chat-dev-new-messages")]);
        assert_eq!(added(&Grants::new(), &want)[0].name, "sqs:SendMessage on chat-dev-new-messages");
        assert_eq!(taken(&want, &want), []);
    }
}
