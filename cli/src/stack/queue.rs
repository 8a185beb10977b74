//! A queue of the stage. Never deleted in order to change it: its name would stay blocked for a
//! minute (A9). It must not know what is put on it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use aws_sdk_sqs::types::QueueAttributeName as Name;
use reconcile::{Change, Fault, Fields, Id, Resource, Visit};

use super::ground::{Ground, Result, too_early};
use crate::aws::{CallError, call, if_there};

/// The fact: the queue's URL.
pub const URL: &str = "url";
/// The field of the visibility timeout, and what is noted of it.
pub(super) const VISIBILITY: &str = "visibility timeout";

const SERVICE: &str = "SQS";
/// How long a deleted queue's name stays blocked (A9), and some more.
const NAME_FREE: Duration = Duration::from_secs(75);
/// How long a new queue may not be found (A21).
const FOUND: Duration = Duration::from_secs(30);
/// How long a deleted queue may still be found.
const GONE: Duration = Duration::from_secs(90);

/// The id of a queue.
pub fn id(which: &str) -> Id {
    Id::new("queue", which)
}

pub(super) struct Queue {
    pub(super) ground: Arc<Ground>,
    pub(super) which: &'static str,
    pub(super) name: String,
    pub(super) want: Attributes,
    pub(super) needs: Vec<Id>,
}

/// What can be set of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    /// How long a message that was taken stays hidden: at least its function's time-out, six times is advised (A10).
    pub(super) visibility: Duration,
    pub(super) retention: Duration,
    pub(super) redrive: Option<Redrive>,
}

/// Where a message goes that was taken too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) to: String,
    pub(super) after: u32,
}

impl Fields for Attributes {
    fn fields(&self) -> Vec<(String, String)> {
        let redrive =
            self.redrive.as_ref().map_or_else(|| "none".into(), |r| format!("{} after {} tries", r.to, r.after));
        vec![
            (VISIBILITY.into(), format!("{} s", self.visibility.as_secs())),
            ("retention".into(), format!("{} s", self.retention.as_secs())),
            ("dead letters".into(), redrive),
        ]
    }
}

impl Attributes {
    fn to_sdk(&self) -> HashMap<Name, String> {
        let mut attributes = HashMap::from([
            (Name::VisibilityTimeout, self.visibility.as_secs().to_string()),
            (Name::MessageRetentionPeriod, self.retention.as_secs().to_string()),
        ]);
        if let Some(redrive) = &self.redrive {
            let policy = serde_json::json!({ "deadLetterTargetArn": redrive.to, "maxReceiveCount": redrive.after });
            attributes.insert(Name::RedrivePolicy, policy.to_string());
        }
        attributes
    }

    fn from_sdk(attributes: &HashMap<Name, String>) -> Self {
        let seconds = |name: Name| {
            Duration::from_secs(attributes.get(&name).and_then(|value| value.parse().ok()).unwrap_or_default())
        };
        Self {
            visibility: seconds(Name::VisibilityTimeout),
            retention: seconds(Name::MessageRetentionPeriod),
            redrive: attributes.get(&Name::RedrivePolicy).and_then(|policy| redrive(policy)),
        }
    }
}

/// The policy's count comes as a number or as a text.
fn redrive(policy: &str) -> Option<Redrive> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let count = &policy["maxReceiveCount"];
    let after = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    Some(Redrive { to: policy["deadLetterTargetArn"].as_str()?.to_owned(), after: u32::try_from(after).ok()? })
}

/// Our queues: names and URLs.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeMap<String, String>, CallError> {
    let prefix = ground.prefix();
    let mut pages = ground.aws.sqs.list_queues().queue_name_prefix(&prefix).max_results(1000).into_paginator().send();
    let mut queues = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let urls = page.map_err(call(SERVICE, "ListQueues", &prefix))?.queue_urls.unwrap_or_default();
        queues.extend(urls.into_iter().filter_map(|url| Some((url.rsplit('/').next()?.to_owned(), url))));
    }
    Ok(queues)
}

/// Whether the queue at this URL carries our tags.
pub(super) async fn is_ours(ground: &Ground, url: &str) -> Result<bool> {
    let tags = if_there(tags_of(ground, url, url).await)?.unwrap_or_default();
    Ok(ground.owner.owns(pairs(&tags)))
}

