//! The role of a function, with exactly the calls it makes. Never deleted and made again in place: the
//! new one would be another identity (A1). It must not know what the calls are for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_iam::types::Tag;
use reconcile::{Change, Fault, Field, Id, Resource, Visit};
use serde_json::Value;

use super::{
    account::{self, Found, INLINE},
    grants,
    ground::{Ground, Result},
};
use crate::aws::{CallError, call, if_there};

/// The note: the policy that was seen, as JSON.
pub(super) const POLICY: &str = "policy";
/// The fact: the role's identity, which a role made again does not share (A1).
pub(super) const ROLE_ID: &str = "role-id";
/// The fact: the boundary that the role is to carry, where there is one (A35).
pub const BOUNDARY: &str = "boundary";

const SERVICE: &str = "IAM";
/// The field of who may take it.
const TRUST: &str = "trust";
/// How long a new role may not be found (A21).
const FOUND: Duration = Duration::from_secs(60);

/// The id of a function's role.
pub fn id(function: &str) -> Id {
    Id::new("role", function)
}

pub(super) struct Role {
    pub(super) ground: Arc<Ground>,
    pub(super) function: &'static str,
    pub(super) trust: Value,
    pub(super) policy: Value,
}

/// What is seen of a role; a document that is not JSON is `Null`.
pub(super) struct Seen {
    trust: Value,
    policy: Option<Value>,
    boundary: Option<String>,
}

/// The names of roles with our prefix.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeSet<String>, CallError> {
    let prefix = ground.prefix();
    let mut pages = ground.aws.iam.list_roles().max_items(1000).into_paginator().send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let roles = page.map_err(call(SERVICE, "ListRoles", &prefix))?.roles;
        names.extend(roles.into_iter().map(|role| role.role_name).filter(|name| name.starts_with(&prefix)));
    }
    Ok(names)
}

/// Whether the role carries our tags.
pub(super) async fn is_ours(ground: &Ground, name: &str) -> Result<bool> {
    let role = match ground.account().await? {
        Some(account) => account.roles.get(name).cloned(),
        None => account::bare(ground, name).await?,
    };
    Ok(role.is_some_and(|role| ground.owner.owns(role.tags())))
}

/// The role as a plan sees it, by the account's one answer where there is one; else as it is now.
async fn look(ground: &Ground, name: &str, planning: bool) -> Result<Option<Found>> {
    if planning {
        if let Some(account) = ground.account().await? {
            return Ok(account.roles.get(name).cloned());
        }
        if !ground.roles().await?.contains(name) {
            return Ok(None);
        }
    }
    Ok(account::one(ground, name).await?)
}

impl Resource for Role {
    type Seen = Seen;

    fn id(&self) -> Id {
        id(self.function)
    }

    /// A new role is not believed by Lambda for some seconds (A2): the longest pole of a first `up`.
    fn takes(&self) -> Duration {
        Duration::from_secs(12)
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        vec![(TRUST.into(), self.trust.to_string()), ("policy".into(), self.policy.to_string())]
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let name = self.name();
        if let Some(boundary) = self.ground.boundary().await? {
            visit.learn(BOUNDARY, boundary.clone());
        }
        let Some(found) = look(&self.ground, &name, visit.planning()).await? else { return Ok(None) };
        self.check(&found)?;
        let Found { role_id, trust, policy, boundary, .. } = found;
        visit.learn(ROLE_ID, role_id);
        if let Some(policy) = &policy {
            visit.note(POLICY, policy.to_string());
        }
        Ok(Some(Seen { trust, policy, boundary }))
    }

    fn diff(&self, seen: Option<&Seen>, visit: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let mut fields = Vec::new();
        if seen.trust != self.trust {
            fields.push(Field::new(TRUST, seen.trust.to_string(), self.trust.to_string()));
        }
        fields.extend(self.widened(seen.policy.as_ref()).1);
        // Where none is known, one that somebody has set stays: it only narrows.
        let wanted = visit.known(&self.id(), BOUNDARY).filter(|wanted| seen.boundary.as_ref() != Some(wanted));
        fields.extend(wanted.map(|wanted| Field::new(BOUNDARY, seen.boundary.clone(), wanted)));
        Change::update(fields)
    }

    async fn apply(&self, change: &Change, seen: Option<Seen>, visit: &Visit) -> Result<()> {
        if *change == Change::Create {
            self.create(visit).await?;
        } else {
            // First: without it the deployer's policy allows no change of a role (A35).
            if change.touches(BOUNDARY) {
                self.set_boundary(visit).await?;
            }
            if change.touches(TRUST) {
                self.set_trust().await?;
            }
        }
        if *change == Change::Create || change.fields().iter().any(|field| ![TRUST, BOUNDARY].contains(&&*field.name)) {
            let (name, (policy, _)) = (self.name(), self.widened(seen.and_then(|seen| seen.policy).as_ref()));
            visit.settle("the role to be found", FOUND, || put_policy(&self.ground, &name, &policy)).await?;
            visit.note(POLICY, policy.to_string());
        }
        Ok(())
    }

