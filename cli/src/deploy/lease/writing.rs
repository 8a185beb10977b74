//! A deploy written down by who holds the lease: its item and the lease's memory of it in one transaction, under the
//! condition that the lease is still held, so that nobody who lost it writes history. Must not know what a deploy is.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use chat_aws::layout::{self, Item, PK, SK};
use tokio::time::sleep;

use super::place::{HOLDER, ID, LAST, Place, RENEWED};
use crate::aws::{CallError, call};

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
            match error.as_service_error().map(judged) {
                Some(Judged::Refused) => return Ok(false),
                Some(Judged::Conflict) if left > 0 => sleep(pause).await,
                _ => return Err(call("DynamoDB", "TransactWriteItems", &self.table)(error)),
            }
            pause *= 2;
        }
    }
}

/// What a transaction that was not done comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// A condition did not hold: trying again changes nothing.
    Refused,
    /// Another one was in its way, and is over in a moment.
    Conflict,
    /// Anything else.
    Failed,
}

fn judged(error: &TransactWriteItemsError) -> Judged {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return Judged::Failed };
    let codes = || cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    match () {
        () if codes().any(|code| code == "ConditionalCheckFailed") => Judged::Refused,
        () if codes().any(|code| code == "TransactionConflict") => Judged::Conflict,
        () => Judged::Failed,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    use super::*;

    #[test]
    fn a27_only_a_conflict_is_tried_again_and_a_condition_that_failed_wins_over_it() {
        for (codes, should) in [
            (["None", "ConditionalCheckFailed"], Judged::Refused),
            (["TransactionConflict", "ConditionalCheckFailed"], Judged::Refused),
            (["None", "TransactionConflict"], Judged::Conflict),
            (["ValidationError", "None"], Judged::Failed),
        ] {
            let reasons = codes.map(|code| CancellationReason::builder().code(code).build());
            let cancelled = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons.into()));
            let error = TransactWriteItemsError::TransactionCanceledException(cancelled.build());
            assert_eq!(judged(&error), should, "{codes:?}");
        }
    }
}
