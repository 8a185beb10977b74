//! Rooms: made, listed and found in the Stage table; their links come from the operator's key, which only chatctl reads.
//! Must not know what is said in them.

use aws_sdk_dynamodb::types::AttributeValue;
use chat::room::{OperatorKey, RoomName, RoomRecord, Token};
use chat_aws::layout;

use crate::aws::{Aws, CallError, call};
use crate::event;
use crate::failure::{Exit, Explain, Failure};
use crate::stage::{Stage, closest};

/// A room with its key.
#[derive(Clone, Debug)]
pub struct Room {
    /// What is set for it.
    pub record: RoomRecord,
    /// What opens it.
    pub token: Token,
}

/// Why a room can't be had.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// A call failed.
    #[error("cannot {what}")]
    Call {
        /// What was to be done.
        what: &'static str,
        /// The call.
        source: CallError,
        /// What brings the stage up.
        next: String,
    },
    /// The operator's key is not there, or none.
    #[error("the operator's key {parameter} is not there")]
    NoKey {
        /// Its name in SSM.
        parameter: String,
        /// What brings it back.
        next: String,
    },
    /// A record is not as it was written.
    #[error("cannot read a room's record")]
    Record(#[from] layout::BadItem),
    /// There is no such room.
    #[error("there is no room {name:?}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What to type.
        next: String,
    },
}