    async fn delete(&self, _: Seen, _: &Visit) -> Result<()> {
        remove(&self.ground, &self.name()).await
    }
}

/// Sets it; `None` while the role is not found.
pub(super) async fn put_policy(ground: &Ground, name: &str, policy: &Value) -> Result<Option<()>> {
    let request = ground.aws.iam.put_role_policy().role_name(name).policy_name(INLINE);
    let answer = request.policy_document(policy.to_string()).send().await;
    Ok(if_there(answer.map_err(call(SERVICE, "PutRolePolicy", name)))?.map(drop))
}

/// Removes a role with its policies.
pub(super) async fn remove(ground: &Ground, name: &str) -> Result<()> {
    let answer = ground.aws.iam.list_role_policies().role_name(name).send().await;
    let policies = if_there(answer.map_err(call(SERVICE, "ListRolePolicies", name)))?;
    for policy in policies.map(|answer| answer.policy_names).unwrap_or_default() {
        let answer = ground.aws.iam.delete_role_policy().role_name(name).policy_name(policy).send().await;
        if_there(answer.map_err(call(SERVICE, "DeleteRolePolicy", name)))?;
    }
    let answer = ground.aws.iam.delete_role().role_name(name).send().await;
    match if_there(answer.map_err(call(SERVICE, "DeleteRole", name))) {
        Err(error) if error.is("DeleteConflict") => Err(held(ground, name, error).await),
        answer => Ok(answer.map(drop)?),
    }
}

/// Why a role cannot go: somebody has attached a policy to it, or put it into an instance profile. That is theirs, and
/// nothing that a deployer may undo (A35), so it is said what is typed to undo it.
async fn held(ground: &Ground, name: &str, error: CallError) -> Fault {
    let answer = ground.aws.iam.list_attached_role_policies().role_name(name).send().await;
    let attached = answer.ok().and_then(|answer| answer.attached_policies).unwrap_or_default();
    let arns: Vec<String> = attached.into_iter().filter_map(|policy| policy.policy_arn).collect();
    if arns.is_empty() {
        let next = format!(
            "aws iam list-attached-role-policies --role-name {name}, and aws iam list-instance-profiles-for-role \
             --role-name {name}; take the role out of what they list, then the same command again"
        );
        return Fault::new(error).with_next(Some(next));
    }
    let detach = |arn: &String| format!("aws iam detach-role-policy --role-name {name} --policy-arn {arn}");
    let next = format!("{}, then the same command again", arns.iter().map(detach).collect::<Vec<_>>().join(", then "));
    let what = format!("role {name} has policies that chatctl did not attach: {} ({error})", arns.join(", "));
    Fault::new(what).with_next(Some(next))
}

impl Role {
    fn name(&self) -> String {
        self.ground.names.role(self.function)
    }

    fn check(&self, role: &Found) -> Result<()> {
        self.ground.owner.check(format!("role {}", self.name()), role.tags())
    }

    /// The policy to set before anything changes, and what it adds: all that stands and all that is wanted. What is
    /// allowed beyond that goes when the rest is done (A31). A policy of another form is set aside at once.
    fn widened(&self, seen: Option<&Value>) -> (Value, Vec<Field>) {
        match (seen.and_then(grants::of), grants::of(&self.policy)) {
            (Some(have), Some(want)) => {
                (grants::policy(&have.union(&want).cloned().collect()), grants::added(&have, &want))
            }
            _ if seen == Some(&self.policy) => (self.policy.clone(), Vec::new()),
            _ => {
                let field = Field::new(POLICY, seen.map(Value::to_string), self.policy.to_string());
                (self.policy.clone(), vec![field])
            }
        }
    }

