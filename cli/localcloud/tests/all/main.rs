//! One test binary: the real SDKs against the served cloud, a file a service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a test has handles and a clock of its own")]

mod cloud;
mod cloudformation;
mod cloudwatch;
mod dynamodb;
mod gateway;
mod iam;
mod lambda;
mod life;
mod logs;
mod loops;
mod poison;
mod puppet;
mod push;
mod serving;
mod sources;
mod sqs;
mod ssm;
