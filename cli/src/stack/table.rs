//! A table of the stage. All three have the same keys and a time to live; one has a stream. It must
//! not know what stands in it.

mod backups;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableDescription, TableStatus, Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use chat_aws::layout::{PK, SK, TTL};
use reconcile::{Change, Fault, Fields, Id, Resource, Visit};

use super::ground::{Ground, Result};
use crate::aws::{CallError, call, if_there};

/// The fact: the ARN of the table's stream. A stream switched off and on has a new one (A13).
pub const STREAM: &str = "stream";

const SERVICE: &str = "DynamoDB";
/// The field of point-in-time recovery.
pub(super) const BACKUPS: &str = "point-in-time recovery";
/// A table on AWS is there after 5 to 20 seconds.
const READY: Duration = Duration::from_secs(120);

/// The id of a table.
pub fn id(which: &str) -> Id {
    Id::new("table", which)
}

pub(super) struct Table {
    pub(super) ground: Arc<Ground>,
    pub(super) which: &'static str,
    pub(super) want: Settings,
}

/// What can be set of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether new items go out on a stream.
    pub(super) stream: bool,
    /// The attribute that the time to live goes by.
    pub(super) ttl: Option<String>,
    /// Whether the service refuses to delete it (A22).
    pub(super) guarded: bool,
    /// Whether it can be brought back to any moment of the last days; `None` where nobody asks (A28).
    pub(super) backups: Option<bool>,
}

impl Settings {
    /// The Stage table holds nothing that could not be made again; the two others hold what people wrote.
    pub(super) fn of(ground: &Ground, which: &str, stream: bool) -> Self {
        let backups = ground.backups.filter(|_| which != "stage");
        Self { stream, ttl: Some(TTL.to_owned()), guarded: ground.guarded, backups }
    }
}

impl Fields for Settings {
    fn fields(&self) -> Vec<(String, String)> {
        let stream = if self.stream { "new images" } else { "off" };
        let on_off = |on: bool| if on { "on" } else { "off" };
        let mut fields = vec![
            ("stream".into(), stream.into()),
            ("time to live".into(), self.ttl.clone().unwrap_or_else(|| "off".into())),
            ("deletion protection".into(), on_off(self.guarded).into()),
        ];
        fields.extend(self.backups.map(|on| (BACKUPS.to_owned(), on_off(on).to_owned())));
        fields
    }
}

/// The names of our tables.
pub(super) async fn list(ground: &Ground) -> std::result::Result<BTreeSet<String>, CallError> {
    let prefix = ground.prefix();
    let mut pages = ground.aws.dynamodb.list_tables().into_paginator().items().send();
    let mut names = BTreeSet::new();
    // From the first: to start behind a name that no table has is nowhere promised.
    while let Some(name) = pages.next().await {
        names
            .extend(Some(name.map_err(call(SERVICE, "ListTables", &prefix))?).filter(|name| name.starts_with(&prefix)));
    }
    Ok(names)
}

/// Whether the table of this name carries our tags.
pub(super) async fn is_ours(ground: &Ground, name: &str) -> Result<bool> {
    let arn = ground.aws.arn("dynamodb", &format!("table/{name}"));
    let Some(tags) = if_there(tags_of(ground, &arn, name).await)? else { return Ok(false) };
    Ok(ground.owner.owns(tags.iter().map(|tag| (tag.key(), tag.value()))))
}

async fn tags_of(ground: &Ground, arn: &str, name: &str) -> std::result::Result<Vec<Tag>, CallError> {
    let answer = ground.aws.dynamodb.list_tags_of_resource().resource_arn(arn).send().await;
    Ok(answer.map_err(call(SERVICE, "ListTagsOfResource", name))?.tags.unwrap_or_default())
}

/// The note: this walk made it, so that nothing is in it.
pub const FRESH: &str = "fresh";

impl Resource for Table {
    type Seen = Settings;

    fn id(&self) -> Id {
        id(self.which)
    }

    fn takes(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        self.want.fields()
    }

