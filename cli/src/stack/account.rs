//! The roles of this stage with all that is in them, and its boundary, by one call where the account is small: else each
//! is asked for. It must not know what a role is wanted to be.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EntityType, PolicyDetail, RoleDetail, Tag};
use serde_json::Value;

use super::ground::Ground;
use crate::aws::{CallError, call, if_there};

const SERVICE: &str = "IAM";
/// Of larger accounts one answer holds only a part, and all of them are slower than our own roles one by one.
const SMALL: i32 = 200;
/// The name of a role's one inline policy.
pub(super) const INLINE: &str = "calls";

/// A role as it was found; a document that is not JSON is `Null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) role_id: String,
    pub(super) trust: Value,
    pub(super) policy: Option<Value>,
    pub(super) boundary: Option<String>,
    pub(super) tags: Vec<(String, String)>,
}

impl Found {
    pub(super) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// What one call says of an account.
pub(super) struct Account {
    /// The roles with our prefix, by name.
    pub(super) roles: BTreeMap<String, Found>,
    /// The ARNs of the account's own policies with our prefix.
    pub(super) policies: Vec<String>,
}

/// All at once; `None` where the account is too large for one answer, or the call is not for us: a deployer's policy
/// need not show every role of an account.
pub(super) async fn at_once(ground: &Ground) -> Result<Option<Account>, CallError> {
    let prefix = ground.prefix();
    let request = ground.aws.iam.get_account_authorization_details().max_items(SMALL);
    let request = request.filter(EntityType::Role).filter(EntityType::LocalManagedPolicy);
    let answer = match request.send().await.map_err(call(SERVICE, "GetAccountAuthorizationDetails", &prefix)) {
        Ok(answer) if answer.is_truncated => return Ok(None),
        Ok(answer) => answer,
        Err(error) if error.is_not_for_us() => return Ok(None),
        Err(error) => return Err(error),
    };
    let roles = answer.role_detail_list.unwrap_or_default().into_iter();
    let policies = answer.policies.unwrap_or_default().into_iter();
    let is_ours = |name: &Option<String>| name.as_ref().is_some_and(|name| name.starts_with(&prefix));
    Ok(Some(Account {
        roles: roles.filter(|role| is_ours(&role.role_name)).filter_map(detailed).collect(),
        policies: policies.filter(|policy| is_ours(&policy.policy_name)).filter_map(|policy| policy.arn).collect(),
    }))
}

fn detailed(role: RoleDetail) -> Option<(String, Found)> {
    let policies = role.role_policy_list.unwrap_or_default();
    let inline = policies.iter().find(|policy| policy.policy_name() == Some(INLINE));
    let found = Found {
        role_id: role.role_id?,
        trust: role.assume_role_policy_document.as_deref().map_or(Value::Null, document),
        policy: inline.and_then(PolicyDetail::policy_document).map(document),
        boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        tags: owned(&role.tags.unwrap_or_default()),
    };
    Some((role.role_name?, found))
}

/// One role, with its policy, by its own two calls.
pub(super) async fn one(ground: &Ground, name: &str) -> Result<Option<Found>, CallError> {
    let (role, policy) = tokio::join!(bare(ground, name), policy(ground, name));
    let Some(role) = role? else { return Ok(None) };
    Ok(Some(Found { policy: policy?, ..role }))
}

/// One role without its policy.
pub(super) async fn bare(ground: &Ground, name: &str) -> Result<Option<Found>, CallError> {
    let answer = ground.aws.iam.get_role().role_name(name).send().await;
    let role = if_there(answer.map_err(call(SERVICE, "GetRole", name)))?.and_then(|answer| answer.role);
    Ok(role.map(|role| Found {
        trust: role.assume_role_policy_document.as_deref().map_or(Value::Null, document),
        policy: None,
        tags: owned(role.tags()),
        boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        role_id: role.role_id,
    }))
}

/// The role's policy; `None` without one.
pub(super) async fn policy(ground: &Ground, name: &str) -> Result<Option<Value>, CallError> {
    let answer = ground.aws.iam.get_role_policy().role_name(name).policy_name(INLINE).send().await;
    let answer = if_there(answer.map_err(call(SERVICE, "GetRolePolicy", name)))?;
    Ok(answer.map(|answer| document(&answer.policy_document)))
}

fn owned(tags: &[Tag]) -> Vec<(String, String)> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// IAM answers documents percent-encoded.
pub(super) fn document(text: &str) -> Value {
    serde_json::from_str(&percent_decoded(text)).unwrap_or(Value::Null)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.get(..2)).flatten();
        let byte = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
