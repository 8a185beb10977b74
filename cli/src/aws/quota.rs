//! What must not be tried again (A32): the SDK takes every `LimitExceededException` for throttling, and would
//! ask eight times for one more table than there may be. It must not know which service answers.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::kind::{Kind, kind_of};

/// Forbids to try again what does not pass.
#[derive(Debug)]
pub(super) struct Quotas;

impl ClassifyRetry for Quotas {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(kind) {
            Some(Kind::Quota) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "quotas"
    }
}

/// What the answer means, by its code as the JSON protocols give it: in a header, or in the body.
fn kind(answer: &HttpResponse) -> Kind {
    if answer.status().is_success() {
        return Kind::Refused;
    }
    let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
    let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let code = answer.headers().get("x-amzn-errortype").or_else(|| json["__type"].as_str()).unwrap_or_default();
    let message = json["message"].as_str().or_else(|| json["Message"].as_str()).unwrap_or_default();
    kind_of(code.split(':').next().unwrap_or(code), message, false)
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
