//! Finds, starts and stops the local cloud in the background. Alone in the tool it knows the crate `localcloud`;
//! it knows nothing of what is deployed there.

mod asked;
mod background;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub use background::version;
pub use localcloud::Identity;

use crate::event::{Event, Tell};
use crate::failure::{Exit, Explain};
use asked::answering;
use background::{awaited, end, start};

/// The file that says that a cloud is to run here.
const WANTED: &str = "cloud.wanted";

/// The local cloud can't be had.
#[derive(Debug, thiserror::Error)]
pub enum NoCloud {
    /// The state folder can't be used.
    #[error("cannot use the state folder {}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// There is no place left for the cloud's files.
    #[error("the disk that holds the state folder {} is full", .0.display())]
    Full(PathBuf, #[source] LogTail),
    /// The process could not be started.
    #[error("cannot start the local cloud")]
    Spawn(#[source] io::Error),
    /// The port it had is someone else's now.
    #[error("the local cloud's port {0} is taken by another program")]
    PortTaken(u16),
    /// It ended at once, or never answered.
    #[error("the local cloud did not start: it {what}")]
    Silent {
        /// What it did instead.
        what: String,
        /// The last lines of its log.
        source: LogTail,
    },
    /// An old one would not end.
    #[error("the local cloud of another build (process {0}) does not end")]
    Stubborn(u32),
    /// What the cloud itself failed with.
    #[error("the local cloud failed")]
    Failed(#[source] localcloud::Error),
}

/// The last lines of the cloud's log, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogTail(String);

impl Explain for NoCloud {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
    fn next(&self) -> Option<String> {
        Some(match self {
            NoCloud::Full(folder, _) => format!("df -h {}", folder.display()),
            NoCloud::Folder(folder, error) if is_full(error) => format!("df -h {}", folder.display()),
            NoCloud::Folder(..) => "export CHATCTL_STATE_DIR=/a/folder/of/yours".into(),
            NoCloud::PortTaken(port) => {
                format!("end what listens there (ss -ltnp 'sport = :{port}' names it), then: chatctl up")
            }
            NoCloud::Stubborn(pid) => format!("kill -9 {pid}"),
            NoCloud::Spawn(_) | NoCloud::Silent { .. } | NoCloud::Failed(_) => "chatctl logs --cloud".into(),
        })
    }
}

/// Whether a file found no place.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The cloud's log.
pub fn log(state: &Path) -> PathBuf {
    state.join("cloud.log")
}

/// Whether a cloud was started here and never told to stop: then it runs, or was killed.
pub fn wanted(state: &Path) -> bool {
    state.join(WANTED).exists()
}

/// Whether there ever was a cloud here: then there may be data on disk.
pub fn known(state: &Path) -> bool {
    state.join("cloud.json").exists()
}

/// Runs the cloud in this process, until it is told to stop.
pub async fn serve(state: &Path) -> Result<(), NoCloud> {
    folder(state)?;
    let config = localcloud::Config { state: state.into(), port: None, version: version() };
    localcloud::serve(config).await.map_err(NoCloud::Failed)
}

/// The cloud of this state folder and this build; started, or started again, where it must be.
pub async fn ensure(state: &Path, tell: &Tell) -> Result<Identity, NoCloud> {
    let version = version();
    if let Some(found) = answering(state).await.filter(|found| found.version == version) {
        return Ok(found);
    }
    folder(state)?;
    let _one_starter = starters(state).await?;
    let mut because = None;
    // One whose starter was killed is on its way.
    match awaited(state).await {
        Some(found) if found.version == version => return Ok(found), // another starter was quicker
        Some(found) => {
            end(state, &found).await?;
            because = Some("it was of another build".to_string());
        }
        None if wanted(state) => because = Some("it had been killed".to_string()),
        None => {}
    }
    let found = start(state).await?;
    tell(Event::CloudStarted { endpoint: found.endpoint.clone(), restarted_because: because });
    Ok(found)
}

/// Stops the cloud; false when none ran. Its state stays on disk.
pub async fn stop(state: &Path, tell: &Tell) -> Result<bool, NoCloud> {
    if !known(state) {
        return Ok(false);
    }
    let _one_starter = starters(state).await?;
    let found = answering(state).await;
    if let Some(found) = &found {
        end(state, found).await?;
        tell(Event::CloudStopped);
    }
    let _ = std::fs::remove_file(state.join(WANTED));
    Ok(found.is_some())
}

/// The folder for state, for this user alone.
fn folder(state: &Path) -> Result<(), NoCloud> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|error| NoCloud::Folder(state.into(), error))
}

/// Held while a cloud is started or stopped, so that two commands at once start one.
async fn starters(state: &Path) -> Result<File, NoCloud> {
    let wrong = |error| NoCloud::Folder(state.into(), error);
    let file = private().open(state.join("cloud.starting")).map_err(wrong)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(|error| wrong(io::Error::other(error)))?.map_err(wrong)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true).mode(0o600);
    options
}
