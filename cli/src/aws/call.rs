//! What an SDK call failed with, in the tool's words. It must not know why the call was made, nor which codes
//! there are.

use std::{error::Error, fmt};

use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::kind::{self, Kind, kind_of};
use crate::failure::{Exit, Explain};

/// What any SDK call fails with.
pub type SdkFailure<E> = SdkError<E, HttpResponse>;

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
        if let Some(message) = error.raw_response().and_then(stranger) {
            let resource = resource.to_string();
            return CallError { service, call, resource, code: None, message, request_id, kind: Kind::Stranger };
        }
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
            None if runs_out(&message) => Kind::Expired,
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

/// A single sign-on whose session is over, as the SDK's chain says it before any call is made.
fn runs_out(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("credential") && (message.contains("token has expired") || message.contains("session has expired"))
}

/// What something on the way said instead of AWS, which never answers in HTML.
fn stranger(answer: &HttpResponse) -> Option<String> {
    let status = answer.status().as_u16();
    // A server that does not know the call says that too, in its own way.
    if matches!(status, 404 | 405) {
        return None;
    }
    let kind = answer.headers().get("content-type").unwrap_or_default();
    let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
    let start = body.trim_start().get(..9).unwrap_or_default().to_lowercase();
    if !(kind.starts_with("text/html") || start.starts_with("<html") || start.starts_with("<!doctype") || status == 407)
    {
        return None;
    }
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title);
    let title = title.map(|title| format!(", titled {:?}", title.trim())).unwrap_or_default();
    Some(format!("something on the way answered with status {status} in HTML{title}, which is not AWS"))
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
        matches!(self.kind, Kind::Credentials | Kind::Expired | Kind::Denied | Kind::Clock)
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
            None if self.kind == Kind::Stranger => write!(f, "{} {} did not reach AWS", self.service, self.call)?,
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
        Some(match self.kind {
            Kind::Expired => "aws sso login, or get new credentials as you got these; what is done stays".into(),
            Kind::Credentials => "aws configure, or set AWS_PROFILE; then the same command again".into(),
            Kind::Clock => {
                "sudo timedatectl set-ntp true, or set this computer's clock; then the same command again".into()
            }
            Kind::Stranger => {
                "sign in to the network or set HTTPS_PROXY and NO_PROXY, and look at AWS_ENDPOINT_URL".into()
            }
            Kind::Quota => self.raise(),
            // The local cloud's own error, which ends with what shows the disk.
            _ if self.is("DiskFull") => self.message.rsplit("; ").next()?.to_owned(),
            _ => return None,
        })
    }
}

impl CallError {
    /// Which quota ran out, and how to have it raised (A32).
    fn raise(&self) -> String {
        let name = kind::quota(self.call, self.code.as_deref().unwrap_or_default(), &self.message);
        let name = name.map_or_else(|| "the quota".to_owned(), |name| format!("the quota \"{name}\""));
        let code = kind::quotas_of(self.service);
        format!(
            "raise {name} (aws service-quotas list-service-quotas --service-code {code}), or remove what is not needed"
        )
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
    use aws_smithy_types::body::SdkBody;

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
    fn a32_an_exhausted_quota_is_named_with_the_way_to_raise_it() {
        let error = CallError { service: "IAM", call: "CreateRole", ..error(Some("LimitExceeded"), Kind::Quota) };
        let next = Explain::next(&error).unwrap();
        assert!(next.starts_with("raise the quota \"Roles per account\" (aws service-quotas"), "{next}");
        assert!(next.contains("--service-code iam"), "{next}");
    }

    fn answered(status: u16, kind: &'static str, body: &'static str) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        answer.headers_mut().insert("content-type", kind);
        answer
    }

    #[test]
    fn a_proxy_that_answers_in_html_is_not_taken_for_aws() {
        let page = "<!DOCTYPE html><html><head><title>Sign in to the Wi-Fi</title></head></html>";
        let missing =
            SdkError::<GetCallerIdentityError, HttpResponse>::response_error("", answered(404, "text/html", page));
        assert_eq!(call("STS", "GetCallerIdentity", "this account")(missing).kind, Kind::NotOffered);
        for answer in [answered(200, "text/html; charset=utf-8", page), answered(403, "", page), answered(407, "", "")]
        {
            let status = answer.status().as_u16();
            let error = SdkError::<GetCallerIdentityError, HttpResponse>::response_error("not JSON", answer);
            let failed = call("STS", "GetCallerIdentity", "this account")(error);
            assert_eq!(failed.kind, Kind::Stranger, "{status}");
            assert!(failed.to_string().starts_with("STS GetCallerIdentity did not reach AWS: something"), "{failed}");
            assert_eq!(failed.to_string().contains("Sign in to the Wi-Fi"), status != 407);
            assert!(Explain::next(&failed).unwrap().contains("HTTPS_PROXY"));
            assert_eq!(failed.exit(), Exit::Failed);
        }
        let error = SdkError::<GetCallerIdentityError, HttpResponse>::response_error(
            "cut off",
            answered(500, "application/json", "{"),
        );
        assert_eq!(call("STS", "GetCallerIdentity", "this account")(error).kind, Kind::Broken);
    }
}