async fn tags_of(ground: &Ground, url: &str, name: &str) -> std::result::Result<HashMap<String, String>, CallError> {
    let answer = ground.aws.sqs.list_queue_tags().queue_url(url).send().await;
    Ok(answer.map_err(call(SERVICE, "ListQueueTags", name))?.tags.unwrap_or_default())
}

fn pairs(tags: &HashMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

impl Resource for Queue {
    type Seen = Attributes;

    fn id(&self) -> Id {
        id(self.which)
    }

    fn needs(&self) -> Vec<Id> {
        self.needs.clone()
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        self.want.fields()
    }

    fn costs(&self, change: &Change) -> Option<String> {
        change.removes().then(|| "the messages that wait in it".to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Attributes>> {
        let url = match visit.planning() {
            true => self.ground.queues().await?.get(&self.name).cloned(),
            false => self.url().await?,
        };
        let Some(url) = url else { return Ok(None) };
        let (attributes, tags) = tokio::join!(self.attributes(&url), tags_of(&self.ground, &url, &self.name));
        let Some(attributes) = if_there(attributes)? else { return Ok(None) };
        let tags = match if_there(tags)? {
            Some(tags) => tags,
            None => {
                // Asked at the same time, and answered a moment too early (A21).
                let found = || async { Ok(if_there(tags_of(&self.ground, &url, &self.name).await)?) };
                visit.settle("the queue's tags to be found", FOUND, found).await?
            }
        };
        self.ground.owner.check(format!("queue {}", self.name), pairs(&tags))?;
        visit.learn(URL, url);
        visit.note(VISIBILITY, attributes.visibility.as_secs().to_string());
        Ok(Some(attributes))
    }

    fn diff(&self, seen: Option<&Attributes>, _: &Visit) -> Change {
        Change::between(seen, &self.for_now(seen))
    }

    async fn apply(&self, change: &Change, seen: Option<Attributes>, visit: &Visit) -> Result<()> {
        if *change == Change::Create {
            visit.settle("its name to be free", NAME_FREE, || self.create()).await?;
        }
        let url = visit.settle("the queue to answer", FOUND, || self.url()).await?;
        let now = self.for_now(seen.as_ref());
        if *change != Change::Create {
            self.set(&url, &now).await?;
        }
        visit.note(VISIBILITY, now.visibility.as_secs().to_string());
        visit.learn(URL, url);
        Ok(())
    }

    async fn delete(&self, _: Attributes, visit: &Visit) -> Result<()> {
        remove(&self.ground, &self.name, visit).await
    }
}

async fn url(ground: &Ground, name: &str) -> Result<Option<String>> {
    let answer = ground.aws.sqs.get_queue_url().queue_name(name).send().await;
    Ok(if_there(answer.map_err(call(SERVICE, "GetQueueUrl", name)))?.and_then(|answer| answer.queue_url))
}

/// The visibility timeout of the queue of this name, where it is there.
pub(super) async fn visibility(ground: &Ground, name: &str) -> Result<Option<Duration>> {
    let Some(url) = url(ground, name).await? else { return Ok(None) };
    let request = ground.aws.sqs.get_queue_attributes().queue_url(url).attribute_names(Name::VisibilityTimeout);
    let answer = if_there(request.send().await.map_err(call(SERVICE, "GetQueueAttributes", name)))?;
    let attributes = answer.and_then(|answer| answer.attributes);
    Ok(attributes.map(|attributes| Attributes::from_sdk(&attributes).visibility))
}

/// Sets the visibility timeout, and nothing else.
pub(super) async fn set_visibility(ground: &Ground, name: &str, timeout: Duration) -> Result<()> {
    let Some(url) = url(ground, name).await? else { return Ok(()) };
    let request = ground.aws.sqs.set_queue_attributes().queue_url(url);
    let request = request.attributes(Name::VisibilityTimeout, timeout.as_secs().to_string());
    request.send().await.map_err(call(SERVICE, "SetQueueAttributes", name))?;
    Ok(())
}

/// Removes a queue, and waits until it is not found any more.
pub(super) async fn remove(ground: &Ground, name: &str, visit: &Visit) -> Result<()> {
    if let Some(url) = url(ground, name).await? {
        let answer = ground.aws.sqs.delete_queue().queue_url(url).send().await;
        if_there(answer.map_err(call(SERVICE, "DeleteQueue", name)))?;
    }
    let gone = || async { Ok(url(ground, name).await?.is_none().then_some(())) };
    visit.settle("the queue to be gone", GONE, gone).await
}

impl Queue {
    async fn url(&self) -> Result<Option<String>> {
        url(&self.ground, &self.name).await
    }

    /// As it is to be until its function has its new timeout: never with a shorter one (A10).
    fn for_now(&self, seen: Option<&Attributes>) -> Attributes {
        let visibility = seen.map_or(self.want.visibility, |seen| seen.visibility.max(self.want.visibility));
        Attributes { visibility, ..self.want.clone() }
    }

    async fn attributes(&self, url: &str) -> std::result::Result<Attributes, CallError> {
        let names = [Name::VisibilityTimeout, Name::MessageRetentionPeriod, Name::RedrivePolicy];
        let request =
            self.ground.aws.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = request.send().await.map_err(call(SERVICE, "GetQueueAttributes", &self.name))?;
        Ok(Attributes::from_sdk(&answer.attributes.unwrap_or_default()))
    }

    /// One of ours that is there is adopted and set (A12).
    async fn create(&self) -> Result<Option<()>> {
        let request = self.ground.aws.sqs.create_queue().queue_name(&self.name);
        let request = request.set_attributes(Some(self.want.to_sdk())).set_tags(Some(self.ground.owner.map()));
        match request.send().await.map_err(call(SERVICE, "CreateQueue", &self.name)) {
            Ok(_) => Ok(Some(())),
            Err(error) if error.is("QueueDeletedRecently") => Err(Fault::from(error).passing(true)),
            Err(error) if error.is_taken() => {
                let Some(url) = self.url().await? else { return Err(Fault::from(error).passing(true)) };
                let tags = tags_of(&self.ground, &url, &self.name).await.map_err(too_early)?;
                self.ground.owner.check(format!("queue {}", self.name), pairs(&tags))?;
                self.set(&url, &self.want).await?;
                Ok(Some(()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn set(&self, url: &str, attributes: &Attributes) -> Result<()> {
        let mut attributes = attributes.to_sdk();
        // An empty policy takes one away.
        attributes.entry(Name::RedrivePolicy).or_default();
        let request = self.ground.aws.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(attributes));
        request.send().await.map_err(call(SERVICE, "SetQueueAttributes", &self.name)).map_err(too_early)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconcile::Field;

    #[test]
    fn a_queue_differs_only_in_what_can_be_set() {
        let redrive = Redrive { to: "arn:aws:sqs:us-east-1:0:chat-dev-dead-letters".into(), after: 5 };
        let hour = Duration::from_secs(3600);
        let want = Attributes { visibility: Duration::from_secs(180), retention: hour, redrive: Some(redrive.clone()) };
        let to = "arn:aws:sqs:us-east-1:0:chat-dev-dead-letters after 5 tries".to_owned();
        for (seen, change) in [
            (None, Change::Create),
            (Some(want.clone()), Change::Keep),
            (
                Some(Attributes { visibility: Duration::from_secs(30), ..want.clone() }),
                Change::Update(vec![Field::new("visibility timeout", "30 s".to_owned(), "180 s".to_owned())]),
            ),
            (
                Some(Attributes { redrive: None, ..want.clone() }),
                Change::Update(vec![Field::new("dead letters", "none".to_owned(), to)]),
            ),
        ] {
            assert_eq!(Change::between(seen.as_ref(), &want), change);
        }
    }

    #[test]
    fn attributes_are_read_as_they_are_set_and_a_count_may_be_a_text() {
        let redrive = Some(Redrive { to: "arn".into(), after: 5 });
        let want = Attributes { visibility: Duration::from_secs(1), retention: Duration::from_secs(2), redrive };
        assert_eq!(Attributes::from_sdk(&want.to_sdk()), want);
        let mut texts = want.to_sdk();
        texts.insert(Name::RedrivePolicy, r#"{"maxReceiveCount":"5","deadLetterTargetArn":"arn"}"#.into());
        assert_eq!(Attributes::from_sdk(&texts), want);
    }
}
