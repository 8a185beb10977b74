//! What a service's error code means: the only place that reads codes into kinds. It must not know why a call
//! was made.

/// What a failure means, whichever service said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There are no credentials, or AWS does not accept them.
    Credentials,
    /// They ran out (A15).
    Expired,
    /// They may not do this.
    Denied,
    /// This computer's clock and AWS's are too far apart for a signature to count.
    Clock,
    /// Something on the way answered instead of AWS: a proxy, a sign-in page.
    Stranger,
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

/// Reads a code; `broken` where the status was that of a server's own failure.
pub(super) fn kind_of(code: &str, message: &str, broken: bool) -> Kind {
    // SQS in the query protocol says "AWS.SimpleQueueService.NonExistentQueue".
    match code.rsplit(['.', '#']).next().unwrap_or(code) {
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Kind::Clock,
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure" if speaks_of_time(message) => Kind::Clock,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Kind::Expired,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "AuthFailure"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
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
        // CloudFormation has one code for all that is wrong with a call (A16).
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
        "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "UnknownOperation"
        | "UnknownOperationException"
        | "UnknownAction"
        | "InvalidAction"
        | "NotImplemented"
        | "NotImplementedException" => Kind::NotOffered,
        code => limits(code, message).unwrap_or(if broken { Kind::Broken } else { Kind::Refused }),
    }
}

/// A limit on calls, or on things (A32): control planes say `LimitExceeded` for both.
fn limits(code: &str, message: &str) -> Option<Kind> {
    Some(match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyUpdates"
        | "SlowDown" => Kind::Throttled,
        "ServiceQuotaExceededException"
        | "ServiceQuotaExceeded"
        | "CodeStorageExceededException"
        | "ParameterLimitExceeded"
        | "LimitsExceededException" => Kind::Quota,
        "LimitExceededException" | "LimitExceeded" => {
            let message = message.to_lowercase();
            // Of a rate, of what is under way at once, or of changes in a while: it passes.
            let passes = ["rate", "simultaneous", "concurrent", "too many requests", "try again"];
            if passes.iter().any(|word| message.contains(word)) { Kind::Throttled } else { Kind::Quota }
        }
        _ => return None,
    })
}

/// "Signature expired: 20260101T120000Z is now earlier than …", "Signature not yet current: …".
fn speaks_of_time(message: &str) -> bool {
    ["Signature expired", "not yet current", "is now earlier than", "is now later than"]
        .iter()
        .any(|words| message.contains(words))
}

/// The name that Service Quotas has for what ran out: from the message where it says it, else by the call.
pub(super) fn quota(call: &str, code: &str, message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once("quota for ") {
        // IAM: "Cannot exceed quota for RolesPerAccount: 1000".
        return Some(rest.split([':', ' ', '.']).next().unwrap_or(rest).to_owned());
    }
    let name = match (call, code) {
        (_, "CodeStorageExceededException") => "Function and layer storage",
        ("CreateTable", _) => "Maximum number of tables",
        ("CreateRole", _) => "Roles per account",
        ("CreateApi", _) => "APIs per Region",
        ("CreateRoute" | "CreateIntegration", _) => "Routes and integrations per API",
        ("PutParameter", _) => "Number of standard parameters",
        ("CreateLogGroup", _) => "Log groups",
        ("CreateStack" | "CreateChangeSet", _) => "Stack count",
        ("CreateEventSourceMapping", _) => "Event source mappings",
        _ => return None,
    };
    Some(name.to_owned())
}

/// The service's code in Service Quotas, which is not always what people call it.
pub(super) fn quotas_of(service: &str) -> String {
    match service {
        "API Gateway" | "ApiGateway" => "apigateway".to_owned(),
        "CloudWatch Logs" => "logs".to_owned(),
        other => other.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a32_a_quota_is_told_from_throttling_by_code_and_message() {
        for (code, message, kind) in [
            ("LimitExceededException", "Subscriber limit exceeded: 2500 tables", Kind::Quota),
            ("LimitExceededException", "Rate exceeded", Kind::Throttled),
            ("LimitExceededException", "Too many tables are created simultaneously", Kind::Throttled),
            ("LimitExceededException", "Resource limit exceeded.", Kind::Quota),
            ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", Kind::Quota),
            ("TooManyRequestsException", "", Kind::Throttled),
            ("ThrottlingException", "Rate exceeded", Kind::Throttled),
            ("ServiceQuotaExceededException", "", Kind::Quota),
            ("CodeStorageExceededException", "Code storage limit exceeded.", Kind::Quota),
            ("ParameterLimitExceeded", "", Kind::Quota),
        ] {
            assert_eq!(kind_of(code, message, false), kind, "{code} {message}");
        }
    }

    #[test]
    fn a32_a_quota_has_a_name() {
        for (call, code, message, name) in [
            ("CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", Some("RolesPerAccount")),
            ("CreateRole", "LimitExceeded", "", Some("Roles per account")),
            ("CreateTable", "LimitExceededException", "2500 tables", Some("Maximum number of tables")),
            ("CreateFunction", "CodeStorageExceededException", "", Some("Function and layer storage")),
            ("Anything", "LimitExceededException", "", None),
        ] {
            assert_eq!(quota(call, code, message).as_deref(), name, "{call} {code}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_from_a_wrong_key() {
        for (code, message, kind) in [
            ("RequestTimeTooSkewed", "", Kind::Clock),
            ("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2 (3 - 15 min.)", Kind::Clock),
            ("InvalidSignatureException", "Signature not yet current: 2 is still later than 1", Kind::Clock),
            ("SignatureDoesNotMatch", "The request signature we calculated does not match", Kind::Credentials),
        ] {
            assert_eq!(kind_of(code, message, false), kind, "{code} {message}");
        }
    }

    #[test]
    fn a15_credentials_that_ran_out_have_three_names() {
        for code in ["ExpiredToken", "ExpiredTokenException", "RequestExpired"] {
            assert_eq!(kind_of(code, "", false), Kind::Expired, "{code}");
        }
    }

    #[test]
    fn codes_of_all_services_mean_the_same_few_things() {
        for (code, kind) in [
            ("AWS.SimpleQueueService.NonExistentQueue", Kind::Missing),
            ("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", Kind::Missing),
            ("NoSuchEntity", Kind::Missing),
            ("ResourceConflictException", Kind::Taken),
            ("InvalidParameterValueException", Kind::Refused),
            ("UnsupportedOperation", Kind::NotOffered),
            ("InvalidAction", Kind::NotOffered),
        ] {
            assert_eq!(kind_of(code, "", false), kind, "{code}");
        }
        assert_eq!(kind_of("InternalFailure", "", true), Kind::Broken);
    }
}
