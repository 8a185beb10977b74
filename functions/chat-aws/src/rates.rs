//! Rates: a counter a window, in partitions of its own, counted up only while it is not full.
//! It must not know what the limits are.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use chat::ports::{PortResult, Rates};
use chat::rates::{Admission, Limit, Who};
use chat::room::RoomHash;

use crate::call::port_error;
use crate::layout::{KIND, TTL, rate_key};

/// The counters of a stage, in its Messages table.
#[derive(Debug, Clone)]
pub struct DynamoRates {
    dynamodb: DynamoDb,
    table: String,
}

impl DynamoRates {
    /// Those of this table.
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        Self { dynamodb, table }
    }
}

impl Rates for DynamoRates {
    async fn admit(&self, room: &RoomHash, who: &Who, limit: &Limit, now_ms: i64) -> PortResult<Admission> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rate_key(room, who, limit.window(now_ms)).attributes()))
            .update_expression("ADD #posts :one SET #ttl = :ttl, #kind = :kind")
            .condition_expression("attribute_not_exists(#posts) OR #posts < :limit")
            .expression_attribute_names("#posts", "posts")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(i64::from(limit.posts)))
            .expression_attribute_values(":ttl", number(limit.expires(now_ms)))
            .expression_attribute_values(":kind", AttributeValue::S("rate".to_owned()));
        match update.send().await {
            Ok(_) => Ok(Admission::Admitted),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    Ok(Admission::Refused { retry_after_s: limit.retry_after_s(now_ms) })
                }
                _ => Err(port_error("DynamoDB UpdateItem", &error)),
            },
        }
    }
}