    fn costs(&self, change: &Change) -> Option<String> {
        let what = match self.which {
            "messages" => "every message",
            "clients" => "every subscription: nobody is told any more",
            _ => "the rooms, and the history of deploys",
        };
        change.removes().then(|| format!("{what}, for ever"))
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Settings>> {
        let name = self.name();
        if visit.planning() && !self.ground.tables().await?.contains(&name) {
            return Ok(None);
        }
        let arn = self.ground.table_arn(self.which);
        let looked = tokio::join!(self.describe(), self.ttl(), tags_of(&self.ground, &arn, &name), self.backups(visit));
        let (table, ttl, tags, backups) = looked;
        let Some(table) = table? else { return Ok(None) };
        if table.table_status == Some(TableStatus::Deleting) {
            return Ok(None);
        }
        self.ground.owner.check(format!("table {name}"), tags?.iter().map(|tag| (tag.key(), tag.value())))?;
        self.check_keys(&table)?;
        self.learn(&table, visit);
        let stream = table.stream_specification.is_some_and(|stream| stream.stream_enabled);
        let guarded = table.deletion_protection_enabled.unwrap_or_default();
        Ok(Some(Settings { stream, ttl: ttl?, guarded, backups: backups? }))
    }

    fn diff(&self, seen: Option<&Settings>, _: &Visit) -> Change {
        Change::between(seen, &self.want)
    }

    async fn apply(&self, change: &Change, seen: Option<Settings>, visit: &Visit) -> Result<()> {
        let creates = *change == Change::Create;
        if creates {
            visit.settle("the table's name to be free", READY, || self.create(visit)).await?;
        } else if change.touches("stream") || change.touches("deletion protection") {
            self.update(change).await?;
        }
        let name = self.name();
        let table = visit.settle("the table to be active", READY, || active(&self.ground, &name)).await?;
        self.learn(&table, visit);
        if creates || change.touches("time to live") {
            self.set_ttl(seen.and_then(|seen| seen.ttl)).await?;
        }
        match self.want.backups {
            Some(on) if change.touches(BACKUPS) || (creates && on) => self.set_backups(on, visit).await,
            _ => Ok(()),
        }
    }

    async fn delete(&self, seen: Settings, visit: &Visit) -> Result<()> {
        delete(&self.ground, &self.name(), seen.guarded, visit).await
    }
}

async fn describe(ground: &Ground, name: &str) -> std::result::Result<Option<TableDescription>, CallError> {
    let answer = ground.aws.dynamodb.describe_table().table_name(name).send().await;
    let answer = if_there(answer.map_err(call(SERVICE, "DescribeTable", name)))?;
    Ok(answer.and_then(|answer| answer.table))
}

/// The table, once it is active; just after a create it may not be found at all (A21).
async fn active(ground: &Ground, name: &str) -> Result<Option<TableDescription>> {
    Ok(describe(ground, name).await?.filter(|table| table.table_status == Some(TableStatus::Active)))
}

/// Removes a table with all that stands in it.
pub(super) async fn remove(ground: &Ground, name: &str, visit: &Visit) -> Result<()> {
    let table = describe(ground, name).await?;
    let guarded = table.and_then(|table| table.deletion_protection_enabled).unwrap_or_default();
    delete(ground, name, guarded, visit).await
}

async fn delete(ground: &Ground, name: &str, guarded: bool, visit: &Visit) -> Result<()> {
    if guarded {
        let unguard = || async {
            let request = ground.aws.dynamodb.update_table().table_name(name).deletion_protection_enabled(false);
            match request.send().await.map_err(call(SERVICE, "UpdateTable", name)) {
                // Its own first try, whose answer was lost (A12), or somebody's change is under way.
                Err(error) if error.is_taken() => {
                    let table = active(ground, name).await?;
                    Ok(table.filter(|table| !table.deletion_protection_enabled.unwrap_or_default()).map(drop))
                }
                answer => Ok(answer.map(|_| Some(()))?),
            }
        };
        visit.settle("the table to take a change", READY, unguard).await?;
        visit.settle("the table to be unguarded", READY, || active(ground, name)).await?;
    }
    let deleted = || async {
        let answer = ground.aws.dynamodb.delete_table().table_name(name).send().await;
        match answer.map_err(call(SERVICE, "DeleteTable", name)) {
            Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
            answer => Ok(if_there(answer).map(|_| Some(()))?),
        }
    };
    visit.settle("the table to be at rest", READY, deleted).await?;
    let gone = || async { Ok(describe(ground, name).await?.is_none().then_some(())) };
    visit.settle("the table to be gone", READY, gone).await
}

impl Table {
    fn name(&self) -> String {
        self.ground.names.table(self.which)
    }

    async fn describe(&self) -> std::result::Result<Option<TableDescription>, CallError> {
        describe(&self.ground, &self.name()).await
    }

