//! The SDK handles of a stage: made here and nowhere else, the same for both targets but for the
//! endpoint. It must not know what is deployed with them.

mod call;
pub mod faults;
mod over;
mod pace;
mod plain;

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

pub use call::{CallError, Kind, SdkFailure, call, if_there};
pub use over::Surroundings;
use pace::{Paced, Service};

use crate::{
    failure::{Exit, Explain},
    stage::{Stage, Target},
};

/// API Gateway's handle.
pub type ApiGateway = aws_sdk_apigatewayv2::Client;
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
    /// The local cloud's origin; none on AWS.
    pub local_origin: Option<String>,
    /// The ARN of whose credentials these are; none of a local cloud, where everybody is the same.
    pub caller: Option<String>,
}

/// Why there are no handles.
#[derive(Debug, thiserror::Error)]
pub enum NoAws {
    /// AWS does not know us, or can't be reached.
    #[error("cannot find out which account this is")]
    Unknown(#[from] CallError),
    /// The stage belongs to another account.
    #[error("stage {stage} belongs to account {wanted}, these credentials are of {found}")]
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
            Self::Unknown(error) => Explain::next(error),
            Self::OtherAccount { .. } => Some("AWS_PROFILE=… with that account's profile".into()),
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
        Self::with(stage, |_| config.clone(), local.account.clone(), "aws".into(), Some(local.endpoint.clone()))
    }

    #[allow(clippy::disallowed_methods, reason = "the tool's handles are made here")]
    async fn of_aws(stage: &Stage) -> Result<Self, NoAws> {
        let shared = aws_config::defaults(behaviour())
            .region(Region::new(stage.region.clone()))
            .retry_config(retries_on_aws())
            .timeout_config(timeouts())
            .load()
            .await;
        let paced = |service: Service| match shared.http_client() {
            Some(inner) => shared.to_builder().http_client(Paced::new(inner, service)).build(),
            None => shared.clone(),
        };
        let sts = Sts::new(&paced(Service::Sts));
        let me = sts.get_caller_identity().send().await.map_err(call("STS", "GetCallerIdentity", "this account"))?;
        let found = me.account.unwrap_or_default();
        if let Some(wanted) = stage.account.as_ref().filter(|wanted| **wanted != found) {
            return Err(NoAws::OtherAccount { stage: stage.name.clone(), wanted: wanted.clone(), found });
        }
        let partition = me.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let caller = me.arn;
        Ok(Self { caller, ..Self::with(stage, paced, found, partition, None) })
    }

    #[allow(clippy::disallowed_methods, reason = "the tool's handles are made here")]
    fn with(
        stage: &Stage,
        config: impl Fn(Service) -> SdkConfig,
        account: String,
        partition: String,
        local_origin: Option<String>,
    ) -> Self {
        Self {
            apigateway: ApiGateway::new(&config(Service::ApiGateway)),
            dynamodb: DynamoDb::new(&config(Service::DynamoDb)),
            iam: Iam::new(&config(Service::Iam)),
            lambda: Lambda::new(&config(Service::Lambda)),
            logs: Logs::new(&config(Service::Logs)),
            sqs: Sqs::new(&config(Service::Sqs)),
            ssm: Ssm::new(&config(Service::Ssm)),
            sts: Sts::new(&config(Service::Sts)),
            region: stage.region.clone(),
            account,
            partition,
            local_origin,
            caller: None,
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

fn retries_on_aws() -> RetryConfig {
    RetryConfig::adaptive().with_max_attempts(TRIES_ON_AWS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ONE_TRY).build()
}
