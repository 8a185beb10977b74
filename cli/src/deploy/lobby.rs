//! The room for everyone, which every stage has: its record, and the page's link to it. Must not
//! know how it was made.

use chat::room::{Epoch, OperatorKey};
use chat_aws::layout;

use super::Deploying;
use crate::aws::call;
use crate::failure::{Exit, Failure};
use crate::stack;
use crate::stage::LOBBY;

/// The lobby of a stage that is up.
pub(super) struct Lobby {
    /// What makes the tokens of all rooms.
    pub(super) key: OperatorKey,
    epoch: Epoch,
}

impl Lobby {
    /// Reads it.
    pub(super) async fn read(cx: &Deploying) -> Result<Self, Failure> {
        let key = stack::operator_key(&cx.aws, &cx.stage).await.map_err(|fault| {
            let exit = if fault.is_denied() { Exit::Denied } else { Exit::Failed };
            Failure::new(exit, format!("cannot read the operator's key of stage {}", cx.stage.name))
                .why(fault.to_string())
        })?;
        let table = cx.stage.names().table("stage");
        let record = layout::room_key(&key.room(LOBBY).hash());
        let read =
            cx.aws.dynamodb.get_item().table_name(&table).set_key(Some(record.attributes())).consistent_read(true);
        let item = read.send().await.map_err(call("DynamoDB", "GetItem", &table))?.item;
        let stored = item.as_ref().map(layout::stored_room).transpose();
        let stored = stored.map_err(|bad| Failure::failed("cannot read the lobby's record").why(bad.to_string()))?;
        Ok(Self { key, epoch: stored.map(|room| room.epoch).unwrap_or_default() })
    }

    /// The page's link to it.
    pub(super) fn link(&self, endpoint: &str) -> String {
        self.key.token(self.key.room(LOBBY), self.epoch).link(endpoint)
    }
}
