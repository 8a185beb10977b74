//! What an SDK call's failure means to the chat: its words, and whether another try may help.
//! The only place of the functions that reads error codes. It must not know what was called for.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use chat::ports::PortError;

use crate::log::Line;

/// Codes that say "not now": everything else that a service answers stays wrong when it is asked again.
const PASSING: [&str; 11] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "LimitExceededException",
    "TransactionInProgressException",
    "TransactionConflictException",
    "InternalServerError",
    "ServiceUnavailable",
    "OverLimit",
];

/// The failure in one line: code and message, or what happened on the way.
pub(crate) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error() {
        Some(service) => {
            format!("{}: {}", service.code().unwrap_or("unknown"), service.message().unwrap_or("no message"))
        }
        None => chain(error),
    }
}

/// The failure as the ports tell it. The log keeps it, since an answer to a member never does.
pub(crate) fn port_error<E>(call: &str, error: &SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let retryable = match error {
        SdkError::ServiceError(context) => {
            context.err().code().is_some_and(|code| PASSING.contains(&code)) || context.raw().status().is_server_error()
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    };
    let what = format!("{call}: {}", describe(error));
    Line::about("call").with("error", what.as_str()).with("retryable", retryable).write();
    PortError::new(what, retryable)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        source = inner.source();
    }
    words
}
