//! Rooms: records of the Stage table, believed for at most ten seconds. It must not know who asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::Client as DynamoDb;
use chat::ports::{PortError, PortResult, Rooms};
use chat::rates::AddressKey;
use chat::room::{RECORD_CACHE_MS, RoomHash, RoomRecord};
use tokio::sync::OnceCell;

use crate::call::port_error;
use crate::layout::{self, Key, stored_address_key, stored_room};

/// How many records one process keeps.
const KEPT_AT_MOST: usize = 1_000;

/// The rooms of a stage.
#[derive(Debug)]
pub struct DynamoRooms {
    dynamodb: DynamoDb,
    table: String,
    records: Mutex<HashMap<RoomHash, (i64, RoomRecord)>>,
    address_key: OnceCell<AddressKey>,
}

impl DynamoRooms {
    /// Those of this table.
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        Self { dynamodb, table, records: Mutex::default(), address_key: OnceCell::new() }
    }

    async fn item(&self, key: &Key) -> PortResult<Option<layout::Item>> {
        let get = self.dynamodb.get_item().table_name(&self.table).set_key(Some(key.attributes()));
        Ok(get.send().await.map_err(|error| port_error("DynamoDB GetItem", &error))?.item)
    }

    fn kept(&self, room: &RoomHash, now_ms: i64) -> Option<RoomRecord> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, record) = records.get(room)?;
        (0..RECORD_CACHE_MS).contains(&(now_ms - at)).then(|| record.clone())
    }

    fn keep(&self, record: &RoomRecord, now_ms: i64) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= KEPT_AT_MOST {
            records.clear();
        }
        records.insert(record.hash.clone(), (now_ms, record.clone()));
    }
}

impl Rooms for DynamoRooms {
    async fn find(&self, room: &RoomHash, now_ms: i64) -> PortResult<Option<RoomRecord>> {
        if let Some(record) = self.kept(room, now_ms) {
            return Ok(Some(record));
        }
        // That there is no such room is not kept: a room that was just made opens at once.
        let Some(item) = self.item(&layout::room_key(room)).await? else { return Ok(None) };
        let record = stored_room(&item)?;
        self.keep(&record, now_ms);
        Ok(Some(record))
    }

    async fn address_key(&self, _now_ms: i64) -> PortResult<AddressKey> {
        // Made once for a stage and never changed.
        let read = || async {
            let item = self.item(&layout::address_key()).await?;
            let item = item.ok_or_else(|| PortError::new("the Stage table has no address key", false))?;
            Ok(stored_address_key(&item)?)
        };
        self.address_key.get_or_try_init(read).await.cloned()
    }
}
