//! The log group of a function: made before it, with retention, and gone after it (A11). It must not
//! know what is logged.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use reconcile::{Change, Field, Id, Resource, Visit};

use super::ground::{Ground, Result, too_early};
use crate::aws::{CallError, call, if_there};

const SERVICE: &str = "CloudWatch Logs";
/// How long a new log group may not be found, and another write be in the way (A21).
const FOUND: Duration = Duration::from_secs(30);

/// The id of a function's log group.
pub(super) fn id(function: &str) -> Id {
    Id::new("log-group", function)
}

pub(super) struct LogGroup {
    pub(super) ground: Arc<Ground>,
    pub(super) function: &'static str,
    pub(super) retention_days: i32,
    /// Whether it is looked at to be removed.
    pub(super) leaving: bool,
}

/// What is seen of a log group: for how many days it keeps lines; `None` for ever.
pub(super) struct Seen {
    retention_days: Option<i32>,
}

/// Log groups with our prefix, and their retention.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeMap<String, Option<i32>>, CallError> {
    list_from(ground, &ground.names.log_group("")).await
}

async fn list_from(ground: &Ground, prefix: &str) -> std::result::Result<BTreeMap<String, Option<i32>>, CallError> {
    let mut pages = ground.aws.logs.describe_log_groups().log_group_name_prefix(prefix).into_paginator().send();
    let mut groups = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let found = page.map_err(call(SERVICE, "DescribeLogGroups", prefix))?.log_groups.unwrap_or_default();
        groups.extend(found.into_iter().filter_map(|group| Some((group.log_group_name?, group.retention_in_days))));
    }
    Ok(groups)
}

/// Whether the log group carries our tags.
pub(super) async fn is_ours(ground: &Ground, name: &str) -> Result<bool> {
    let tags = if_there(tags_of(ground, name).await)?.unwrap_or_default();
    Ok(ground.owner.owns(pairs(&tags)))
}

async fn tags_of(ground: &Ground, name: &str) -> std::result::Result<HashMap<String, String>, CallError> {
    let arn = ground.aws.arn("logs", &format!("log-group:{name}"));
    let answer = ground.aws.logs.list_tags_for_resource().resource_arn(arn).send().await;
    Ok(answer.map_err(call(SERVICE, "ListTagsForResource", name))?.tags.unwrap_or_default())
}

fn pairs(tags: &HashMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

impl Resource for LogGroup {
    type Seen = Seen;

    fn id(&self) -> Id {
        id(self.function)
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        vec![("retention".into(), format!("{} days", self.retention_days))]
    }

    fn costs(&self, change: &Change) -> Option<String> {
        change.removes().then(|| "the function's log lines".to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let name = self.name();
        let retention = match visit.planning() {
            true => self.ground.log_groups().await?.get(&name).copied(),
            false => list_from(&self.ground, &name).await?.remove(&name),
        };
        let Some(retention_days) = retention else { return Ok(None) };
        // One that is as wanted is not touched, so whose it is matters only where it would be.
        let touched = self.leaving || retention_days != Some(self.retention_days);
        if touched && !visit.settle("the log group's tags to be found", FOUND, || self.checked()).await? {
            return Ok(None);
        }
        Ok(Some(Seen { retention_days }))
    }

    fn diff(&self, seen: Option<&Seen>, _: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        if seen.retention_days == Some(self.retention_days) {
            return Change::Keep;
        }
        let before = seen.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
        Change::Update(vec![Field::new("retention", before, format!("{} days", self.retention_days))])
    }

    async fn apply(&self, change: &Change, _: Option<Seen>, visit: &Visit) -> Result<()> {
        if *change == Change::Create {
            visit.settle("the log group to be found", FOUND, || self.create()).await?;
        }
        visit.settle("the log group to take its retention", FOUND, || self.keep_lines()).await
    }

    async fn delete(&self, _: Seen, _: &Visit) -> Result<()> {
        remove(&self.ground, &self.name()).await
    }
}

/// Removes a log group.
pub(super) async fn remove(ground: &Ground, name: &str) -> Result<()> {
    let answer = ground.aws.logs.delete_log_group().log_group_name(name).send().await;
    if_there(answer.map_err(call(SERVICE, "DeleteLogGroup", name)))?;
    Ok(())
}

impl LogGroup {
    fn name(&self) -> String {
        self.ground.names.log_group(self.function)
    }

    /// Makes it; one of ours that is there is adopted (A12).
    async fn create(&self) -> Result<Option<()>> {
        let name = self.name();
        let request = self.ground.aws.logs.create_log_group().log_group_name(&name);
        let answer = request.set_tags(Some(self.ground.owner.map())).send().await;
        match answer.map_err(call(SERVICE, "CreateLogGroup", &name)) {
            Err(error) if error.is_taken() => self.check().await?,
            answer => drop(answer?),
        }
        Ok(Some(()))
    }

    async fn keep_lines(&self) -> Result<Option<()>> {
        let name = self.name();
        let request = self.ground.aws.logs.put_retention_policy().log_group_name(&name);
        let answer = request.retention_in_days(self.retention_days).send().await;
        answer.map_err(call(SERVICE, "PutRetentionPolicy", &name)).map_err(too_early)?;
        Ok(Some(()))
    }

    /// Whether one that was listed is there, and ours. `None` where its tags are not found and it is listed still: it was
    /// just made by a process that is gone, or just deleted (A21).
    async fn checked(&self) -> Result<Option<bool>> {
        let name = self.name();
        let Some(tags) = if_there(tags_of(&self.ground, &name).await)? else {
            let listed = list_from(&self.ground, &name).await?.contains_key(&name);
            return Ok((!listed).then_some(false));
        };
        self.ground.owner.check(format!("log group {name}"), pairs(&tags)).map(|()| Some(true))
    }

    async fn check(&self) -> Result<()> {
        let name = self.name();
        let tags = tags_of(&self.ground, &name).await.map_err(too_early)?;
        self.ground.owner.check(format!("log group {name}"), pairs(&tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};

    #[tokio::test]
    async fn a_log_group_differs_by_its_retention() {
        let group = LogGroup { ground: Arc::new(ground().await), function: "f", retention_days: 14, leaving: false };
        let forever = Change::Update(vec![Field::new("retention", "for ever".to_owned(), "14 days".to_owned())]);
        for (seen, change) in [
            (None, Change::Create),
            (Some(Seen { retention_days: Some(14) }), Change::Keep),
            (Some(Seen { retention_days: None }), forever),
        ] {
            assert_eq!(visiting(&group, seen), change);
        }
    }
}
