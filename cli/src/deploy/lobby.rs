//! The room for everyone, which every stage has: its record, and the page's link to it. Must not
//! know how it was made.

use chat::room::{Epoch, OperatorKey};
use chat_aws::layout;

use super::Deploying;
use crate::aws::call;
use crate::failure::{Exit, Failure};
use crate::stack::Chat;
use crate::stage::LOBBY;

/// The lobby of a stage that is up.
pub(super) struct Lobby {
    /// What makes the tokens of all rooms.
    pub(super) key: OperatorKey,
    epoch: Epoch,
}

impl Lobby {
    /// As the plan or the walk met it; read where neither did.
    pub(super) async fn of(cx: &Deploying, chat: &Chat) -> Result<Self, Failure> {
        let key = chat.operator_key().await.map_err(|fault| {
            let exit = if fault.is_denied() { Exit::Denied } else { Exit::Failed };
            Failure::new(exit, format!("cannot read the operator's key of stage {}", cx.stage.name))
                .why(fault.to_string())
        })?;
        let epoch = match chat.lobby() {
            Some(epoch) => epoch,
            None => read(cx, &key).await?,
        };
        Ok(Self { key, epoch })
    }

    /// The page's link to it.
    pub(super) fn link(&self, endpoint: &str) -> String {
        self.key.token(self.key.room(LOBBY), self.epoch).link(endpoint)
    }
}

async fn read(cx: &Deploying, key: &OperatorKey) -> Result<Epoch, Failure> {
    let table = cx.stage.names().table("stage");
    let record = layout::room_key(&key.room(LOBBY).hash());
    let read = cx.aws.dynamodb.get_item().table_name(&table).set_key(Some(record.attributes())).consistent_read(true);
    let item = read.send().await.map_err(call("DynamoDB", "GetItem", &table))?.item;
    let stored = item.as_ref().map(layout::stored_room).transpose();
    let stored = stored.map_err(|bad| Failure::failed("cannot read the lobby's record").why(bad.to_string()))?;
    Ok(stored.map(|room| room.epoch).unwrap_or_default())
}
