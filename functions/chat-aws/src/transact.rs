//! A transaction, and why it was cancelled: the reasons come by position, and only a conflict with another
//! transaction is worth another try, which the SDK does not make (A27). It must not know what is written.

use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use chat::ports::{PortError, PortResult};

use crate::call::port_error;
use crate::layout::Item;

/// How often a transaction that met another one is tried.
const TRIES: u32 = 5;
/// The first pause between two tries; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(20);

/// What came of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All of it was written.
    Written,
    /// Nothing was: the condition of the write at this position did not hold. The item that was in its way,
    /// if that was asked for.
    Refused {
        /// Which write, counted from 0.
        position: usize,
        /// What is there instead.
        found: Option<Item>,
    },
}

/// Why a try failed.
#[derive(Debug)]
struct Failed {
    error: PortError,
    /// It met another transaction, which is over in a moment.
    conflict: bool,
}

/// Writes all or nothing.
pub(crate) async fn write(dynamodb: &DynamoDb, writes: Vec<TransactWriteItem>) -> PortResult<Outcome> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match once(dynamodb, writes.clone()).await {
            Err(Failed { conflict: true, .. }) => tokio::time::sleep(pause).await,
            outcome => return outcome.map_err(|failed| failed.error),
        }
        pause *= 2;
    }
    once(dynamodb, writes).await.map_err(|failed| failed.error)
}

async fn once(dynamodb: &DynamoDb, writes: Vec<TransactWriteItem>) -> Result<Outcome, Failed> {
    let error = match dynamodb.transact_write_items().set_transact_items(Some(writes)).send().await {
        Ok(_) => return Ok(Outcome::Written),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            judged(cancelled.cancellation_reasons())
        }
        _ => Err(Failed { error: port_error("DynamoDB TransactWriteItems", &error), conflict: false }),
    }
}

/// A failed condition decides before a conflict does: trying again would not change it.
fn judged(reasons: &[CancellationReason]) -> Result<Outcome, Failed> {
    let refused = reasons.iter().enumerate().find(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    if let Some((position, reason)) = refused {
        return Ok(Outcome::Refused { position, found: reason.item().cloned() });
    }
    let codes: Vec<&str> = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    let all = |known: &[&str]| !codes.is_empty() && codes.iter().all(|code| known.contains(code));
    let passing = all(&["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"]);
    let error = PortError::new(format!("DynamoDB cancelled a transaction: {}", codes.join(", ")), passing);
    Err(Failed { error, conflict: all(&["TransactionConflict"]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a27_reasons_are_read_by_position() {
        let outcome = judged(&reasons(&["None", "ConditionalCheckFailed"]));
        assert!(matches!(outcome, Ok(Outcome::Refused { position: 1, .. })));
    }

    #[test]
    fn a27_only_a_conflict_is_tried_again() {
        let failed = |codes: &[&str]| match judged(&reasons(codes)) {
            Err(failed) => (failed.conflict, failed.error.retryable),
            Ok(outcome) => panic!("{outcome:?}"),
        };
        assert_eq!(failed(&["None", "TransactionConflict"]), (true, true));
        assert_eq!(failed(&["ThrottlingError", "None"]), (false, true));
        assert_eq!(failed(&["ValidationError", "TransactionConflict"]), (false, false));
        assert_eq!(failed(&[]), (false, false));
    }

    #[test]
    fn a27_a_condition_that_failed_wins_over_a_conflict() {
        let outcome = judged(&reasons(&["TransactionConflict", "ConditionalCheckFailed"]));
        assert!(matches!(outcome, Ok(Outcome::Refused { position: 1, .. })));
    }
}
