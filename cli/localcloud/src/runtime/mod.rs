//! Functions as processes: how one is started, what it is told over the Lambda Runtime API, how many run at once. Knows
//! nothing of the API that makes functions, nor of what they are invoked by.

pub(crate) mod api;
pub(crate) mod launch;
mod output;
pub(crate) mod pool;
pub(crate) mod process;
