//! What an SDK call failed with, in the tool's words: the only place that reads error codes into kinds.
//! It must not know why the call was made.

use std::{error::Error, fmt};

use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::failure::{Exit, Explain};

/// What any SDK call fails with.
pub type SdkFailure<E> = SdkError<E, HttpResponse>;

/// What a failure means, whichever service said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There are no credentials, or AWS does not accept them.
    Credentials,
    /// They ran out (A15).
    Expired,
    /// They may not do this.
    Denied,
    /// The thing is not there.
    Missing,
    /// A thing of that name, or a change of it, is there already.
    Taken,
    /// Too many calls: it passes (A19).
    Throttled,
    /// Too many things: it does not pass (A32).
    Quota,
    /// This cloud does not have the call.
    NotOffered,
    /// The service could not be reached, or did not answer.
    Unreachable,
    /// The service failed inside.
    Broken,
    /// Anything else: a mistake in the call.
    Refused,
}

/// One SDK call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The service: `SQS`.
    pub service: &'static str,
    /// The call: `CreateQueue`.
    pub call: &'static str,
    /// What it was about: `chat-dev-new-messages`.
    pub resource: String,
    /// The service's own code, where it answered.
    pub code: Option<String>,
    /// Its message, or what happened on the way.
    pub message: String,
    /// For AWS's support.
    pub request_id: Option<String>,
    /// What it means.
    pub kind: Kind,
}

/// Turns an SDK error into a `CallError`: `.map_err(call("SQS", "CreateQueue", &name))`.
pub fn call<E>(
    service: &'static str,
    call: &'static str,
    resource: impl fmt::Display,
) -> impl FnOnce(SdkFailure<E>) -> CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    move |error| {
        let request_id = error.request_id().map(str::to_owned);
        let code = error.as_service_error().and_then(|answer| answer.code()).map(str::to_owned);
        let message = match error.as_service_error() {
            Some(answer) => answer.message().unwrap_or_default().to_owned(),
            None => on_the_way(&error),
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let broken = status.is_some_and(|status| status >= 500);
        let kind = match &code {
            _ if status == Some(501) => Kind::NotOffered,
            None if matches!(status, Some(404 | 405)) => Kind::NotOffered,
            Some(code) => kind_of(code, &message, broken),
            None if message.to_lowercase().contains("credential") => Kind::Credentials,
            None if error.raw_response().is_some() => Kind::Broken,
            None => Kind::Unreachable,
        };
        CallError { service, call, resource: resource.to_string(), code, message, request_id, kind }
    }
}

/// `None` where the answer was that the thing is not there.
pub fn if_there<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The causes of an error that is no answer, each said once.
fn on_the_way(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if words.last() != Some(&cause_words) {
            words.push(cause_words);
        }
        source = cause.source();
    }
    words.join(": ")
}

fn kind_of(code: &str, message: &str, broken: bool) -> Kind {
    // SQS in the query protocol says "AWS.SimpleQueueService.NonExistentQueue".
    match code.rsplit('.').next().unwrap_or(code) {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Kind::Expired,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidAccessKeyId"
        | "OptInRequired" => Kind::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "NotAuthorized"
        | "KMSAccessDeniedException" => Kind::Denied,
        "ResourceNotFoundException"
        | "NotFoundException"
        | "NoSuchEntity"
        | "QueueDoesNotExist"
        | "NonExistentQueue"
        | "ParameterNotFound"
        | "TableNotFoundException"
        | "InvalidResourceId"
        | "ChangeSetNotFound" => Kind::Missing,
        // CloudFormation has one code for all that is wrong with a call.
        "ValidationError" if message.contains("does not exist") => Kind::Missing,
        "ResourceInUseException"
        | "EntityAlreadyExists"
        | "ResourceConflictException"
        | "ConflictException"
        | "QueueNameExists"
        | "QueueAlreadyExists"
        | "ParameterAlreadyExists"
        | "AlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "OperationAbortedException"
        | "ConcurrentModification" => Kind::Taken,
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "TooManyUpdates"
        | "SlowDown" => Kind::Throttled,
        "ServiceQuotaExceededException" | "CodeStorageExceededException" | "ParameterLimitExceeded" => Kind::Quota,
        // Control planes say LimitExceeded for both; only a rate speaks of one (A32).
        "LimitExceededException" | "LimitExceeded" if message.to_lowercase().contains("rate") => Kind::Throttled,
        "LimitExceededException" if message.contains("simultaneous") => Kind::Throttled,
        "LimitExceededException" | "LimitExceeded" => Kind::Quota,
        "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "UnknownOperation"
        | "UnknownOperationException"
        | "UnknownAction"
        | "InvalidAction"
        | "NotImplemented"
        | "NotImplementedException" => Kind::NotOffered,
        _ if broken => Kind::Broken,
        _ => Kind::Refused,
    }
}

