//! A secret of the stage: made once, kept in SSM as a SecureString, never overwritten, never shown. Its
//! public half is a tag of the creating call (A28). It must not know what the secret is used for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging, Tag};
use chat::{room::OperatorKey, webpush::vapid::VapidKey};
use reconcile::{Change, Fault, Field, Id, Resource, Visit};

use super::{
    ground::{Ground, Result, read_operator_key},
    public_key,
};
use crate::aws::{CallError, call, if_there};

/// The fact: the secret's public half, base64url.
pub const PUBLIC: &str = "public";
/// The VAPID key's name.
pub const VAPID_KEY: &str = "vapid-key";
/// The operator's room key's name.
pub const ROOM_KEY: &str = "room-key";

const SERVICE: &str = "SSM";
/// The tag with the public half.
const PUBLIC_TAG: &str = "chatctl:public";
/// How long a new parameter may not be found (A21).
const FOUND: Duration = Duration::from_secs(30);

/// The id of a secret.
pub fn id(which: &str) -> Id {
    Id::new("parameter", which)
}

/// Which secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    /// The private key of pushes: a new one kills every subscription.
    VapidKey,
    /// The operator's key: a new one closes every room.
    RoomKey,
}

impl Secret {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::VapidKey => VAPID_KEY,
            Self::RoomKey => ROOM_KEY,
        }
    }
}

pub(super) struct Parameter {
    pub(super) ground: Arc<Ground>,
    pub(super) secret: Secret,
}

/// What is seen of a secret: its public half, if its tag is there.
pub(super) struct Seen {
    public: Option<String>,
}

/// The names of our parameters. Their path is the stage's alone.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeSet<String>, CallError> {
    let path = ground.names.parameter_path();
    let mut pages = ground.aws.ssm.get_parameters_by_path().path(&path).into_paginator().send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let parameters = page.map_err(call(SERVICE, "GetParametersByPath", &path))?.parameters.unwrap_or_default();
        names.extend(parameters.into_iter().filter_map(|parameter| parameter.name));
    }
    Ok(names)
}

/// Whether the parameter carries our tags.
pub(super) async fn is_ours(ground: &Ground, name: &str) -> Result<bool> {
    let tags = if_there(tags_of(&ground.aws, name).await)?.unwrap_or_default();
    Ok(ground.owner.owns(pairs(&tags)))
}

/// The public half of a secret, from its tag.
pub(super) async fn public_half(aws: &crate::aws::Aws, name: &str) -> std::result::Result<Option<String>, CallError> {
    Ok(if_there(tags_of(aws, name).await)?.and_then(|tags| public_of(&tags)))
}

async fn tags_of(aws: &crate::aws::Aws, name: &str) -> std::result::Result<Vec<Tag>, CallError> {
    let request = aws.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    Ok(request.send().await.map_err(call(SERVICE, "ListTagsForResource", name))?.tag_list.unwrap_or_default())
}

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key(), tag.value()))
}

fn public_of(tags: &[Tag]) -> Option<String> {
    tags.iter().find(|tag| tag.key() == PUBLIC_TAG).map(|tag| tag.value().to_owned())
}

impl Resource for Parameter {
    type Seen = Seen;

    fn id(&self) -> Id {
        id(self.secret.name())
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        vec![("public half".into(), "as a tag".into())]
    }

    fn costs(&self, change: &Change) -> Option<String> {
        let what = match self.secret {
            Secret::VapidKey => "every subscription: each browser must subscribe again",
            Secret::RoomKey => "every room's link, and with it the way to its messages",
        };
        change.removes().then(|| what.to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let name = self.name();
        if visit.planning() && !self.ground.parameters().await?.contains(&name) {
            return Ok(None);
        }
        let Some(tags) = if_there(tags_of(&self.ground.aws, &name).await)? else { return Ok(None) };
        self.ground.owner.check(format!("parameter {name}"), pairs(&tags))?;
        let public = public_of(&tags);
        if let Some(public) = &public {
            visit.learn(PUBLIC, public.clone());
        }
        Ok(Some(Seen { public }))
    }

    fn diff(&self, seen: Option<&Seen>, _: &Visit) -> Change {
        match seen {
            None => Change::Create,
            Some(Seen { public: Some(_) }) => Change::Keep,
            Some(Seen { public: None }) => Change::Update(vec![Field::new("public half", None, "as a tag".to_owned())]),
        }
    }

    async fn apply(&self, change: &Change, _: Option<Seen>, visit: &Visit) -> Result<()> {
        let public = match change {
            Change::Create => self.create(visit).await?,
            _ => self.tag().await?,
        };
        visit.learn(PUBLIC, public);
        Ok(())
    }

    async fn delete(&self, _: Seen, _: &Visit) -> Result<()> {
        remove(&self.ground, &self.name()).await
    }
}

/// Removes a parameter.
pub(super) async fn remove(ground: &Ground, name: &str) -> Result<()> {
    let answer = ground.aws.ssm.delete_parameter().name(name).send().await;
    if_there(answer.map_err(call(SERVICE, "DeleteParameter", name)))?;
    Ok(())
}

impl Parameter {
    fn name(&self) -> String {
        self.ground.names.parameter(self.secret.name())
    }

