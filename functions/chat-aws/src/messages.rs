//! Messages: a post is one transaction of the message and its marker; a page is a query of the room's history.
//! It must not know keys (`layout` does) nor cursors (`chat::history` does).

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chat::history::Slice;
use chat::message::{AuthorId, IdempotencyKey, Item, Marker, Post, Posted};
use chat::ports::{Messages, PortError, PortResult};
use chat::room::RoomHash;

use crate::call::port_error;
use crate::layout::{
    self, PK, SK, TTL, history_of, marker_item, marker_key, message_item, stored_history_item, stored_marker,
};
use crate::transact::{self, Outcome};

/// The position of the marker in the transaction of a post.
const MARKER: usize = 1;
/// The most items of one query: a hundred of 8 KiB are near the megabyte that one answer holds.
const QUERY_MOST: usize = 128;

/// The messages of a stage.
#[derive(Debug, Clone)]
pub struct DynamoMessages {
    dynamodb: DynamoDb,
    table: String,
}

impl DynamoMessages {
    /// Those of this table.
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        Self { dynamodb, table }
    }

    fn put_message(&self, post: &Post) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(message_item(post)))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A marker that has expired is as good as none, whether or not it has been swept.
    fn put_marker(&self, post: &Post) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(marker_item(post)))
            .condition_expression("attribute_not_exists(#pk) OR #ttl <= :now")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":now", AttributeValue::N((post.message.at_ms / 1_000).to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

pub(crate) fn unbuilt(error: BuildError) -> PortError {
    PortError::new(format!("a request to DynamoDB can't be built: {error}"), false)
}

impl Messages for DynamoMessages {
    async fn post(&self, post: &Post) -> PortResult<Posted> {
        let writes = vec![self.put_message(post).map_err(unbuilt)?, self.put_marker(post).map_err(unbuilt)?];
        let now_ms = post.message.at_ms;
        let marker = match transact::write(&self.dynamodb, writes).await? {
            Outcome::Written => return Ok(Posted::New(post.message.clone())),
            Outcome::Refused { position: MARKER, found: Some(item) } => stored_marker(&item, now_ms)?,
            Outcome::Refused { position: MARKER, found: None } => {
                self.marker(&post.room, &post.message.author, &post.key, now_ms).await?
            }
            Outcome::Refused { .. } => return Err(PortError::new("a message with this id is there already", true)),
        };
        match marker {
            Some(marker) => Ok(marker.answer(&post.message)),
            None => Err(PortError::new("a marker was there and is gone", true)),
        }
    }

    async fn marker(
        &self,
        room: &RoomHash,
        author: &AuthorId,
        key: &IdempotencyKey,
        now_ms: i64,
    ) -> PortResult<Option<Marker>> {
        let key = marker_key(room, author, key).attributes();
        let get = self.dynamodb.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        let item = get.send().await.map_err(|error| port_error("DynamoDB GetItem", &error))?.item;
        Ok(item.map(|item| stored_marker(&item, now_ms)).transpose()?.flatten())
    }

    /// A catch-up reads consistently: what it skips it would never see again.
    async fn read(&self, room: &RoomHash, slice: &Slice) -> PortResult<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        if slice.below.is_some_and(|below| below <= slice.above) {
            return Ok(items);
        }
        let edges = [Some(slice.above), slice.below];
        while items.len() < slice.limit {
            // The range of a query includes its edges, which are not wanted: two more are asked for.
            let most = (slice.limit - items.len() + 2).min(QUERY_MOST);
            let query = self
                .dynamodb
                .query()
                .table_name(&self.table)
                .consistent_read(!slice.newest_first)
                .scan_index_forward(!slice.newest_first)
                .limit(i32::try_from(most).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":room", AttributeValue::S(history_of(room)))
                .expression_attribute_values(":above", AttributeValue::S(slice.above.to_string()));
            let query = match &slice.below {
                Some(below) => query
                    .key_condition_expression("#pk = :room AND #sk BETWEEN :above AND :below")
                    .expression_attribute_values(":below", AttributeValue::S(below.to_string())),
                None => query.key_condition_expression("#pk = :room AND #sk > :above"),
            };
            let answer = query.send().await.map_err(|error| port_error("DynamoDB Query", &error))?;
            for item in answer.items() {
                items.extend(readable(item).filter(|item| !edges.contains(&Some(item.id()))));
            }
            // An empty page may still have a next one.
            match answer.last_evaluated_key {
                Some(key) => start = Some(key),
                None => break,
            }
        }
        items.truncate(slice.limit);
        Ok(items)
    }
}

/// An item that can't be read is left out and told: one broken item must not hide all others.
fn readable(item: &layout::Item) -> Option<Item> {
    stored_history_item(item).unwrap_or_else(|bad| {
        crate::log::Line::about("read").with("error", bad.to_string()).write();
        None
    })
}
