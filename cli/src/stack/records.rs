//! What every stage's own table begins with: the version of its layout, the key for hashing addresses, the lobby. Data,
//! so made once, all in one transaction, and never deleted here: they go with their table. What changes is the layout,
//! and how long the lobby's messages are kept.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem, Update};
use chat::{
    rates::AddressKey,
    room::{Epoch, RoomName, RoomRecord},
};
use chat_aws::layout::{self, Item, Key, LAYOUT_VERSION, PK, SK};
use reconcile::{Change, Fault, Field, Id, Resource, Visit};

use super::{
    ground::{Ground, Result},
    migration, parameter, table,
};
use crate::{
    aws::{Cancelled, call, if_there},
    stage::LOBBY,
};

const SERVICE: &str = "DynamoDB";
/// What each of the others shall be.
const MADE: &str = "made";
/// The field of how long what is written in the lobby is kept.
pub(super) const RETENTION: &str = "lobby's retention";
/// How long a new table may not be found (A21), and another transaction be in the way (A27).
const FOUND: Duration = Duration::from_secs(30);

/// The id of the records together.
pub(super) fn id() -> Id {
    Id::new("records", "stage")
}

/// Which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Layout,
    AddressKey,
    Lobby,
}

impl What {
    const ALL: [Self; 3] = [Self::Layout, Self::AddressKey, Self::Lobby];

    fn name(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::AddressKey => "address key",
            Self::Lobby => LOBBY,
        }
    }

    /// What it shall be.
    fn wanted(self) -> String {
        if self == Self::Layout { LAYOUT_VERSION.to_string() } else { MADE.to_owned() }
    }
}

pub(super) struct Records {
    pub(super) ground: Arc<Ground>,
    /// When they are made, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

/// What is there of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct There {
    records: BTreeSet<What>,
    /// The layout that the stage is at.
    layout: Option<u32>,
    /// How many days the lobby's messages are kept.
    retention_days: Option<u32>,
}

impl There {
    /// The earlier layout that the stage is at.
    fn older(&self) -> Option<u32> {
        self.layout.filter(|version| *version != LAYOUT_VERSION)
    }
}

impl Resource for Records {
    type Seen = There;

    fn id(&self) -> Id {
        id()
    }

    fn needs(&self) -> Vec<Id> {
        vec![table::id("stage"), parameter::id(parameter::ROOM_KEY)]
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        let records = What::ALL.map(|what| (what.name().to_owned(), what.wanted()));
        records.into_iter().chain([(RETENTION.to_owned(), days(self.ground.retention_days))]).collect()
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<There>> {
        if visit.planning() && !self.can_be_there().await? {
            return Ok(None);
        }
        Ok(self.look().await?.filter(|there| !there.records.is_empty()))
    }

    fn diff(&self, seen: Option<&There>, _: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let missing = What::ALL.into_iter().filter(|what| !seen.records.contains(what));
        let missing = missing.map(|what| Field::new(what.name(), None, what.wanted()));
        let older = seen.older().map(|from| Field::new(What::Layout.name(), from.to_string(), What::Layout.wanted()));
        let kept = self
            .other_retention(seen)
            .map(|before| Field::new(RETENTION, days(before), days(self.ground.retention_days)));
        Change::update(missing.chain(older).chain(kept).collect())
    }

    async fn apply(&self, _: &Change, seen: Option<There>, visit: &Visit) -> Result<()> {
        match self.put(&seen.unwrap_or_default()).await {
            Ok(Some(())) => return Ok(()),
            Err(fault) if !fault.is_passing() => return Err(fault),
            Ok(None) | Err(_) => {}
        }
        // Not found yet, or somebody was first, who is right: what is there is looked at again, nothing overwritten.
        let rest = || async {
            match self.look().await? {
                Some(there) => self.put(&there).await,
                None => Ok(None),
            }
        };
        visit.settle("the table to take its first records", FOUND, rest).await
    }

    async fn delete(&self, _: There, _: &Visit) -> Result<()> {
        Ok(())
    }
}

impl Records {
    fn table(&self) -> String {
        self.ground.names.table("stage")
    }

