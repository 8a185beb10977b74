//! How the chat reaches AWS, and how Lambda reaches the chat: the ports of `chat` on DynamoDB, SQS, SSM and
//! HTTPS, and payload 2.0 and batches as the handlers understand them. It must not know any one function.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod call;
mod plain;
mod transact;
mod trust;

pub mod batch;
pub mod clients;
pub mod env;
pub mod http;
pub mod layout;
pub mod log;
pub mod messages;
pub mod moment;
pub mod push;
pub mod queue;
pub mod rates;
pub mod rooms;
pub mod routes;
pub mod secrets;
pub mod start;
