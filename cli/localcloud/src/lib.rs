//! AWS on loopback: the services that a serverless stack calls, in one process, with its state on disk.
//! Knows nothing of who uses it: no chat, no deploy tool; callers speak AWS's wire protocols to it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod clock;
mod disk;
mod gateway;
mod identity;
mod in_process;
mod push;
mod random;
mod route;
mod runtime;
mod server;
mod services;
mod sources;
mod state;
mod weather;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

pub use identity::Identity;
pub use in_process::{InProcess, open};
pub use server::{Started, serve, start};
pub use services::implemented;
pub use weather::{Span, Wait, Weather};

pub(crate) use state::State;
pub(crate) use wire::{Refusal, Rest, RestAnswer};

/// The region that every ARN of the local cloud names.
pub const REGION: &str = "us-east-1";
/// The account that every ARN of the local cloud names.
pub const ACCOUNT: &str = "000000000000";
/// The access key that a caller signs with.
pub const ACCESS_KEY: &str = "AKIACHATCTLLOCAL0000";
/// The secret key that a caller signs with: known to all, good for loopback only.
pub const SECRET_KEY: &str = "local-cloud-secret-key-good-on-loopback";

/// How a local cloud is started.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds everything it keeps.
    pub state: PathBuf,
    /// The port to listen on; without one, that of the last start, else a free one.
    pub port: Option<u16>,
    /// The version of the binary it runs in, told to whoever asks.
    pub version: String,
}

/// Where this cloud stands: what its ARNs and addresses are made of.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) region: &'static str,
    pub(crate) account: &'static str,
    pub(crate) port: u16,
}

/// Why a local cloud did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the state folder.
    #[error("another local cloud holds {}", .0.display())]
    Held(PathBuf),
    /// The port is not free.
    #[error("port {port} on 127.0.0.1 is taken")]
    PortTaken {
        /// The port that was asked for or kept.
        port: u16,
    },
    /// No port was free in the range that is tried.
    #[error("no free port from {first} to {last} on 127.0.0.1")]
    NoPort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// A file or folder could not be used.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal of the services could not be used.
    #[error("the state of the local cloud: {0}")]
    State(#[from] rusqlite::Error),
    /// The DynamoDB engine did not open its file.
    #[error("the DynamoDB engine: {0}")]
    Engine(String),
    /// Something else that the system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The whole cloud: every service, and what they share.
pub(crate) struct Cloud {
    /// Whether functions, mappings and the ports of HTTP APIs are at work, or only kept.
    pub(crate) runs: bool,
    pub(crate) config: Config,
    pub(crate) place: Place,
    pub(crate) state: State,
    pub(crate) dynamodb: services::dynamodb::DynamoDb,
    pub(crate) sqs: services::sqs::Sqs,
    pub(crate) lambda: services::lambda::Lambda,
    pub(crate) apigateway: services::apigateway::ApiGateway,
    pub(crate) iam: services::iam::Iam,
    pub(crate) sts: services::sts::Sts,
    pub(crate) ssm: services::ssm::Ssm,
    pub(crate) logs: services::logs::Logs,
    pub(crate) cloudwatch: services::cloudwatch::CloudWatch,
    pub(crate) cloudformation: services::cloudformation::CloudFormation,
    pub(crate) push: push::Push,
    pub(crate) weather: weather::Conditions,
    /// Raised once, when the cloud is asked to end.
    pub(crate) stop: tokio::sync::watch::Sender<bool>,
}

impl Cloud {
    /// Opens every service on the state folder; nothing runs yet.
    pub(crate) fn open(config: Config, port: u16) -> Result<Arc<Self>, Error> {
        let state = State::open(&config.state, clock::Clock::System)?;
        Self::on(state, config, port, true)
    }

    /// Opens every service on this state.
    fn on(state: State, config: Config, port: u16, runs: bool) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            runs,
            place: Place { region: REGION, account: ACCOUNT, port },
            dynamodb: services::dynamodb::DynamoDb::open(&state)?,
            sqs: services::sqs::Sqs::open(&state)?,
            lambda: services::lambda::Lambda::open(&state)?,
            apigateway: services::apigateway::ApiGateway::open(&state)?,
            iam: services::iam::Iam::open(&state)?,
            sts: services::sts::Sts,
            ssm: services::ssm::Ssm::open(&state)?,
            logs: services::logs::Logs::open(&state)?,
            cloudwatch: services::cloudwatch::CloudWatch::open(&state),
            cloudformation: services::cloudformation::CloudFormation::open(&state),
            push: push::Push::open(&state)?,
            weather: weather::Conditions::new(Weather::fair()),
            stop: tokio::sync::watch::Sender::new(false),
            state,
            config,
        }))
    }

    /// Milliseconds since 1970, by the cloud's own clock.
    pub(crate) fn now_ms(&self) -> i64 {
        self.state.now_ms()
    }

    /// Starts what runs by itself: sweeps, mappings, the ports of the HTTP APIs.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(), Error> {
        services::dynamodb::DynamoDb::start(self);
        services::lambda::Lambda::start(self);
        services::apigateway::ApiGateway::start(self);
        services::cloudformation::CloudFormation::start(self);
        push::Push::start(self);
        Ok(())
    }
}
