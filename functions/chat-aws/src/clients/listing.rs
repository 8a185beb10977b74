//! Reading clients: a shard page by page, some by their ids, the members' counts. It must not write.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chat::client::{Client, ClientId};
use chat::message::AuthorId;
use chat::ports::{ClientList, PortError, PortResult};
use chat::room::{RoomHash, RoomRecord};

use crate::call::port_error;
use crate::layout::{self, Item, PK, SK, TTL, stored_client};
use crate::log::Line;
use crate::messages::unbuilt;

/// What one BatchGetItem may ask for.
const KEYS_A_CALL: usize = 100;
/// How often what a BatchGetItem left out is asked for again.
const TRIES: usize = 5;

/// The live clients of a shard after an id.
pub(super) async fn shard(
    dynamodb: &DynamoDb,
    table: &str,
    room: &RoomHash,
    shard: u16,
    from: Option<&ClientId>,
    limit: usize,
    now_ms: i64,
) -> PortResult<ClientList> {
    let mut clients = Vec::new();
    let mut from = from.cloned();
    loop {
        let most = i32::try_from(limit - clients.len()).unwrap_or(i32::MAX);
        let query = dynamodb
            .query()
            .table_name(table)
            .limit(most)
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":shard", AttributeValue::S(layout::clients_of(room, shard)));
        let query = match &from {
            Some(id) => query
                .key_condition_expression("#pk = :shard AND #sk > :from")
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":from", AttributeValue::S(id.to_string())),
            None => query.key_condition_expression("#pk = :shard"),
        };
        let answer = query.send().await.map_err(|error| port_error("DynamoDB Query", &error))?;
        clients.extend(answer.items().iter().filter_map(readable).filter(|client| client.live(now_ms)));
        let last = answer.last_evaluated_key.as_ref().and_then(|key| key.get(SK)).and_then(|sk| sk.as_s().ok());
        let next = match last {
            Some(id) => Some(ClientId::parse(id).map_err(|bad| PortError::new(bad.to_string(), false))?),
            None => None,
        };
        if next.is_none() || clients.len() >= limit {
            return Ok(ClientList { clients, next });
        }
        from = next;
    }
}

/// Those of these clients that are live.
pub(super) async fn some(
    dynamodb: &DynamoDb,
    table: &str,
    room: &RoomRecord,
    ids: &[ClientId],
    now_ms: i64,
) -> PortResult<Vec<Client>> {
    let mut clients = Vec::new();
    for ids in ids.chunks(KEYS_A_CALL) {
        let mut keys: Vec<Item> =
            ids.iter().map(|id| layout::client_key(&room.hash, id.shard(room.shards), id).attributes()).collect();
        for _ in 0..TRIES {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build().map_err(unbuilt)?;
            let sent = dynamodb.batch_get_item().request_items(table, wanted).send().await;
            let answer = sent.map_err(|error| port_error("DynamoDB BatchGetItem", &error))?;
            let found = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
            clients.extend(found.iter().filter_map(readable).filter(|client| client.live(now_ms)));
            keys = answer.unprocessed_keys.unwrap_or_default().remove(table).map(|left| left.keys).unwrap_or_default();
            if keys.is_empty() {
                break;
            }
        }
        if !keys.is_empty() {
            return Err(PortError::new("DynamoDB BatchGetItem leaves out the same keys again and again", true));
        }
    }
    Ok(clients)
}

/// The ids of a member's live clients.
pub(super) async fn members(
    dynamodb: &DynamoDb,
    table: &str,
    room: &RoomHash,
    author: &AuthorId,
    now_ms: i64,
) -> PortResult<Vec<ClientId>> {
    let items = partition(dynamodb, table, layout::members_of(room, author)).await?;
    let live = |item: &&Item| {
        item.get(TTL).and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok()).is_some_and(|at| at > now_ms / 1_000)
    };
    let id = |item: &Item| item.get(SK).and_then(|sk| ClientId::parse(sk.as_s().ok()?).ok());
    Ok(items.iter().filter(live).filter_map(id).collect())
}

/// A whole small partition: a client's places, a member's clients.
pub(super) async fn partition(dynamodb: &DynamoDb, table: &str, pk: String) -> PortResult<Vec<Item>> {
    let mut items = Vec::new();
    let mut start: Option<HashMap<String, AttributeValue>> = None;
    loop {
        let query = dynamodb
            .query()
            .table_name(table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
            .set_exclusive_start_key(start.take());
        let answer = query.send().await.map_err(|error| port_error("DynamoDB Query", &error))?;
        items.extend(answer.items.unwrap_or_default());
        match answer.last_evaluated_key {
            Some(key) => start = Some(key),
            None => return Ok(items),
        }
    }
}

/// A client that can't be read is left out and told: one broken item must not keep all others from being told.
fn readable(item: &Item) -> Option<Client> {
    match stored_client(item) {
        Ok(client) => Some(client),
        Err(bad) => {
            Line::about("client").with("error", bad.to_string()).write();
            None
        }
    }
}
