//! What a command is given: the stage, the SDK handles, where to send events, the time, and the signal to stop.
//! Starts the local cloud where a stage needs it; knows nothing of what is deployed.

use tokio::sync::watch;

use crate::aws::{Aws, LocalEndpoint};
use crate::event::{Credentials, Event, Tell};
use crate::failure::Failure;
use crate::local::{self, Identity};
use crate::stage::{MOZILLAS_PUSH, Overrides, Stage, Target};
use crate::ui::{Ui, ask};

/// What a command is given.
pub struct Context {
    /// The stage that is meant.
    pub stage: Stage,
    ui: Ui,
    tell: Tell,
    yes: bool,
    stop: watch::Receiver<bool>,
}

/// A stage's cloud, reachable.
pub struct World {
    /// The SDK handles.
    pub aws: Aws,
    /// Where chatctl's own push client connects.
    pub push_service: String,
    local: Option<Identity>,
}

impl World {
    /// Where AWS's protocols are answered, and with which credentials: of a local cloud only.
    pub fn shown(&self) -> Option<(String, Credentials)> {
        let local = self.local.as_ref()?;
        let credentials =
            Credentials { access_key_id: local.access_key.clone(), secret_access_key: local.secret_key.clone() };
        Some((local.endpoint.clone(), credentials))
    }
}

impl Context {
    /// Reads the settings; calls nothing.
    pub fn new(flags: &Overrides, yes: bool, ui: Ui, stop: watch::Receiver<bool>) -> Result<Self, Failure> {
        let variables = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let here = std::env::current_dir().unwrap_or_default();
        let stage = Stage::load(flags, &variables, &here)?;
        Ok(Context { stage, tell: ui.tell(), ui, yes, stop })
    }

    /// Says what happened.
    pub fn tell(&self, event: Event) {
        (self.tell)(event);
    }

    /// Where events go.
    pub fn teller(&self) -> Tell {
        self.tell.clone()
    }

    /// Text that is no event, for standard output as it is.
    pub fn raw(&self, text: &str) {
        self.ui.raw(text);
    }

    /// Whether results are for a program.
    pub fn json(&self) -> bool {
        self.ui.json()
    }

    /// Becomes true at the first Ctrl-C.
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Whose time is whose: given on, so that nothing below reads a clock. In microseconds since 1970.
    pub fn clock(&self) -> impl Fn() -> i64 + Send + Sync + 'static {
        || now().as_microsecond()
    }

    /// The time.
    pub fn now(&self) -> jiff::Timestamp {
        now()
    }

    /// The stage's cloud; a local one is started where it does not run.
    pub async fn world(&self) -> Result<World, Failure> {
        let local = match self.stage.target {
            Target::Local => Some(local::ensure(&self.stage.state, &self.tell).await?),
            Target::Aws => None,
        };
        let endpoint = local.as_ref().map(|running| LocalEndpoint {
            endpoint: running.endpoint.clone(),
            account: running.account.clone(),
            access_key: running.access_key.clone(),
            secret_key: running.secret_key.clone(),
        });
        let aws = Aws::open(&self.stage, endpoint.as_ref()).await?;
        let own = local.as_ref().map_or(MOZILLAS_PUSH, |running| running.push.as_str()).to_string();
        let push_service = self.stage.push_service.clone().unwrap_or(own);
        Ok(World { aws, push_service, local })
    }

    /// The stage's cloud if it may be up; a local cloud that was never started, or told to stop, is not started for it.
    pub async fn standing(&self) -> Result<Option<World>, Failure> {
        if self.stage.target == Target::Local && !local::wanted(&self.stage.state) {
            return Ok(None);
        }
        self.world().await.map(Some)
    }

    /// The stage's cloud, for what needs a stage that is up.
    pub async fn live_world(&self) -> Result<World, Failure> {
        let standing = self.standing().await?;
        standing.ok_or_else(|| self.not_up().why("the local cloud does not run"))
    }

    /// The failure of what needs a stage that is up.
    pub fn not_up(&self) -> Failure {
        Failure::failed(format!("stage {} is not up", self.stage.name)).next(self.stage.command("up"))
    }

    /// Whether a question is asked, or `--yes` has answered it.
    pub fn asks(&self) -> bool {
        !self.yes
    }

    /// Asks, unless `--yes` was said.
    pub fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        // What still turned would be written over the question.
        self.ui.end();
        if ask::confirm(question, "--yes")? {
            return Ok(());
        }
        Err(Failure::failed("nothing was changed").why("the question was not answered with yes"))
    }

    /// Asks for a word to be typed.
    pub fn typed(&self, question: &str, word: &str, flag: &str) -> Result<(), Failure> {
        self.ui.end();
        if ask::typed(question, word, flag)? {
            return Ok(());
        }
        Err(Failure::failed("nothing was changed").why(format!("{word:?} was not typed")))
    }
}

#[allow(clippy::disallowed_methods, reason = "the tool's clock: from here it is given on")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
