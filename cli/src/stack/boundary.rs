//! The permissions boundary of the stage's roles: an administrator's `chatctl bootstrap` makes it, roles carry it where
//! it is there (A35). It must not know what it allows.

use super::ground::{Ground, Result};
use crate::aws::{call, if_there};

/// Its ARN, derived.
pub(super) fn arn(ground: &Ground) -> String {
    ground.aws.global_arn("iam", &format!("policy/{}", ground.names.policy("boundary")))
}

/// Its ARN, where it is there. Whoever may not look has none: then a role without one is refused, if one is required.
pub(super) async fn find(ground: &Ground) -> Result<Option<String>> {
    let arn = arn(ground);
    if let Some(account) = ground.account().await? {
        return Ok(account.policies.contains(&arn).then_some(arn));
    }
    let answer = ground.aws.iam.get_policy().policy_arn(&arn).send().await;
    match if_there(answer.map_err(call("IAM", "GetPolicy", &arn))) {
        Ok(found) => Ok(found.map(|_| arn)),
        Err(error) if error.is_not_for_us() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
