//! The chat itself: rooms, messages, clients, history, fan-out and Web Push, as values and rules.
//! It must not know AWS, HTTP, tokio, the clock or the environment: what it needs of the world stands in
//! `ports`, and the time is always an argument.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod base64url;
pub mod client;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod delivery;
mod endpoint;
pub mod fanout;
pub mod history;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod message;
pub mod notice;
pub mod ports;
mod post;
pub mod problem;
pub mod random;
pub mod rates;
#[cfg(test)]
mod ready;
pub mod rfc3339;
pub mod room;
mod text;
pub mod webpush;

pub use text::Malformed;