impl CallError {
    /// Whether the service answered with this code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own == code || own.rsplit('.').next() == Some(code))
    }

    /// Whether the thing is not there.
    pub fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Whether a thing of that name is there already, or is being changed.
    pub fn is_taken(&self) -> bool {
        self.kind == Kind::Taken
    }

    /// Whether credentials or permissions are missing.
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, Kind::Credentials | Kind::Expired | Kind::Denied)
    }

    /// Whether this cloud does not have the call at all.
    pub fn is_not_offered(&self) -> bool {
        self.kind == Kind::NotOffered
    }

    /// Whether there is no such call for us: this cloud has not got it, or we may not make it.
    pub fn is_not_for_us(&self) -> bool {
        matches!(self.kind, Kind::NotOffered | Kind::Denied)
    }

    /// Whether an update was refused because nothing would change by it (A16).
    pub fn is_unchanged(&self) -> bool {
        self.is("ValidationError") && self.message.contains("No updates are to be performed")
    }

    /// Whether the call may have happened although it failed.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::Broken)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} {} answered {code}", self.service, self.call)?,
            None => write!(f, "{} {} was not answered", self.service, self.call)?,
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl Error for CallError {}

impl Explain for CallError {
    fn exit(&self) -> Exit {
        if self.is_denied() { Exit::Denied } else { Exit::Failed }
    }

    fn next(&self) -> Option<String> {
        match self.kind {
            Kind::Expired => Some("aws sso login, or new credentials; then the same command again".into()),
            Kind::Credentials => Some("aws configure, or set AWS_PROFILE; then the same command again".into()),
            Kind::Quota => Some(format!("ask for a higher {} quota in Service Quotas", self.service)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, kind: Kind) -> CallError {
        CallError {
            service: "SQS",
            call: "CreateQueue",
            resource: "chat-dev-new-messages".into(),
            code: code.map(str::to_owned),
            message: "wait 60 seconds".into(),
            request_id: Some("7f3c".into()),
            kind,
        }
    }

    #[test]
    fn a_failed_call_names_service_call_code_and_request() {
        let shown = error(Some("AWS.SimpleQueueService.QueueDeletedRecently"), Kind::Refused);
        assert_eq!(
            shown.to_string(),
            "SQS CreateQueue answered AWS.SimpleQueueService.QueueDeletedRecently: wait 60 seconds (request 7f3c)"
        );
        assert!(shown.is("QueueDeletedRecently"));
        assert_eq!(shown.exit(), Exit::Failed);
    }

    #[test]
    fn denied_and_expired_credentials_exit_with_five() {
        for code in ["ExpiredToken", "AccessDeniedException", "UnrecognizedClientException"] {
            let kind = kind_of(code, "", false);
            assert_eq!(error(Some(code), kind).exit(), Exit::Denied, "{code}");
        }
    }

    #[test]
    fn a_quota_is_told_from_throttling() {
        for (code, message, kind) in [
            ("LimitExceededException", "Subscriber limit exceeded: 2500 tables", Kind::Quota),
            ("LimitExceededException", "Rate exceeded", Kind::Throttled),
            ("TooManyRequestsException", "", Kind::Throttled),
            ("ServiceQuotaExceededException", "", Kind::Quota),
        ] {
            assert_eq!(kind_of(code, message, false), kind, "{code} {message}");
        }
    }

    #[test]
    fn codes_of_all_services_mean_the_same_few_things() {
        for (code, kind) in [
            ("AWS.SimpleQueueService.NonExistentQueue", Kind::Missing),
            ("NoSuchEntity", Kind::Missing),
            ("ChangeSetNotFound", Kind::Missing),
            ("AlreadyExistsException", Kind::Taken),
            ("ValidationError", Kind::Refused),
            ("ResourceConflictException", Kind::Taken),
            ("InvalidParameterValueException", Kind::Refused),
            ("UnsupportedOperation", Kind::NotOffered),
            ("InvalidAction", Kind::NotOffered),
        ] {
            assert_eq!(kind_of(code, "", false), kind, "{code}");
        }
        assert_eq!(kind_of("InternalFailure", "", true), Kind::Broken);
    }

    /// A16: one code, told apart by its words.
    #[test]
    fn a_stack_that_is_not_there_or_not_changed_is_told_by_the_message() {
        let missing = "Stack with id chat-dev-operations does not exist";
        assert_eq!(kind_of("ValidationError", missing, false), Kind::Missing);
        let mut unchanged = error(Some("ValidationError"), Kind::Refused);
        assert!(!unchanged.is_unchanged());
        unchanged.message = "No updates are to be performed.".into();
        assert!(unchanged.is_unchanged());
    }
}