    /// Makes the secret, unless one of ours is there: then that one is it (A12).
    async fn create(&self, visit: &Visit) -> Result<String> {
        let name = self.name();
        let made = Made::new(self.secret);
        let mut request = self.ground.aws.ssm.put_parameter().name(&name).value(&made.value);
        request = request.r#type(ParameterType::SecureString).overwrite(false);
        let tags = self.ground.owner.tags().chain([(PUBLIC_TAG, made.public.as_str())]);
        for (key, value) in tags {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(Fault::new)?);
        }
        match request.send().await.map_err(call(SERVICE, "PutParameter", &name)) {
            Ok(_) => {
                if let Some(key) = made.operator_key {
                    self.ground.keep_operator_key(key);
                }
                Ok(made.public)
            }
            Err(error) if error.is_taken() => {
                let look = || async { self.observe(visit).await };
                match visit.settle("the parameter to answer", FOUND, look).await?.public {
                    Some(public) => Ok(public),
                    None => self.tag().await,
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Computes the public half again, where somebody took its tag away.
    async fn tag(&self) -> Result<String> {
        let name = self.name();
        let public = match self.secret {
            Secret::RoomKey => read_operator_key(&self.ground.aws, &self.ground.names).await?.room_key().to_base64(),
            Secret::VapidKey => {
                let answer = self.ground.aws.ssm.get_parameter().name(&name).with_decryption(true).send().await;
                let answer = answer.map_err(call(SERVICE, "GetParameter", &name))?;
                let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
                public_key(
                    &VapidKey::from_base64(&value).map_err(|_| Fault::new(format!("{name} holds no VAPID key")))?,
                )
            }
        };
        let tag = Tag::builder().key(PUBLIC_TAG).value(&public).build().map_err(Fault::new)?;
        let request = self.ground.aws.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
        let answer = request.resource_id(&name).tags(tag).send().await;
        answer.map_err(call(SERVICE, "AddTagsToResource", &name))?;
        Ok(public)
    }
}

/// A secret just made.
struct Made {
    value: String,
    public: String,
    operator_key: Option<OperatorKey>,
}

impl Made {
    fn new(secret: Secret) -> Self {
        match secret {
            Secret::VapidKey => {
                let key = VapidKey::generate();
                Self { value: key.to_base64(), public: public_key(&key), operator_key: None }
            }
            Secret::RoomKey => {
                let key = OperatorKey::generate();
                Self { value: key.to_base64(), public: key.room_key().to_base64(), operator_key: Some(key) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ground::tests::ground;
    use crate::stack::visiting;

    #[tokio::test]
    async fn a_secret_that_is_there_is_never_made_again() {
        let parameter = Parameter { ground: Arc::new(ground().await), secret: Secret::VapidKey };
        let lost = Change::Update(vec![Field::new("public half", None, "as a tag".to_owned())]);
        for (seen, change) in [
            (None, Change::Create),
            (Some(Seen { public: Some("B…".into()) }), Change::Keep),
            (Some(Seen { public: None }), lost),
        ] {
            assert_eq!(visiting(&parameter, seen), change);
        }
    }

    #[test]
    fn the_public_half_fits_a_tag_and_does_not_show_the_secret() {
        for secret in [Secret::VapidKey, Secret::RoomKey] {
            let made = Made::new(secret);
            assert!(made.public.len() <= 256 && made.public != made.value);
        }
        assert_eq!(Made::new(Secret::VapidKey).public.len(), 87);
    }
}
