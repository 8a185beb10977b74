//! How a function starts: the SDK handles it works with, and the words it ends with when it can't start.
//! It must not know which function it is in.

use std::fmt;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

use crate::env::{BadSetting, Settings};
use crate::plain::PlainHttp;
use crate::trust;

/// One try of one call. Two tries and the pause between them fit into a request's ten seconds.
const TRY: Duration = Duration::from_millis(2_500);
/// All tries of one call.
const CALL: Duration = Duration::from_secs(8);

/// The SDK handles of a function.
#[derive(Debug, Clone)]
pub struct Handles {
    config: SdkConfig,
}

#[allow(clippy::disallowed_methods, reason = "the functions' handles are made here")]
impl Handles {
    /// Reads region, credentials and endpoint from the environment, as the SDK does everywhere.
    /// Over plain http no TLS is set up; over TLS, Amazon's own roots are tried first. Loading all of the
    /// system's certificates is most of a cold start.
    pub async fn load(settings: &Settings) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TRY).operation_timeout(CALL).build();
        let client = if settings.speaks_plain_http() { PlainHttp::client() } else { trust::client() };
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).http_client(client);
        Self { config: loader.load().await }
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// SSM.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }
}

/// Why a function can't start or go on. Its `Debug` is what Rust prints when `main` returns it, and
/// Lambda shows as the reason of a failed start: a sentence, not a structure.
pub struct StartFailed(String);

impl fmt::Debug for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BadSetting> for StartFailed {
    fn from(error: BadSetting) -> Self {
        Self(error.to_string())
    }
}

impl From<lambda_runtime::Error> for StartFailed {
    fn from(error: lambda_runtime::Error) -> Self {
        Self(format!("the Lambda Runtime API can't be reached: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_is_printed_as_a_sentence() {
        let failed = StartFailed::from(BadSetting::Missing("CHAT_QUEUE_URL"));
        assert!(format!("{failed:?}").starts_with("the variable CHAT_QUEUE_URL is not set"));
    }
}
