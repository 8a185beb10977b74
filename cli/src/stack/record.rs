//! What every stage's own table begins with: the version of its layout, the key for hashing addresses,
//! the lobby. Data, so made once and never changed or deleted here: they go with their table.

use std::{sync::Arc, time::Duration};

use chat::{
    rates::AddressKey,
    room::{RoomName, RoomRecord},
};
use chat_aws::layout::{self, Item, Key, LAYOUT_VERSION, PK};
use reconcile::{Change, Fault, Id, Resource, Visit};

use super::{
    ground::{Ground, Result},
    parameter, table,
};
use crate::{
    aws::{call, if_there},
    stage::LOBBY,
};

const SERVICE: &str = "DynamoDB";
/// How long a new table may not be found (A21).
const FOUND: Duration = Duration::from_secs(30);

/// The id of a record.
pub(super) fn id(which: &str) -> Id {
    Id::new("record", which)
}

/// Which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Layout,
    AddressKey,
    Lobby,
}

impl What {
    pub(super) const ALL: [Self; 3] = [Self::Layout, Self::AddressKey, Self::Lobby];

    fn name(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::AddressKey => "address-key",
            Self::Lobby => LOBBY,
        }
    }
}

pub(super) struct Record {
    pub(super) ground: Arc<Ground>,
    pub(super) what: What,
    /// When it is made, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

impl Resource for Record {
    /// That it is there.
    type Seen = ();

    fn id(&self) -> Id {
        id(self.what.name())
    }

    fn needs(&self) -> Vec<Id> {
        let mut needs = vec![table::id("stage")];
        if self.what == What::Lobby {
            needs.push(parameter::id(parameter::ROOM_KEY));
        }
        needs
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(50)
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<()>> {
        if visit.planning() && !self.can_be_there().await? {
            return Ok(None);
        }
        let (table, key) = (self.table(), self.key().await?);
        let request = self.ground.aws.dynamodb.get_item().table_name(&table).consistent_read(true);
        let answer = request.set_key(Some(key.attributes())).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "GetItem", &table)))?;
        let Some(item) = answer.and_then(|answer| answer.item) else { return Ok(None) };
        self.check(&item)?;
        Ok(Some(()))
    }

    fn diff(&self, seen: Option<&()>, _: &Visit) -> Change {
        seen.map_or(Change::Create, |()| Change::Keep)
    }

    async fn apply(&self, _: &Change, _: Option<()>, visit: &Visit) -> Result<()> {
        let item = self.item().await?;
        visit.settle("the table to be found", FOUND, || self.put(&item)).await
    }

    async fn delete(&self, (): (), _: &Visit) -> Result<()> {
        Ok(())
    }
}

impl Record {
    fn table(&self) -> String {
        self.ground.names.table("stage")
    }

    /// Whether what it stands in was listed.
    async fn can_be_there(&self) -> Result<bool> {
        let table = self.ground.tables().await?.contains(&self.table());
        let room_key = self.ground.names.parameter(parameter::ROOM_KEY);
        Ok(table && (self.what != What::Lobby || self.ground.parameters().await?.contains(&room_key)))
    }

    async fn key(&self) -> Result<Key> {
        Ok(match self.what {
            What::Layout => layout::layout_key(),
            What::AddressKey => layout::address_key(),
            What::Lobby => layout::room_key(&self.ground.operator_key().await?.room(LOBBY).hash()),
        })
    }

    async fn item(&self) -> Result<Item> {
        Ok(match self.what {
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

    /// A stage of a newer layout is not touched.
    fn check(&self, item: &Item) -> Result<()> {
        if self.what != What::Layout {
            return Ok(());
        }
        let version = layout::stored_layout(item).map_err(Fault::new)?;
        if version <= LAYOUT_VERSION {
            return Ok(());
        }
        let what = format!("this stage has layout {version}, and this chatctl knows {LAYOUT_VERSION} at most");
        Err(Fault::new(what).with_next(Some("use the newer chatctl that made it".into())))
    }

    /// Whoever was first is right: nothing is overwritten.
    async fn put(&self, item: &Item) -> Result<Option<()>> {
        let table = self.table();
        let request = self.ground.aws.dynamodb.put_item().table_name(&table).set_item(Some(item.clone()));
        let request = request.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK);
        match request.send().await.map_err(call(SERVICE, "PutItem", &table)) {
            Err(error) if error.is("ConditionalCheckFailedException") => Ok(Some(())),
            answer => Ok(if_there(answer)?.map(drop)),
        }
    }
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
    async fn a_record_that_is_there_is_kept_as_it_is() {
        let record = Record { ground: Arc::new(ground().await), what: What::AddressKey, now_ms: 0 };
        assert_eq!(visiting(&record, None), Change::Create);
        assert_eq!(visiting(&record, Some(())), Change::Keep);
    }

    #[tokio::test]
    async fn a_stage_of_a_newer_layout_is_refused() {
        let record = Record { ground: Arc::new(ground().await), what: What::Layout, now_ms: 0 };
        assert!(record.check(&layout::layout_item(LAYOUT_VERSION)).is_ok());
        let error = record.check(&layout::layout_item(LAYOUT_VERSION + 1)).unwrap_err();
        assert!(error.to_string().starts_with("this stage has layout 2"), "{error}");
    }
}