    /// For how long the lobby's messages are kept, where that is not as long as wanted.
    fn other_retention(&self, there: &There) -> Option<u32> {
        there.retention_days.filter(|days| *days != self.ground.retention_days)
    }

    /// Whether what they stand in and on was listed.
    async fn can_be_there(&self) -> Result<bool> {
        let room_key = self.ground.names.parameter(parameter::ROOM_KEY);
        let table = self.ground.tables().await?.contains(&self.table());
        Ok(table && self.ground.parameters().await?.contains(&room_key))
    }

    /// Which are there; `None` without the table. A stage of a layout that is not known is not touched.
    async fn look(&self) -> Result<Option<There>> {
        let table = self.table();
        let mut keys = KeysAndAttributes::builder().consistent_read(true);
        for what in What::ALL {
            keys = keys.keys(self.key(what).await?.attributes());
        }
        let request =
            self.ground.aws.dynamodb.batch_get_item().request_items(&table, keys.build().map_err(Fault::new)?);
        let Some(answer) = if_there(request.send().await.map_err(call(SERVICE, "BatchGetItem", &table)))? else {
            return Ok(None);
        };
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(Fault::new("DynamoDB gave only a part of the stage's first records").passing(true));
        }
        let items = answer.responses.and_then(|mut tables| tables.remove(&table)).unwrap_or_default();
        let mut there = There::default();
        for what in What::ALL {
            let key = self.key(what).await?.attributes();
            let Some(item) = items.iter().find(|item| [PK, SK].iter().all(|part| item.get(*part) == key.get(*part)))
            else {
                continue;
            };
            if what == What::Layout {
                there.layout = Some(known(item)?);
            }
            if what == What::Lobby {
                let lobby = layout::stored_room(item).map_err(Fault::new)?;
                self.ground.keep_lobby(lobby.epoch);
                there.retention_days = Some(lobby.retention_days);
            }
            there.records.insert(what);
        }
        Ok(Some(there))
    }

    async fn key(&self, what: What) -> Result<Key> {
        Ok(match what {
            What::Layout => layout::layout_key(),
            What::AddressKey => layout::address_key(),
            What::Lobby => layout::room_key(&self.ground.operator_key().await?.room(LOBBY).hash()),
        })
    }

    async fn item(&self, what: What) -> Result<Item> {
        Ok(match what {
            What::Layout => layout::layout_item(LAYOUT_VERSION),
            What::AddressKey => layout::address_key_item(&AddressKey::from_bytes(random()?)),
            What::Lobby => {
                let hash = self.ground.operator_key().await?.room(LOBBY).hash();
                let name = RoomName::parse(LOBBY).map_err(Fault::new)?;
                let room = RoomRecord::new(hash, name, self.now_ms);
                layout::room_item(&RoomRecord { retention_days: self.ground.retention_days, ..room })
            }
        })
    }

