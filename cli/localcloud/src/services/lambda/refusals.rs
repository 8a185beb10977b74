//! The errors of Lambda's API, worded as AWS words them: callers match on some of these texts.

use crate::wire::Refusal;

/// A parameter that cannot be.
pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}

/// A member of the input that the local cloud does not have, by its name.
pub(crate) fn unsupported(member: &str) -> Refusal {
    invalid(format!("the local cloud does not implement {member}"))
}

/// Something that is not there.
pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}

/// Something that is there already, or is being changed.
pub(crate) fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "ResourceConflictException", message)
}

/// A body that is not the JSON it should be.
pub(crate) fn bad_content(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequestContentException", message)
}

/// A revision that somebody else has changed since.
pub(crate) fn stale() -> Refusal {
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    Refusal::new(412, "PreconditionFailedException", message)
}

/// More invocations at once than the function may have.
pub(crate) fn throttled() -> Refusal {
    let mut refusal = Refusal::new(429, "TooManyRequestsException", "Rate Exceeded.");
    refusal.details.insert("Reason".into(), "ReservedFunctionConcurrentInvocationLimitExceeded".into());
    refusal
}

/// A chain of requests that has gone through the function too often (A25).
pub(crate) fn recursive(function: &str) -> Refusal {
    let message = format!(
        "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your \
         function's invocation: {function} was invoked {} times in one chain of requests",
        super::lineage::TURNS
    );
    Refusal::new(400, RECURSIVE, message)
}

/// The code of that refusal.
pub(crate) const RECURSIVE: &str = "RecursiveInvocationException";

/// A fault of the local cloud itself.
pub(crate) fn broken(message: impl Into<String>) -> Refusal {
    Refusal::new(500, "ServiceException", message)
}
