//! A deploy written down by who holds the lease: its item and the lease's memory of it in one transaction, under the
//! condition that the lease is still held, so that nobody who lost it writes history. Must not know what a deploy is.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use chat_aws::layout::{self, Item, PK, SK};
use tokio::time::sleep;

use super::place::{HOLDER, ID, LAST, Place, RENEWED};
use crate::aws::{CallError, Cancelled};

/// How often a transaction that met another one, such as a renewal, is tried (A27).
const TRIES: u32 = 6;
/// Before the second try; twice as long before each next one.
const PAUSE: Duration = Duration::from_millis(20);

/// What becomes of the lease with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deploy) enum Then {
    /// It is held on.
    Held,
    /// It is given back: nothing comes after this write.
    GivenBack,
}

impl Place {
    /// Writes a deploy's item, and remembers it. `false` where the lease is another's.
    pub(super) async fn write(&self, id: &str, deploy: &Item, then: Then) -> Result<bool, CallError> {
        let writes = [self.put(deploy), self.remember(id, deploy, then)];
        if self.transact(writes.into()).await? {
            return Ok(true);
        }
        // A first try whose answer was lost may have given it back already (A12).
        let key = [PK, SK].into_iter().filter_map(|part| Some((part.to_owned(), deploy.get(part)?.clone())));
        Ok(self.get(key.collect()).await?.as_ref() == Some(deploy))
    }

    fn put(&self, deploy: &Item) -> TransactWriteItem {
        let Ok(put) = Put::builder().table_name(&self.table).set_item(Some(deploy.clone())).build() else {
            unreachable!("it has its table and its item")
        };
        TransactWriteItem::builder().put(put).build()
    }

    fn remember(&self, id: &str, deploy: &Item, then: Then) -> TransactWriteItem {
        let (expression, names) = match then {
            Then::Held => ("SET #last = :last", vec![("#id", ID), ("#last", LAST)]),
            Then::GivenBack => (
                "SET #last = :last REMOVE #id, #renewed, #holder",
                vec![("#id", ID), ("#last", LAST), ("#renewed", RENEWED), ("#holder", HOLDER)],
            ),
        };
        let names = names.into_iter().map(|(name, attribute)| (name.to_owned(), attribute.to_owned()));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .update_expression(expression)
            .condition_expression("#id = :id")
            .set_expression_attribute_names(Some(names.collect()))
            .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
            .expression_attribute_values(":last", AttributeValue::M(deploy.clone()));
        let Ok(update) = update.build() else { unreachable!("it has its table, its key and its expression") };
        TransactWriteItem::builder().update(update).build()
    }

    /// All or nothing; `false` where a condition did not hold.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<bool, CallError> {
        let mut pause = PAUSE;
        let mut left = TRIES;
        loop {
            left -= 1;
            let request = self.dynamodb.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = request.send().await else { return Ok(true) };
            match Cancelled::of(error, &self.table) {
                Cancelled::Refused(_) => return Ok(false),
                Cancelled::Passing(_) if left > 0 => sleep(pause).await,
                Cancelled::Passing(error) | Cancelled::Failed(error) => return Err(error),
            }
            pause *= 2;
        }
    }
}