    /// One of ours that is there is adopted (A12).
    async fn create(&self, visit: &Visit) -> Result<()> {
        let name = self.name();
        let mut request = self.ground.aws.iam.create_role().role_name(&name);
        request = request.assume_role_policy_document(self.trust.to_string());
        request = request.set_permissions_boundary(visit.known(&self.id(), BOUNDARY));
        for (key, value) in self.ground.owner.tags() {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(Fault::new)?);
        }
        let role_id = match request.send().await.map_err(call(SERVICE, "CreateRole", &name)) {
            Ok(answer) => answer.role.map(|role| role.role_id),
            Err(error) if error.is_taken() => {
                let look = || async { Ok(account::bare(&self.ground, &name).await?) };
                let role = visit.settle("the role to be found", FOUND, look).await?;
                self.check(&role)?;
                self.set_boundary(visit).await?;
                self.set_trust().await?;
                Some(role.role_id)
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(role_id) = role_id {
            visit.learn(ROLE_ID, role_id);
        }
        Ok(())
    }

    async fn set_boundary(&self, visit: &Visit) -> Result<()> {
        let Some(boundary) = visit.known(&self.id(), BOUNDARY) else { return Ok(()) };
        let name = self.name();
        let request = self.ground.aws.iam.put_role_permissions_boundary().role_name(&name);
        let answer = request.permissions_boundary(boundary).send().await;
        answer.map_err(call(SERVICE, "PutRolePermissionsBoundary", &name))?;
        Ok(())
    }

    async fn set_trust(&self) -> Result<()> {
        let name = self.name();
        let request = self.ground.aws.iam.update_assume_role_policy().role_name(&name);
        let answer = request.policy_document(self.trust.to_string()).send().await;
        answer.map_err(call(SERVICE, "UpdateAssumeRolePolicy", &name))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};
    use serde_json::json;

    /// A31
    #[tokio::test]
    async fn a31_a_role_is_widened_by_what_is_missing_and_keeps_what_is_allowed_until_the_end() {
        let allow = |calls: &[&str]| json!({ "Statement": [{ "Effect": "Allow", "Action": calls, "Resource": "q" }] });
        let (trust, policy) = (json!({}), allow(&["sqs:SendMessage", "sqs:ReceiveMessage"]));
        let role = Role { ground: Arc::new(ground().await), function: "f", trust: trust.clone(), policy };
        let seen = allow(&["sqs:ReceiveMessage", "sqs:DeleteQueue"]);
        let (widened, added) = role.widened(Some(&seen));
        assert_eq!(added, [Field::new("sqs:SendMessage on q", None, "allowed".to_owned())]);
        let all = allow(&["sqs:DeleteQueue", "sqs:ReceiveMessage", "sqs:SendMessage"]);
        assert_eq!(grants::of(&widened), grants::of(&all));
        assert_eq!(visiting(&role, Some(Seen { trust, policy: Some(all), boundary: None })), Change::Keep);
    }

    #[tokio::test]
    async fn a_role_differs_by_its_documents_and_not_by_how_they_are_written() {
        let (trust, policy) = (json!({ "Version": "2012-10-17" }), json!({ "Statement": [1] }));
        let role =
            Role { ground: Arc::new(ground().await), function: "f", trust: trust.clone(), policy: policy.clone() };
        let other = json!({ "Statement": [2] });
        for (seen, change) in [
            (None, Change::Create),
            (
                Some(Seen {
                    trust: account::document("%7B%22Version%22%3A %222012-10-17%22%7D"),
                    policy: Some(policy.clone()),
                    boundary: None,
                }),
                Change::Keep,
            ),
            (
                Some(Seen { trust: trust.clone(), policy: None, boundary: None }),
                Change::Update(vec![Field::new("policy", None, policy.to_string())]),
            ),
            (
                Some(Seen { trust: Value::Null, policy: Some(other.clone()), boundary: None }),
                Change::Update(vec![
                    Field::new("trust", "null".to_owned(), trust.to_string()),
                    Field::new("policy", other.to_string(), policy.to_string()),
                ]),
            ),
        ] {
            assert_eq!(visiting(&role, seen), change);
        }
    }
    /// A35: a role carries the boundary where there is one, and keeps what it has where there is none.
    #[tokio::test]
    async fn a35_a_role_differs_by_its_boundary_where_one_is_wanted() {
        use crate::stack::visiting_with;
        let (trust, policy) = (json!({ "Version": "2012-10-17" }), json!({ "Statement": [1] }));
        let ground = Arc::new(ground().await);
        let role = Role { ground, function: "f", trust: trust.clone(), policy: policy.clone() };
        let seen = |boundary: Option<&str>| {
            let (trust, policy) = (trust.clone(), Some(policy.clone()));
            Some(Seen { trust, policy, boundary: boundary.map(str::to_owned) })
        };
        let wanting = |wanted: Option<&str>| {
            let facts = reconcile::Facts::default();
            if let Some(wanted) = wanted {
                facts.learn(&role.id(), BOUNDARY, wanted.to_owned());
            }
            facts
        };
        let set = |before: Option<&str>| {
            Change::Update(vec![Field::new(BOUNDARY, before.map(str::to_owned), "b".to_owned())])
        };
        for (wanted, there, change) in [
            (None, None, Change::Keep),
            (None, Some("other"), Change::Keep),
            (Some("b"), Some("b"), Change::Keep),
            (Some("b"), None, set(None)),
            (Some("b"), Some("other"), set(Some("other"))),
        ] {
            assert_eq!(visiting_with(&role, seen(there), wanting(wanted)), change, "{wanted:?} {there:?}");
        }
    }
}
