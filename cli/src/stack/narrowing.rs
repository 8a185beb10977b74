//! What a role allows beyond what its function needs: taken away when everything else is done and proved, so that
//! code that still runs keeps what it needs until then (A31). It must not know what the rights are for.

use std::{sync::Arc, time::Duration};

use reconcile::{Change, Field, Id, Resource, Visit};
use serde_json::Value;

use super::{
    account, grants,
    ground::{Ground, Result},
    role,
};

/// Its kind. What a role allows is a part of the role; a step of its own only where there is something to take away.
pub(super) const KIND: &str = "rights";

pub(super) struct Narrowing {
    pub(super) ground: Arc<Ground>,
    pub(super) function: &'static str,
    pub(super) policy: Value,
}

impl Resource for Narrowing {
    /// The role's policy; without one there is nothing to take away.
    type Seen = Option<Value>;

    fn id(&self) -> Id {
        Id::new(KIND, self.function)
    }

    fn needs(&self) -> Vec<Id> {
        vec![role::id(self.function)]
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(50)
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Option<Value>>> {
        // As the plan has seen it or this walk has set it.
        let noted = visit.noted(&role::id(self.function), role::POLICY);
        if visit.planning() || noted.is_some() {
            return Ok(Some(noted.and_then(|policy| serde_json::from_str(&policy).ok())));
        }
        Ok(Some(account::policy(&self.ground, &self.name()).await?))
    }

    fn diff(&self, seen: Option<&Option<Value>>, _: &Visit) -> Change {
        let have = seen.and_then(|seen| seen.as_ref()).and_then(grants::of);
        let surplus: Option<Vec<Field>> =
            have.zip(grants::of(&self.policy)).map(|(have, want)| grants::taken(&have, &want));
        Change::update(surplus.unwrap_or_default())
    }

    async fn apply(&self, _: &Change, _: Option<Option<Value>>, _: &Visit) -> Result<()> {
        role::put_policy(&self.ground, &self.name(), &self.policy).await.map(drop)
    }

    /// It goes with its role.
    async fn delete(&self, _: Option<Value>, _: &Visit) -> Result<()> {
        Ok(())
    }
}

impl Narrowing {
    fn name(&self) -> String {
        self.ground.names.role(self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};
    use serde_json::json;

    /// A31
    #[tokio::test]
    async fn a31_only_what_is_allowed_beyond_what_is_wanted_is_taken_away() {
        let allow = |calls: &[&str]| json!({ "Statement": [{ "Effect": "Allow", "Action": calls, "Resource": "q" }] });
        let narrowing =
            Narrowing { ground: Arc::new(ground().await), function: "f", policy: allow(&["sqs:SendMessage"]) };
        let taken = Field::new("sqs:DeleteQueue on q", "allowed".to_owned(), None);
        for (seen, change) in [
            (None, Change::Keep),
            (Some(allow(&["sqs:SendMessage"])), Change::Keep),
            (Some(allow(&[])), Change::Keep),
            (Some(allow(&["sqs:SendMessage", "sqs:DeleteQueue"])), Change::Update(vec![taken])),
            (Some(json!({ "Statement": "of another form" })), Change::Keep),
        ] {
            assert_eq!(visiting(&narrowing, Some(seen)), change);
        }
    }
}