impl Explain for RoomError {
    fn exit(&self) -> Exit {
        match self {
            RoomError::Call { source, .. } => source.exit(),
            RoomError::Unknown { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
    fn next(&self) -> Option<String> {
        match self {
            RoomError::Call { source, next, .. } => Explain::next(source).or_else(|| Some(next.clone())),
            RoomError::NoKey { next, .. } | RoomError::Unknown { next, .. } => Some(next.clone()),
            RoomError::Record(_) => None,
        }
    }
}

impl Room {
    fn new(record: RoomRecord, key: &OperatorKey) -> Self {
        let token = key.token(key.room(record.name.as_str()), record.epoch);
        Room { record, token }
    }

    /// The page's link to it.
    pub fn link(&self, endpoint: &str) -> String {
        self.token.link(endpoint)
    }

    /// As it is shown.
    pub fn shown(&self, endpoint: &str, created: bool) -> event::RoomShown {
        event::RoomShown {
            room: self.record.name.to_string(),
            hash: self.record.hash.to_string(),
            page: self.link(endpoint),
            created,
            created_at: chat::rfc3339::format(self.record.created_at),
            retention_days: self.record.retention_days,
        }
    }
}

/// A room's name, checked before anything is called.
pub fn named(name: &str) -> Result<RoomName, Failure> {
    RoomName::parse(name).map_err(|bad| Failure::usage(format!("{name:?} can't be a room's name")).why(bad.to_string()))
}

/// Makes a room; one that is there is left as it is.
pub async fn create(
    aws: &Aws,
    stage: &Stage,
    name: &RoomName,
    now: jiff::Timestamp,
) -> Result<(Room, bool), RoomError> {
    let key = operator_key(aws, stage).await?;
    let hash = key.room(name.as_str()).hash();
    let record = RoomRecord {
        retention_days: stage.retention_days,
        ..RoomRecord::new(hash, name.clone(), now.as_millisecond())
    };
    let table = stage.names().table("stage");
    let put = aws.dynamodb.put_item().table_name(&table).set_item(Some(layout::room_item(&record)));
    let put = put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", layout::PK);
    match put.send().await.map_err(call("DynamoDB", "PutItem", &table)) {
        Ok(_) => Ok((Room::new(record, &key), true)),
        Err(error) if error.is("ConditionalCheckFailedException") => {
            let standing = record_of(aws, stage, &record).await?.unwrap_or(record);
            Ok((Room::new(standing, &key), false))
        }
        Err(source) => Err(failed("make the room", source, stage)),
    }
}

/// All rooms that are meant to last, by name.
pub async fn list(aws: &Aws, stage: &Stage) -> Result<Vec<Room>, RoomError> {
    let key = operator_key(aws, stage).await?;
    let records = records(aws, stage).await?;
    Ok(records.into_iter().map(|record| Room::new(record, &key)).collect())
}

/// The room of this name.
pub async fn find(aws: &Aws, stage: &Stage, name: &str) -> Result<Room, Failure> {
    let checked = named(name)?;
    let key = operator_key(aws, stage).await?;
    let wanted = RoomRecord::new(key.room(checked.as_str()).hash(), checked, 0);
    if let Some(record) = record_of(aws, stage, &wanted).await? {
        return Ok(Room::new(record, &key));
    }
    let others = records(aws, stage).await?;
    let next = match closest(name, others.iter().map(|room| room.name.as_str())) {
        Some(meant) => format!("did you mean {meant:?}? {} lists all", stage.command("room list")),
        None => stage.command(&format!("room create {name}")),
    };
    Err(RoomError::Unknown { name: name.into(), next }.into())
}

/// The records of all rooms that do not end by themselves, by name.
pub async fn records(aws: &Aws, stage: &Stage) -> Result<Vec<RoomRecord>, RoomError> {
    let table = stage.names().table("stage");
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let page = aws
            .dynamodb
            .query()
            .table_name(&table)
            .key_condition_expression("#pk = :rooms")
            .expression_attribute_names("#pk", layout::PK)
            .expression_attribute_values(":rooms", AttributeValue::S(layout::rooms()))
            .consistent_read(true)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(call("DynamoDB", "Query", &table))
            .map_err(|source| failed("list the rooms", source, stage))?;
        for item in page.items() {
            found.push(layout::stored_room(item)?);
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }
    found.retain(|room| room.expires.is_none());
    found.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(found)
}

/// A room's record as it stands.
async fn record_of(aws: &Aws, stage: &Stage, wanted: &RoomRecord) -> Result<Option<RoomRecord>, RoomError> {
    let table = stage.names().table("stage");
    let key = layout::room_key(&wanted.hash).attributes();
    let got = aws.dynamodb.get_item().table_name(&table).set_key(Some(key)).consistent_read(true).send().await;
    let got =
        got.map_err(call("DynamoDB", "GetItem", &table)).map_err(|source| failed("find the room", source, stage))?;
    got.item.as_ref().map(layout::stored_room).transpose().map_err(RoomError::from)
}

/// The operator's key: decrypted here alone, shown nowhere.
async fn operator_key(aws: &Aws, stage: &Stage) -> Result<OperatorKey, RoomError> {
    let parameter = stage.names().parameter("room-key");
    let missing = || RoomError::NoKey { parameter: parameter.clone(), next: stage.command("up") };
    let got = aws.ssm.get_parameter().name(&parameter).with_decryption(true).send().await;
    let got = match got.map_err(call("SSM", "GetParameter", &parameter)) {
        Ok(got) => got,
        Err(error) if error.is_missing() => return Err(missing()),
        Err(source) => return Err(failed("read the operator's key", source, stage)),
    };
    got.parameter
        .and_then(|parameter| parameter.value)
        .and_then(|value| OperatorKey::from_base64(&value))
        .ok_or_else(missing)
}

fn failed(what: &'static str, source: CallError, stage: &Stage) -> RoomError {
    RoomError::Call { what, source, next: stage.command("up") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_room_can_have_is_bad_usage() {
        assert_eq!(named("The Lobby").unwrap_err().exit, Exit::Usage);
        assert!(named("lobby").is_ok());
    }

    #[test]
    fn a_rooms_link_carries_its_token() {
        let key = OperatorKey::from_bytes([7; 32]);
        let name = RoomName::parse("lobby").unwrap();
        let room = Room::new(RoomRecord::new(key.room("lobby").hash(), name, 0), &key);
        let shown = room.shown("http://127.0.0.1:4580", true);
        assert_eq!(shown.page, format!("http://127.0.0.1:4580/#{}", room.token));
        assert_eq!(shown.created_at, "1970-01-01T00:00:00.000Z");
    }
}