    /// What is written in the lobby from now on is kept so long.
    async fn set_retention(&self, table: &str) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(self.key(What::Lobby).await?.attributes()))
            .update_expression("SET #days = :days")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#days", layout::RETENTION_DAYS)
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":days", AttributeValue::N(self.ground.retention_days.to_string()));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Fault::new)?).build())
    }

    /// Writes what is missing or not as wanted, all or nothing; `None` where the table is not found. Another writer in the
    /// way passes: with what is looked at again, or with another try (A27).
    async fn put(&self, there: &There) -> Result<Option<()>> {
        let table = self.table();
        let mut request = self.ground.aws.dynamodb.transact_write_items();
        if let Some(from) = there.older() {
            request = request.transact_items(next_version(&table, from)?);
            for write in migration::writes(&self.ground, from).await? {
                request = request.transact_items(write);
            }
        }
        if self.other_retention(there).is_some() {
            request = request.transact_items(self.set_retention(&table).await?);
        }
        for what in What::ALL.into_iter().filter(|what| !there.records.contains(what)) {
            let put = Put::builder().table_name(&table).set_item(Some(self.item(what).await?));
            let put = put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK);
            let put = put.build().map_err(Fault::new)?;
            request = request.transact_items(TransactWriteItem::builder().put(put).build());
        }
        if request.get_transact_items().is_none() {
            return Ok(Some(()));
        }
        match request.send().await.map_err(|error| Cancelled::of(error, &table)) {
            Ok(_) => {
                if !there.records.contains(&What::Lobby) {
                    self.ground.keep_lobby(Epoch::default());
                }
                Ok(Some(()))
            }
            // By position it would say which was there already: the look says it too, and which are not.
            Err(Cancelled::Refused(error) | Cancelled::Passing(error)) => Err(Fault::from(error).passing(true)),
            Err(Cancelled::Failed(error)) => Ok(if_there(Err(error))?),
        }
    }
}

/// Refuses a stage of a layout that there is no way from, before anything of it is touched; one without a layout has
/// nothing that could be read wrongly.
pub(super) async fn check_layout(ground: &Ground) -> Result<()> {
    let table = ground.names.table("stage");
    let request = ground.aws.dynamodb.get_item().table_name(&table).consistent_read(true);
    let request = request.set_key(Some(layout::layout_key().attributes()));
    let found = if_there(request.send().await.map_err(call(SERVICE, "GetItem", &table)))?;
    found.and_then(|found| found.item).map_or(Ok(()), |item| known(&item).map(drop))
}

fn days(days: u32) -> String {
    format!("{days} days")
}

/// The layout that the stage is at; one that there is no way from is not touched.
fn known(item: &Item) -> Result<u32> {
    let version = layout::stored_layout(item).map_err(Fault::new)?;
    migration::way(version).map(|_| version)
}

/// This layout's version in the place of exactly that earlier one.
fn next_version(table: &str, from: u32) -> Result<TransactWriteItem> {
    let put = Put::builder().table_name(table).set_item(Some(layout::layout_item(LAYOUT_VERSION)));
    let put = put.condition_expression("#version = :from").expression_attribute_names("#version", "version");
    let put = put.expression_attribute_values(":from", AttributeValue::N(from.to_string()));
    Ok(TransactWriteItem::builder().put(put.build().map_err(Fault::new)?).build())
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::new("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};

    #[tokio::test]
    async fn records_that_are_there_are_kept_as_they_are_and_only_missing_ones_are_made() {
        let records = Records { ground: Arc::new(ground().await), now_ms: 0 };
        let all = There { records: What::ALL.into(), layout: Some(LAYOUT_VERSION), retention_days: Some(30) };
        assert_eq!(visiting(&records, None), Change::Create);
        assert_eq!(visiting(&records, Some(all.clone())), Change::Keep);
        let made =
            vec![Field::new("address key", None, "made".to_owned()), Field::new("lobby", None, "made".to_owned())];
        let rest = There { records: [What::Layout].into(), ..all.clone() };
        assert_eq!(visiting(&records, Some(rest)), Change::Update(made));
        let older = vec![Field::new("layout", "1".to_owned(), "2".to_owned())];
        assert_eq!(visiting(&records, Some(There { layout: Some(1), ..all.clone() })), Change::Update(older));
        let longer = vec![Field::new("lobby's retention", "7 days".to_owned(), "30 days".to_owned())];
        assert_eq!(visiting(&records, Some(There { retention_days: Some(7), ..all })), Change::Update(longer));
    }

    #[test]
    fn a_stage_of_a_newer_layout_is_refused() {
        assert_eq!(known(&layout::layout_item(LAYOUT_VERSION)).unwrap(), LAYOUT_VERSION);
        let error = known(&layout::layout_item(LAYOUT_VERSION + 1)).unwrap_err();
        assert!(error.to_string().starts_with("this stage has layout 3"), "{error}");
    }
}
