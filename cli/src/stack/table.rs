//! A table of the stage. All three have the same keys and a time to live; one has a stream. It must
//! not know what stands in it.

mod backups;
mod settings;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableDescription, TableStatus, Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use chat_aws::layout::{PK, SK};
use reconcile::{Change, Fault, Fields as _, Id, Resource, Visit};

use self::settings::View;
pub(super) use self::settings::{BACKUPS, Settings};
use super::ground::{Ground, Result, too_early};
use crate::aws::{CallError, call, if_there};

/// The fact: the ARN of the table's stream. A stream switched off and on has a new one (A13).
pub const STREAM: &str = "stream";

const SERVICE: &str = "DynamoDB";
/// A table on AWS is there after 5 to 20 seconds.
const READY: Duration = Duration::from_secs(120);
/// What was just made is found after seconds (A21).
const FOUND: Duration = Duration::from_secs(60);

/// The id of a table.
pub fn id(which: &str) -> Id {
    Id::new("table", which)
}

pub(super) struct Table {
    pub(super) ground: Arc<Ground>,
    pub(super) which: &'static str,
    pub(super) want: Settings,
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
        let tags = async || if_there(tags_of(&self.ground, &arn, &name).await);
        let looked = tokio::join!(self.describe(), self.ttl(), tags(), self.backups(visit));
        let (table, ttl, found, backups) = looked;
        let Some(mut table) = table? else { return Ok(None) };
        match table.table_status {
            Some(TableStatus::Deleting) => return Ok(None),
            // Left by a deploy that was killed, or made by one at work: nothing can be read of it or put into it yet.
            Some(TableStatus::Creating) => table = self.made(visit).await?,
            _ => {}
        }
        let tags = match found? {
            Some(tags) => tags,
            // Asked at the same time, and answered a moment too early (A21).
            None => visit.settle("the table's tags to be found", FOUND, async || Ok(tags().await?)).await?,
        };
        self.ground.owner.check(format!("table {name}"), tags.iter().map(|tag| (tag.key(), tag.value())))?;
        self.check_keys(&table)?;
        self.learn(&table, visit);
        let stream = View::of(&table);
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
            if seen.as_ref().is_some_and(|seen| matches!(seen.stream, View::Other(_))) {
                // It can be switched off and on, and not changed.
                self.update(&Settings { stream: View::Off, ..self.want.clone() }, visit).await?;
                self.made(visit).await?;
            }
            self.update(&self.want, visit).await?;
        }
        let table = self.made(visit).await?;
        self.learn(&table, visit);
        if creates || change.touches("time to live") {
            self.set_ttl(seen.and_then(|seen| seen.ttl), visit).await?;
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

    /// The table, when it is active.
    async fn made(&self, visit: &Visit) -> Result<TableDescription> {
        let name = self.name();
        visit.settle("the table to be active", READY, || active(&self.ground, &name)).await
    }

    /// A stream that is not as wanted will have another ARN.
    fn learn(&self, table: &TableDescription, visit: &Visit) {
        let streams = View::of(table) == View::NewImage;
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
        if self.want.stream == View::NewImage {
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
                    let tags = tags_of(&self.ground, &self.ground.table_arn(self.which), &name).await;
                    let tags = tags.map_err(too_early)?;
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

    /// Changes what differs, once no other change is under way.
    async fn update(&self, want: &Settings, visit: &Visit) -> Result<()> {
        visit.settle("the table to take a change", READY, || self.try_update(want)).await
    }

    /// `None` while another change of it is under way.
    async fn try_update(&self, want: &Settings) -> Result<Option<()>> {
        let (name, found) = (self.name(), self.describe().await?);
        let Some(table) = found else { return Ok(None) };
        let is_guarded = table.deletion_protection_enabled.unwrap_or_default();
        let (streams, guards) = (View::of(&table) != want.stream, is_guarded != want.guarded);
        if !streams && !guards {
            // Its own first try, whose answer was lost (A12).
            return Ok(Some(()));
        }
        let mut request = self.ground.aws.dynamodb.update_table().table_name(&name);
        if streams {
            request = request.stream_specification(stream(want.stream != View::Off)?);
        }
        if guards {
            request = request.deletion_protection_enabled(want.guarded);
        }
        match request.send().await.map_err(call(SERVICE, "UpdateTable", &name)) {
            Err(error) if error.is_taken() => Ok(None),
            answer => Ok(answer.map(|_| Some(()))?),
        }
    }

    /// It can't be set twice within an hour (A13): what another run set meanwhile is left alone, and what somebody
    /// switched off waits for a later `up`, which keeps nothing else from being done.
    async fn set_ttl(&self, was: Option<String>, visit: &Visit) -> Result<()> {
        let (name, want) = (self.name(), self.want.ttl.as_ref());
        let Some(attribute) = want.or(was.as_ref()) else { return Ok(()) };
        let specification = TimeToLiveSpecification::builder().enabled(want.is_some()).attribute_name(attribute);
        let request = self.ground.aws.dynamodb.update_time_to_live().table_name(&name);
        let request = request.time_to_live_specification(specification.build().map_err(Fault::new)?);
        match request.send().await.map_err(call(SERVICE, "UpdateTimeToLive", &name)) {
            Err(error) if error.is("ValidationException") && self.ttl().await?.as_ref() == want => Ok(()),
            Err(error) if error.is("ValidationException") && error.message.contains(WITHIN_THE_HOUR) => {
                visit.warn(format!(
                    "the time to live of table {name} was changed within the hour, and can't be again before it is \
                     over: until an `up` after that, nothing is swept from it"
                ));
                Ok(())
            }
            answer => Ok(answer.map(drop)?),
        }
    }
}

/// What the service says of a time to live that was set a short while ago.
const WITHIN_THE_HOUR: &str = "modified multiple times";

fn stream(on: bool) -> Result<StreamSpecification> {
    let view = on.then_some(StreamViewType::NewImage);
    StreamSpecification::builder().stream_enabled(on).set_stream_view_type(view).build().map_err(Fault::new)
}
