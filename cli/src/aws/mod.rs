//! The SDK handles of a stage: made here and nowhere else, the same for both targets but for the
//! endpoint. It must not know what is deployed with them.

mod call;
mod cancelled;
pub mod faults;
mod kind;
mod life;
mod over;
mod pace;
mod plain;
mod quota;
mod reach;

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

pub use call::{CallError, SdkFailure, call, if_there};
pub use cancelled::Cancelled;
pub use kind::Kind;
use life::{Life, Watched};
pub use over::Surroundings;
use pace::{Paced, Service};
use quota::Quotas;
use reach::Patient;

use crate::{
    failure::{Exit, Explain},
    stage::{Stage, Target},
};

/// API Gateway's handle.
pub type ApiGateway = aws_sdk_apigatewayv2::Client;
/// CloudFormation's handle.
pub type CloudFormation = aws_sdk_cloudformation::Client;
/// DynamoDB's handle.
pub type DynamoDb = aws_sdk_dynamodb::Client;
/// IAM's handle.
pub type Iam = aws_sdk_iam::Client;
/// Lambda's handle.
pub type Lambda = aws_sdk_lambda::Client;
/// CloudWatch Logs' handle.
pub type Logs = aws_sdk_cloudwatchlogs::Client;
/// SQS's handle.
pub type Sqs = aws_sdk_sqs::Client;
/// SSM's handle.
pub type Ssm = aws_sdk_ssm::Client;
/// STS's handle.
pub type Sts = aws_sdk_sts::Client;

/// How often a call is tried on AWS, where throttling is weather (A19).
const TRIES_ON_AWS: u32 = 8;
/// How often it is asked who we are: somebody who is offline should read so soon.
const TRIES_TO_ASK_WHO: u32 = 3;
/// How often on loopback, where a failure is a dead process.
const TRIES_LOCALLY: u32 = 3;
/// The pause before the second try on loopback; it doubles.
const LOCAL_BACKOFF: Duration = Duration::from_millis(50);
/// One try of one call: an upload of 50 MB over a slow line, or a function that takes its 30 s.
const ONE_TRY: Duration = Duration::from_secs(120);
/// Reaching a service at all.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the local cloud answers, and as whom it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalEndpoint {
    /// `http://127.0.0.1:PORT`; the origin of its push service too.
    pub endpoint: String,
    /// Its account.
    pub account: String,
    /// Its fixed access key.
    pub access_key: String,
    /// Its fixed secret key.
    pub secret_key: String,
}

/// All handles of one stage, and where its things live. A clone is the same connections.
#[derive(Clone, Debug)]
pub struct Aws {
    /// API Gateway v2.
    pub apigateway: ApiGateway,
    /// CloudFormation.
    pub cloudformation: CloudFormation,
    /// DynamoDB.
    pub dynamodb: DynamoDb,
    /// IAM.
    pub iam: Iam,
    /// Lambda.
    pub lambda: Lambda,
    /// CloudWatch Logs.
    pub logs: Logs,
    /// SQS.
    pub sqs: Sqs,
    /// SSM.
    pub ssm: Ssm,
    /// STS.
    pub sts: Sts,
    /// The region.
    pub region: String,
    /// The account that all derived ARNs are in.
    pub account: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// When the credentials end, where they do (A15).
    pub ends: Option<SystemTime>,
    /// The local cloud's origin; none on AWS.
    pub local_origin: Option<String>,
    /// Where calls go instead of AWS, by the SDK's own settings.
    pub endpoint: Option<String>,
    /// The ARN of whose credentials these are; none of a local cloud, where everybody is the same.
    pub caller: Option<String>,
}

/// Whose credentials they are.
struct Who {
    account: String,
    partition: String,
    caller: Option<String>,
    ends: Option<SystemTime>,
    endpoint: Option<String>,
}

impl Who {
    /// Everybody who calls a local cloud.
    fn of_local(local: &LocalEndpoint) -> Self {
        Self { account: local.account.clone(), partition: "aws".to_owned(), caller: None, ends: None, endpoint: None }
    }
}

/// Why there are no handles.
#[derive(Debug, thiserror::Error)]
pub enum NoAws {
    /// AWS does not know us, or can't be reached.
    #[error("cannot find out which account this is")]
    Unknown(#[from] CallError),
    /// The stage belongs to another account.
    #[error("stage {stage} belongs to account {wanted}, these credentials are of {found}; nothing was changed")]
    OtherAccount {
        /// The stage.
        stage: String,
        /// What its settings say.
        wanted: String,
        /// Whose the credentials are.
        found: String,
    },
    /// A local stage, and no local cloud was given: real credentials are never sent anywhere for it.
    #[error("stage {0} is local, and the local cloud does not run")]
    NoLocalCloud(String),
}

/// What to do where AWS was not reached, or not recognised.
const NOT_REACHED: &str =
    "connect to the network, and look at HTTPS_PROXY and AWS_ENDPOINT_URL; then the same command again";

impl Explain for NoAws {
    fn exit(&self) -> Exit {
        match self {
            Self::Unknown(error) => error.exit(),
            Self::OtherAccount { .. } => Exit::Denied,
            Self::NoLocalCloud(_) => Exit::Failed,
        }
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Unknown(error) => Explain::next(error).or_else(|| Some(NOT_REACHED.into())),
            Self::OtherAccount { wanted, .. } => Some(format!("set AWS_PROFILE to a profile of account {wanted}")),
            Self::NoLocalCloud(_) => Some("chatctl up".into()),
        }
    }
}

