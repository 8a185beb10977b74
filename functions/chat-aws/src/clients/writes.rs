//! What a registration and a removal write. It must not decide whether they are allowed.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use chat::client::{Client, ClientId};
use chat::message::AuthorId;
use chat::ports::PortResult;
use chat::room::RoomHash;

use crate::call::port_error;
use crate::layout::{self, Item, Key, PK, Place};
use crate::messages::unbuilt;

/// The writes of one transaction.
pub(super) struct Writes<'a> {
    table: &'a str,
    writes: Vec<TransactWriteItem>,
}

impl<'a> Writes<'a> {
    pub(super) fn of(table: &'a str) -> Self {
        Self { table, writes: Vec::new() }
    }

    pub(super) fn done(self) -> Vec<TransactWriteItem> {
        self.writes
    }

    /// The client with everything that names it, provided that its install still has the client that was seen.
    pub(super) fn put_client(&mut self, client: &Client, shard: u16, seen: Option<&ClientId>) -> PortResult<()> {
        for item in [layout::client_item(client, shard), layout::place_item(client, shard), layout::member_item(client)]
        {
            let put = Put::builder().table_name(self.table).set_item(Some(item)).build().map_err(unbuilt)?;
            self.writes.push(TransactWriteItem::builder().put(put).build());
        }
        let put = Put::builder().table_name(self.table).set_item(Some(layout::install_item(client, shard)));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK),
            Some(id) => put
                .condition_expression("#client = :seen")
                .expression_attribute_names("#client", "client")
                .expression_attribute_values(":seen", AttributeValue::S(id.to_string())),
        };
        let put = put.build().map_err(unbuilt)?;
        self.writes.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    /// A client that another one takes the place of: its install stays.
    pub(super) fn remove(&mut self, room: &RoomHash, shard: u16, id: &ClientId, author: &AuthorId) -> PortResult<()> {
        self.delete(&layout::client_key(room, shard, id), None)?;
        self.delete(&layout::place_key(room, id), None)?;
        self.delete(&layout::member_key(room, author, id), None)
    }

    /// A subscription that had another owner or install before: what named it for them.
    pub(super) fn remove_owner(&mut self, before: &Client, now: &Client) -> PortResult<()> {
        if before.author != now.author {
            self.delete(&layout::member_key(&before.room, &before.author, &before.id), None)?;
        }
        if before.author != now.author || before.install != now.install {
            let key = layout::install_key(&before.room, &before.author, &before.install);
            self.delete(&key, Some(has_client_or_nothing(&before.id)))?;
        }
        Ok(())
    }

    /// A client that goes, with `only_if` provided that it has the same keys still.
    pub(super) fn remove_if(&mut self, place: &Place, id: &ClientId, only_if: Option<&Client>) -> PortResult<()> {
        let same_keys = only_if.map(|client| Condition {
            expression: "attribute_not_exists(#name) OR (#name = :value)",
            name: "p256dh",
            value: AttributeValue::B(Blob::new(client.keys.p256dh())),
        });
        self.delete(&layout::client_key(&place.room, place.shard, id), same_keys)?;
        self.delete(&layout::place_key(&place.room, id), None)?;
        self.delete(&layout::member_key(&place.room, &place.author, id), None)
    }

    fn delete(&mut self, key: &Key, condition: Option<Condition>) -> PortResult<()> {
        let delete = Delete::builder().table_name(self.table).set_key(Some(key.attributes()));
        let delete = match condition {
            None => delete,
            Some(condition) => delete
                .condition_expression(condition.expression)
                .expression_attribute_names("#name", condition.name)
                .expression_attribute_values(":value", condition.value),
        };
        let delete = delete.build().map_err(unbuilt)?;
        self.writes.push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }
}

/// A condition on one attribute.
struct Condition {
    expression: &'static str,
    name: &'static str,
    value: AttributeValue,
}

fn has_client_or_nothing(id: &ClientId) -> Condition {
    Condition {
        expression: "attribute_not_exists(#name) OR #name = :value",
        name: "client",
        value: AttributeValue::S(id.to_string()),
    }
}

/// Lets an install have no client, if it has this one still.
pub(super) async fn release_install(dynamodb: &DynamoDb, table: &str, place: &Place, id: &ClientId) -> PortResult<()> {
    let key: Item = layout::install_key(&place.room, &place.author, &place.install).attributes();
    let condition = has_client_or_nothing(id);
    let delete = dynamodb
        .delete_item()
        .table_name(table)
        .set_key(Some(key))
        .condition_expression(condition.expression)
        .expression_attribute_names("#name", condition.name)
        .expression_attribute_values(":value", condition.value);
    match delete.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(port_error("DynamoDB DeleteItem", &error)),
        },
    }
}
