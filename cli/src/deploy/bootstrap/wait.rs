//! How a `bootstrap` waits for CloudFormation: with what it waits for in words, bounded, and ended by Ctrl-C.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Bootstrap, STACK};
use crate::aws::CallError;
use crate::event::Event;
use crate::failure::{Exit, Failure};

/// So many reasons of a failure are shown, the newest first.
pub(super) const REASONS_SHOWN: usize = 5;
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(900);

impl Bootstrap<'_> {
    /// Looks until there is something, or gives up.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> Result<Option<T>, CallError>,
    ) -> Result<T, Failure> {
        let (began, mut pause) = (Instant::now(), FIRST_LOOK);
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let waited = began.elapsed();
            if waited >= LIMIT {
                let why = format!("waiting for {what} did not end after {} s", waited.as_secs());
                return Err(Failure::failed(format!("stack {} is not ready", self.name))
                    .why(why)
                    .next(self.cx.command.clone()));
            }
            let since_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            (self.cx.tell)(Event::Waiting { id: STACK.to_owned(), what: what.to_owned(), since_ms });
            tokio::select! {
                () = sleep(pause) => {}
                () = self.cx.stop.wait() => {
                    let why = "CloudFormation goes on with what it does; the same command waits for it";
                    return Err(Failure::new(Exit::Stopped, "stopped").why(why).next(self.cx.command.clone()));
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
