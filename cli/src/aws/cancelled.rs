//! What a transaction that was not done comes to, by the reasons that DynamoDB gives for each of its writes (A27). It
//! must not know what was written.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use super::{CallError, SdkFailure, call};

/// Reasons that pass: another transaction on the same item, or too much at once.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// A transaction that was not done, and the call's own words with the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// A condition did not hold: only a look at what is there leads on.
    Refused(CallError),
    /// Something was in its way that is over in a moment: it is worth another try, which the SDK does not make.
    Passing(CallError),
    /// Anything else: it ends the same way each time.
    Failed(CallError),
}

impl Cancelled {
    /// Judges a failed `TransactWriteItems` on this table. A condition that failed decides before a conflict does.
    pub fn of(error: SdkFailure<TransactWriteItemsError>, table: &str) -> Self {
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                cancelled.cancellation_reasons().to_vec()
            }
            _ => Vec::new(),
        };
        let mut failed = call("DynamoDB", "TransactWriteItems", table)(error);
        let reasons: Vec<&CancellationReason> =
            reasons.iter().filter(|reason| reason.code().is_some_and(|code| code != "None")).collect();
        if !reasons.is_empty() {
            let said: Vec<String> = reasons.iter().map(|reason| said(reason)).collect();
            failed.message = format!("{} (because of {})", failed.message, said.join(", ")).trim_start().to_owned();
        }
        let mut codes = reasons.iter().filter_map(|reason| reason.code());
        match () {
            () if codes.clone().any(|code| code == "ConditionalCheckFailed") => Self::Refused(failed),
            () if !reasons.is_empty() && codes.all(|code| PASSING.contains(&code)) => Self::Passing(failed),
            () => Self::Failed(failed),
        }
    }
}

fn said(reason: &CancellationReason) -> String {
    let code = reason.code().unwrap_or_default();
    reason.message().map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn judged(reasons: &[(&str, Option<&str>)]) -> Cancelled {
        let reasons = reasons.iter().map(|(code, message)| {
            CancellationReason::builder().code(*code).set_message(message.map(str::to_owned)).build()
        });
        let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons.collect()));
        let error = error.meta(ErrorMetadata::builder().message("cancelled").build()).build();
        let answer = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        let error = TransactWriteItemsError::TransactionCanceledException(error);
        Cancelled::of(SdkFailure::service_error(error, answer), "chat-dev-stage")
    }

    fn codes(codes: &[&str]) -> Cancelled {
        judged(&codes.iter().map(|code| (*code, None)).collect::<Vec<_>>())
    }

    #[test]
    fn a27_only_what_passes_is_tried_again_and_a_condition_that_failed_wins_over_it() {
        for refused in [["None", "ConditionalCheckFailed"], ["TransactionConflict", "ConditionalCheckFailed"]] {
            assert!(matches!(codes(&refused), Cancelled::Refused(_)), "{refused:?}");
        }
        for passing in [["None", "TransactionConflict"], ["ThrottlingError", "ProvisionedThroughputExceeded"]] {
            assert!(matches!(codes(&passing), Cancelled::Passing(_)), "{passing:?}");
        }
        for failed in [&["ValidationError", "None"][..], &["ValidationError", "TransactionConflict"], &["None"], &[]] {
            assert!(matches!(codes(failed), Cancelled::Failed(_)), "{failed:?}");
        }
    }

    #[test]
    fn a27_a_transaction_that_failed_says_its_reasons() {
        let item = Some("Item size has exceeded the maximum allowed size");
        let Cancelled::Failed(failed) = judged(&[("None", None), ("ValidationError", item)]) else { panic!("failed") };
        assert_eq!((failed.call, failed.resource.as_str()), ("TransactWriteItems", "chat-dev-stage"));
        let words = "cancelled (because of ValidationError: Item size has exceeded the maximum allowed size)";
        assert_eq!(failed.message, words);
    }
}