    async fn ttl(&self) -> std::result::Result<Option<String>, CallError> {
        let name = self.name();
        let answer = self.ground.aws.dynamodb.describe_time_to_live().table_name(&name).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "DescribeTimeToLive", &name)))?;
        let ttl = answer.and_then(|answer| answer.time_to_live_description);
        let is_on =
            |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
        Ok(ttl.filter(|ttl| ttl.time_to_live_status.as_ref().is_some_and(is_on)).and_then(|ttl| ttl.attribute_name))
    }

    fn learn(&self, table: &TableDescription, visit: &Visit) {
        let streams = table.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled);
        if let Some(arn) = table.latest_stream_arn.as_ref().filter(|_| streams) {
            visit.learn(STREAM, arn.clone());
        }
    }

    fn check_keys(&self, table: &TableDescription) -> Result<()> {
        let keys: Vec<(&str, &KeyType)> =
            table.key_schema().iter().map(|k| (k.attribute_name(), k.key_type())).collect();
        if keys == [(PK, &KeyType::Hash), (SK, &KeyType::Range)] {
            return Ok(());
        }
        Err(Fault::new(format!("table {} has other keys than {PK} and {SK}: it was not made by chatctl", self.name()))
            .with_next(Some("choose another project or stage name, or remove that table yourself".into())))
    }

    /// `None` while one of this name is being deleted; one of ours that is there is adopted (A12).
    async fn create(&self, visit: &Visit) -> Result<Option<()>> {
        let name = self.name();
        let mut request =
            self.ground.aws.dynamodb.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
        for (key, kind) in [(PK, KeyType::Hash), (SK, KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder().attribute_name(key).key_type(kind);
            request = request
                .attribute_definitions(attribute.build().map_err(Fault::new)?)
                .key_schema(element.build().map_err(Fault::new)?);
        }
        for (key, value) in self.ground.owner.tags() {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(Fault::new)?);
        }
        if self.want.stream {
            request = request.stream_specification(stream(true)?);
        }
        if self.want.guarded {
            request = request.deletion_protection_enabled(true);
        }
        match request.send().await.map_err(call(SERVICE, "CreateTable", &name)) {
            Ok(_) => {
                visit.note(FRESH, "made");
                Ok(Some(()))
            }
            Err(error) if error.is_taken() => match self.describe().await? {
                Some(table) if table.table_status != Some(TableStatus::Deleting) => {
                    let tags = tags_of(&self.ground, &self.ground.table_arn(self.which), &name).await?;
                    self.ground
                        .owner
                        .check(format!("table {name}"), tags.iter().map(|tag| (tag.key(), tag.value())))?;
                    Ok(Some(()))
                }
                _ => Err(Fault::from(error).passing(true)),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn update(&self, change: &Change) -> Result<()> {
        let name = self.name();
        let mut request = self.ground.aws.dynamodb.update_table().table_name(&name);
        if change.touches("stream") {
            request = request.stream_specification(stream(self.want.stream)?);
        }
        if change.touches("deletion protection") {
            request = request.deletion_protection_enabled(self.want.guarded);
        }
        request.send().await.map_err(call(SERVICE, "UpdateTable", &name))?;
        Ok(())
    }

    /// It can't be set twice within an hour (A13), so what another run set meanwhile is left alone.
    async fn set_ttl(&self, was: Option<String>) -> Result<()> {
        let (name, want) = (self.name(), self.want.ttl.as_ref());
        let Some(attribute) = want.or(was.as_ref()) else { return Ok(()) };
        let specification = TimeToLiveSpecification::builder().enabled(want.is_some()).attribute_name(attribute);
        let request = self.ground.aws.dynamodb.update_time_to_live().table_name(&name);
        let request = request.time_to_live_specification(specification.build().map_err(Fault::new)?);
        match request.send().await.map_err(call(SERVICE, "UpdateTimeToLive", &name)) {
            Err(error) if error.is("ValidationException") && self.ttl().await?.as_ref() == want => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }
}

fn stream(on: bool) -> Result<StreamSpecification> {
    let view = on.then_some(StreamViewType::NewImage);
    StreamSpecification::builder().stream_enabled(on).set_stream_view_type(view).build().map_err(Fault::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconcile::Field;

    #[test]
    fn a_table_differs_only_in_what_can_be_set() {
        let want = Settings { stream: true, ttl: Some("ttl".into()), guarded: false, backups: Some(true) };
        let off = |name: &str, before: &str, after: &str| Field::new(name, before.to_owned(), after.to_owned());
        for (seen, change) in [
            (None, Change::Create),
            (Some(want.clone()), Change::Keep),
            (
                Some(Settings { stream: false, ..want.clone() }),
                Change::Update(vec![off("stream", "off", "new images")]),
            ),
            (
                Some(Settings { ttl: None, guarded: true, ..want.clone() }),
                Change::Update(vec![off("time to live", "off", "ttl"), off("deletion protection", "on", "off")]),
            ),
            (
                Some(Settings { backups: Some(false), ..want.clone() }),
                Change::Update(vec![off("point-in-time recovery", "off", "on")]),
            ),
        ] {
            assert_eq!(Change::between(seen.as_ref(), &want), change);
        }
    }

    /// A28: asked of the tables with what people wrote, on stages that care, and of nothing else.
    #[tokio::test]
    async fn a28_point_in_time_recovery_is_for_messages_and_clients_of_a_stage_that_wants_it() {
        let of =
            |ground: &Ground| ["stage", "messages", "clients"].map(|which| Settings::of(ground, which, false).backups);
        let mut ground = crate::stack::ground::tests::ground().await;
        assert_eq!(of(&ground), [None, None, None], "a local stage is not asked");
        ground.backups = Some(true);
        assert_eq!(of(&ground), [None, Some(true), Some(true)]);
    }
}