impl Aws {
    /// The handles of this stage: of the local cloud where one is given, else of AWS by the SDK's own chain.
    pub async fn open(stage: &Stage, local: Option<&LocalEndpoint>) -> Result<Self, NoAws> {
        match (stage.target, local) {
            (Target::Local, Some(local)) => Ok(Self::of_local(stage, local)),
            (Target::Local, None) => Err(NoAws::NoLocalCloud(stage.name.clone())),
            (Target::Aws, _) => Self::of_aws(stage).await,
        }
    }

    fn of_local(stage: &Stage, local: &LocalEndpoint) -> Self {
        let config = local_config(stage, local).into_builder().http_client(plain::client()).build();
        Self::with(stage, |_| config.clone(), Who::of_local(local), Some(local.endpoint.clone()))
    }

    #[allow(clippy::disallowed_methods, reason = "the tool's handles are made here")]
    async fn of_aws(stage: &Stage) -> Result<Self, NoAws> {
        let https = reach::https();
        let shared = aws_config::defaults(behaviour())
            .region(Region::new(stage.region.clone()))
            .retry_config(retries_on_aws())
            .timeout_config(timeouts())
            .http_client(https.clone())
            .load()
            .await;
        let life = Life::default();
        let watched = shared.credentials_provider().map(|chain| Watched::new(chain, life.clone()));
        let shared = match watched {
            Some(watched) => shared.to_builder().credentials_provider(SharedCredentialsProvider::new(watched)).build(),
            None => shared,
        };
        // Before any other call: whose account this is.
        let asking = shared.to_builder().retry_config(RetryConfig::standard().with_max_attempts(TRIES_TO_ASK_WHO));
        let me = Sts::new(&asking.build()).get_caller_identity().send().await;
        let me = me.map_err(call("STS", "GetCallerIdentity", "this account"))?;
        let found = me.account.unwrap_or_default();
        if let Some(wanted) = stage.account.as_ref().filter(|wanted| **wanted != found) {
            return Err(NoAws::OtherAccount { stage: stage.name.clone(), wanted: wanted.clone(), found });
        }
        let partition = me.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let endpoint = shared.endpoint_url().map(str::to_owned);
        let who = Who { account: found, partition, caller: me.arn, ends: life.ends(), endpoint };
        let paced = |service: Service| {
            let client = Paced::new(SharedHttpClient::new(Patient(https.clone())), service);
            shared.to_builder().http_client(client).build()
        };
        Ok(Self::with(stage, paced, who, None))
    }

    #[allow(clippy::disallowed_methods, reason = "the tool's handles are made here")]
    fn with(stage: &Stage, config: impl Fn(Service) -> SdkConfig, who: Who, local_origin: Option<String>) -> Self {
        // Each SDK has a type of its own for the same settings.
        macro_rules! handle {
            ($sdk:ident, $service:ident) => {{
                let settings = $sdk::config::Builder::from(&config(Service::$service));
                $sdk::Client::from_conf(settings.retry_classifier(Quotas).build())
            }};
        }
        let Who { account, partition, caller, ends, endpoint } = who;
        Self {
            apigateway: handle!(aws_sdk_apigatewayv2, ApiGateway),
            cloudformation: handle!(aws_sdk_cloudformation, CloudFormation),
            dynamodb: handle!(aws_sdk_dynamodb, DynamoDb),
            iam: handle!(aws_sdk_iam, Iam),
            lambda: handle!(aws_sdk_lambda, Lambda),
            logs: handle!(aws_sdk_cloudwatchlogs, Logs),
            sqs: handle!(aws_sdk_sqs, Sqs),
            ssm: handle!(aws_sdk_ssm, Ssm),
            sts: handle!(aws_sdk_sts, Sts),
            region: stage.region.clone(),
            account,
            partition,
            ends,
            local_origin,
            endpoint,
            caller,
        }
    }

    /// The ARN of something of this stage's region and account.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// The ARN of something of the account that has no region.
    pub fn global_arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}::{}:{rest}", self.partition, self.account)
    }
}

fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn local_config(stage: &Stage, local: &LocalEndpoint) -> SdkConfig {
    let credentials =
        aws_sdk_sts::config::Credentials::new(&*local.access_key, &*local.secret_key, None, None, "local cloud");
    SdkConfig::builder()
        .behavior_version(behaviour())
        .region(Region::new(stage.region.clone()))
        .endpoint_url(&*local.endpoint)
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES_LOCALLY).with_initial_backoff(LOCAL_BACKOFF))
        .timeout_config(timeouts())
        .build()
}

/// Not the adaptive ones: they measure how often a service is called and make that their rate. A deploy calls each one
/// rarely, so that one call which was throttled held back all others for up to half a minute (docs/waits.md).
fn retries_on_aws() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES_ON_AWS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ONE_TRY).build()
}
