//! Make the world match: resources with edges, a forecast of what must change, and a walk that
//! carries it out in parallel. It knows nothing of AWS, of the chat, of a terminal or of a file.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod change;
mod error;
mod event;
mod facts;
mod plan;
mod resource;
mod settle;
mod stack;
mod visit;
mod walk;

#[cfg(test)]
mod toy;

pub use change::{Change, Field, Fields, Verb};
pub use error::{Error, Failed, Fault};
pub use event::{Event, Tell};
pub use facts::Facts;
pub use plan::{Plan, Step, plan, plan_down, plan_with_strangers};
pub use resource::{Id, Resource};
pub use stack::{Edge, Stack};
pub use visit::{Stop, Visit};
pub use walk::{Doing, walk, walk_only, walk_unfinished};

/// What a resource's own code answers: the error is boxed, because only the resource knows its kind.
pub type Result<T> = std::result::Result<T, Fault>;
