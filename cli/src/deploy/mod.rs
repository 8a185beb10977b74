//! Changing a stage: build, plan, apply and prove; and the reverse. Must not know a terminal: it
//! tells events, and asks through what it was given.

pub mod acting;
mod beside;
mod blame;
mod bootstrap;
mod carry;
mod certificate;
mod chosen;
mod code;
mod down;
mod drawn;
mod drift;
mod history;
mod holder;
mod hops;
mod last;
mod lease;
mod lobby;
mod patience;
mod proof;
mod quota;
mod reasons;
mod record;
mod rollback;
mod shown;
mod telling;
mod unproven;
mod up;
mod wants;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use crate::build::Profile;
pub use bootstrap::{BootstrapOutcome, bootstrap};
pub use chosen::NoWay;
pub use down::{DownOptions, DownOutcome, down};
pub use drift::drift;
pub use holder::Holder;
pub use lease::LeaseError;
pub use proof::Proved;
pub use rollback::{RollbackOptions, rollback};
pub use shown::shown as history;
pub use unproven::Unproven;
pub use up::{Planned, UpOptions, UpOutcome, plan, up};
pub use watch::watch;

use crate::aws::Aws;
use crate::event::Tell;
use crate::failure::{Exit, Failure};
use crate::stack::Packages;
use crate::stage::Stage;

/// The time, in microseconds since 1970: given, so that tests decide what it is.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Asks the person a question; an error ends the command, and nothing was changed.
pub type Confirm<'a> = &'a (dyn Fn(&str) -> Result<(), Failure> + Send + Sync);

/// What a deploy is given.
#[derive(Clone)]
pub struct Deploying {
    /// The SDK handles.
    pub aws: Aws,
    /// The stage that is meant.
    pub stage: Stage,
    /// Where chatctl's own push client connects, for the proof.
    pub push_service: String,
    /// The checkout to build from, where one was named.
    pub source: Option<PathBuf>,
    /// What the functions are compiled with; `None` is what is best where they go.
    pub profile: Option<Profile>,
    /// What is deployed; built from the source where nothing was given.
    pub packages: Option<Packages>,
    /// The folder that the command was typed in.
    pub folder: PathBuf,
    /// What was typed: the lease and the history say it.
    pub command: String,
    /// Where events go.
    pub tell: Tell,
    now: Clock,
    stop: reconcile::Stop,
    warnings: telling::Warnings,
}

impl Deploying {
    /// A deploy of this stage. `stop` becomes true when no more is to be started.
    pub fn new(
        aws: Aws,
        stage: Stage,
        push_service: String,
        tell: Tell,
        now: Clock,
        mut stop: tokio::sync::watch::Receiver<bool>,
    ) -> Self {
        let asked = reconcile::Stop::default();
        let passed_on = asked.clone();
        tokio::spawn(async move {
            // An error: whoever could ask is gone.
            if stop.wait_for(|stop| *stop).await.is_ok() {
                passed_on.ask();
            }
        });
        let folder = std::env::current_dir().unwrap_or_default();
        let command = stage.command("up");
        Self {
            aws,
            stage,
            push_service,
            source: None,
            profile: None,
            packages: None,
            folder,
            command,
            tell,
            now,
            stop: asked,
            warnings: telling::Warnings::default(),
        }
    }

    /// The time, as files are stamped.
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(u64::try_from((self.now)()).unwrap_or_default())
    }

    /// The time in milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        (self.now)() / 1000
    }

    /// Who does this: the caller's ARN, where there is one, else the person at this computer.
    fn who(&self) -> String {
        self.aws.caller.clone().unwrap_or_else(|| {
            let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
            format!("{}@{}", user.unwrap_or_else(|_| "unknown".to_owned()), holder::host())
        })
    }

    /// A command's failure says the command that goes on, where nothing else is said, and where credentials or
    /// permissions ended, which keeps what is done (A15). What is only a call and its answer becomes the reason.
    fn goes_on(&self, failure: Failure) -> Failure {
        let (denied, silent) = (failure.exit == Exit::Denied, failure.next.is_empty());
        let said = failure.next.contains(&self.command);
        let bare = failure.why.is_none() && (denied || silent);
        let failure = if bare { failure.while_doing(format!("{} failed", self.command)) } else { failure };
        if silent || denied && !said { failure.next(self.command.clone()) } else { failure }
    }

    fn doing(&self) -> reconcile::Doing {
        reconcile::Doing::new(telling::through(&self.tell, &self.warnings), self.stop.clone())
    }
}
