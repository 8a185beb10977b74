//! Handles over a given client and clock, for tests that reach a cloud in process. It must not know what is called.

use aws_config::SdkConfig;
use aws_sdk_sts::config::retry::{ClientRateLimiter, RetryPartition};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::{Aws, LocalEndpoint, Paced, Service, Who, local_config, retries_on_aws};
use crate::stage::{Stage, Target};

/// What stands in the place of the network and of the system's clock. Pauses are tokio's in any case, so that a test
/// which pauses its time waits for nothing.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What sends requests.
    pub http: SharedHttpClient,
    /// What time it is.
    pub time: SharedTimeSource,
    /// Whether calls are paced and tried again as on AWS, or as on loopback.
    pub as_on_aws: bool,
}

impl Aws {
    /// The handles of a local cloud that is reached in another way than over its port.
    #[allow(clippy::disallowed_methods, reason = "the tool's handles are made here")]
    pub fn over(stage: &Stage, local: &LocalEndpoint, surroundings: &Surroundings) -> Self {
        let Surroundings { http, time, as_on_aws } = surroundings;
        let config = local_config(stage, local).into_builder().http_client(http.clone()).time_source(time.clone());
        let config: SdkConfig = if *as_on_aws { config.retry_config(retries_on_aws()) } else { config }.build();
        let one = |service: Service| match as_on_aws {
            true => config.to_builder().http_client(Paced::new(http.clone(), service)).build(),
            false => config.clone(),
        };
        let origin = (stage.target == Target::Local).then(|| local.endpoint.clone());
        let mut aws = Self::with(stage, one, Who::of_local(local), origin);
        macro_rules! set_apart {
            ($($handle:ident of $sdk:ident),*) => {$(
                let mut config = aws.$handle.config().to_builder();
                config.set_retry_partition(Some(apart(time)));
                aws.$handle = $sdk::Client::from_conf(config.build());
            )*};
        }
        set_apart!(
            apigateway of aws_sdk_apigatewayv2, cloudformation of aws_sdk_cloudformation, dynamodb of aws_sdk_dynamodb, iam of aws_sdk_iam,
            lambda of aws_sdk_lambda, logs of aws_sdk_cloudwatchlogs, sqs of aws_sdk_sqs, ssm of aws_sdk_ssm,
            sts of aws_sdk_sts
        );
        aws
    }
}

/// The SDK keeps what it learned of throttling for the whole process, by service: two clouds with two clocks would
/// mislead each other.
fn apart(time: &SharedTimeSource) -> RetryPartition {
    let since = time.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    RetryPartition::custom("over").client_rate_limiter(ClientRateLimiter::new(since.as_secs_f64())).build()
}
