//! IAM: roles with their inline policies, boundaries and tags, and managed policies. Kept for those who ask; who may do what is not enforced.

mod details;
mod managed;
mod policies;
mod roles;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::wire::query::{Form, Xml};
use crate::{Cloud, Error, Refusal, State};

pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
const KIND: &str = "iam-role";

const CALLS: &[&str] = &[
    "CreatePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "GetAccountAuthorizationDetails",
    "GetPolicy",
    "GetPolicyVersion",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListPolicies",
    "ListPolicyTags",
    "ListPolicyVersions",
    "ListRolePolicies",
    "ListRoleTags",
    "ListRoles",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "SetDefaultPolicyVersion",
    "TagRole",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
];

/// IAM's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Role {
    name: String,
    id: String,
    path: String,
    arn: String,
    trust: String,
    description: Option<String>,
    session_seconds: u32,
    boundary: Option<String>,
    created_at: i64,
    tags: BTreeMap<String, String>,
    policies: BTreeMap<String, String>,
}

/// The roles of the account.
pub(crate) struct Iam {
    state: State,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Iam {
    /// Opens the roles.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        Ok(Self { state: state.clone(), changing: Mutex::default() })
    }

    /// Whether there is a role of that ARN.
    pub(crate) fn has_role(&self, arn: &str) -> bool {
        let name = arn.rsplit('/').next().unwrap_or_default();
        self.state.get::<Role>(KIND, name).ok().flatten().is_some_and(|role| role.arn == arn)
    }

    /// Does a call.
    pub(crate) fn call(&self, cloud: &Cloud, action: &str, form: &Form) -> Result<Xml, Refusal> {
        let _alone = self.alone();
        match action {
            "CreateRole" => roles::create(self, cloud, form),
            "GetRole" => roles::get(self, form),
            "ListRoles" => roles::list(self, form),
            "DeleteRole" => roles::delete(self, form),
            "UpdateRole" => roles::update(self, form),
            "UpdateAssumeRolePolicy" => roles::update_trust(self, form),
            "TagRole" => roles::tag(self, form),
            "UntagRole" => roles::untag(self, form),
            "ListRoleTags" => roles::tags(self, form),
            "PutRolePolicy" => policies::put(self, form),
            "GetRolePolicy" => policies::get(self, form),
            "DeleteRolePolicy" => policies::delete(self, form),
            "ListRolePolicies" => policies::list(self, form),
            "ListAttachedRolePolicies" => policies::attached(self, form),
            "PutRolePermissionsBoundary" => roles::put_boundary(self, form),
            "DeleteRolePermissionsBoundary" => roles::delete_boundary(self, form),
            "CreatePolicy" => managed::create(self, cloud, form),
            "GetAccountAuthorizationDetails" => details::all(self, form),
            "GetPolicy" => managed::get(self, form),
            "ListPolicies" => managed::list(self, form),
            "DeletePolicy" => managed::delete(self, form),
            "ListPolicyTags" => managed::tags(self, form),
            "CreatePolicyVersion" => managed::create_version(self, form),
            "GetPolicyVersion" => managed::get_version(self, form),
            "ListPolicyVersions" => managed::list_versions(self, form),
            "SetDefaultPolicyVersion" => managed::set_default(self, form),
            "DeletePolicyVersion" => managed::delete_version(self, form),
            _ => Err(Refusal::unknown_call("IAM", action)),
        }
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn role(&self, form: &Form) -> Result<Role, Refusal> {
        let name = form.need("RoleName")?;
        self.state
            .get(KIND, name)?
            .ok_or_else(|| Refusal::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found.")))
    }

    fn keep(&self, role: &Role) -> Result<(), Refusal> {
        Ok(self.state.put(KIND, &role.name, role)?)
    }
}

/// A policy must at least be JSON with statements.
fn check_document(document: &str) -> Result<(), Refusal> {
    let parsed: Option<serde_json::Value> = serde_json::from_str(document).ok();
    match parsed {
        Some(policy) if policy["Statement"].is_array() || policy["Statement"].is_object() => Ok(()),
        _ => Err(Refusal::new(400, "MalformedPolicyDocument", "The policy is not in the valid JSON format.")),
    }
}

/// Policies travel percent-encoded.
fn encoded(document: &str) -> String {
    percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string()
}
