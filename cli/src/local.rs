//! Finds, starts and stops the local cloud in the background. Alone in the tool it knows the crate `localcloud`;
//! it knows nothing of what is deployed there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use localcloud::Identity;

use crate::event::{Event, Tell};
use crate::failure::{Exit, Explain};

/// How long a started cloud may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long a cloud that was told to stop may take, before it is ended.
const STOP: Duration = Duration::from_secs(5);
/// How long a question to a cloud on this machine may take.
const ANSWER: Duration = Duration::from_secs(3);
/// Pauses between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// A log above this size makes room for a new one when the cloud starts.
const LONGEST_LOG: u64 = 8 * 1024 * 1024;
/// How much of the log an error quotes.
const TAIL_LINES: usize = 8;
/// The file that says that a cloud is to run here.
const WANTED: &str = "cloud.wanted";
/// What the cloud may see of this process's environment: no credentials, and nothing of cargo's.
const VARIABLES: [&str; 10] = [
    "HOME",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_BACKTRACE",
    "XDG_STATE_HOME",
    "USER",
];

/// A local cloud that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Where the SDK sends its calls: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Where push clients connect: `ws://127.0.0.1:PORT/`.
    pub push: String,
    /// The region of its ARNs.
    pub region: String,
    /// Its account.
    pub account: String,
    /// The access key to sign with; public.
    pub access_key: String,
    /// The secret key to sign with; public.
    pub secret_key: String,
}

impl From<Identity> for Running {
    fn from(it: Identity) -> Self {
        Running {
            endpoint: it.endpoint,
            push: it.push,
            region: it.region,
            account: it.account,
            access_key: it.access_key,
            secret_key: it.secret_key,
        }
    }
}

/// The local cloud can't be had.
#[derive(Debug, thiserror::Error)]
pub enum NoCloud {
    /// The state folder can't be used.
    #[error("cannot use the state folder {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// The process could not be started.
    #[error("cannot start the local cloud")]
    Spawn(#[source] std::io::Error),
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
            NoCloud::Folder(..) => "export CHATCTL_STATE_DIR=/a/folder/of/yours".into(),
            NoCloud::PortTaken(port) => {
                format!("end what listens there (ss -ltnp 'sport = :{port}' names it), then: chatctl up")
            }
            NoCloud::Stubborn(pid) => format!("kill -9 {pid}"),
            NoCloud::Spawn(_) | NoCloud::Silent { .. } | NoCloud::Failed(_) => "chatctl logs --cloud".into(),
        })
    }
}

/// The version that a cloud of this very build says it has: it changes with each build.
pub fn version() -> String {
    let stamp = program().ok().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |file| {
        let made = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        made.as_nanos() ^ (u128::from(file.len()) << 64)
    });
    format!("{}+{:016x}", crate::VERSION, (stamp ^ (stamp >> 64)) as u64)
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

/// The cloud of this state folder, if it answers and whatever its build.
pub async fn running(state: &Path) -> Option<Running> {
    answering(state).await.map(Running::from)
}

/// Runs the cloud in this process, until it is told to stop.
pub async fn serve(state: &Path) -> Result<(), NoCloud> {
    folder(state)?;
    let config = localcloud::Config { state: state.into(), port: None, version: version() };
    localcloud::serve(config).await.map_err(NoCloud::Failed)
}

/// The cloud of this state folder and this build; started, or started again, where it must be.
pub async fn ensure(state: &Path, tell: &Tell) -> Result<Running, NoCloud> {
    let version = version();
    if let Some(found) = answering(state).await.filter(|found| found.version == version) {
        return Ok(found.into());
    }
    folder(state)?;
    let _one_starter = starters(state).await?;
    let mut because = None;
    match answering(state).await {
        Some(found) if found.version == version => return Ok(found.into()), // another starter was quicker
        Some(found) => {
            end(state, &found).await?;
            because = Some("it was of another build".to_string());
        }
        None if wanted(state) => because = Some("it had been killed".to_string()),
        None => {}
    }
    let found = start(state).await?;
    tell(Event::CloudStarted { endpoint: found.endpoint.clone(), restarted_because: because });
    Ok(found.into())
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
    locked.map_err(|error| wrong(std::io::Error::other(error)))?.map_err(wrong)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true).mode(0o600);
    options
}

async fn start(state: &Path) -> Result<Identity, NoCloud> {
    if let Some(port) = Identity::read(state).map(|kept| kept.port) {
        let taken =
            std::net::TcpListener::bind(("127.0.0.1", port)).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse);
        if taken {
            return Err(NoCloud::PortTaken(port));
        }
    }
    let path = log(state);
    if std::fs::metadata(&path).is_ok_and(|file| file.len() > LONGEST_LOG) {
        let _ = std::fs::rename(&path, state.join("cloud.log.1"));
    }
    let output = private().open(&path).map_err(|error| NoCloud::Folder(state.into(), error))?;
    let begins = output.metadata().map_or(0, |file| file.len());
    // Before the start, so that a cloud whose starter was killed is still one that is wanted.
    let was_wanted = wanted(state);
    private().open(state.join(WANTED)).map_err(|error| NoCloud::Folder(state.into(), error))?;
    let started = match spawn(state, output).map_err(NoCloud::Spawn) {
        Ok(mut child) => ready(state, &mut child, begins).await,
        Err(error) => Err(error),
    };
    if started.is_err() && !was_wanted {
        let _ = std::fs::remove_file(state.join(WANTED)); // if it stays, the next start says "killed"
    }
    started
}

fn spawn(state: &Path, output: File) -> std::io::Result<Child> {
    let mut command = Command::new(program()?);
    command.arg("local").env_clear();
    command.envs(VARIABLES.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value))));
    command.env("CHATCTL_STATE_DIR", state).current_dir(state);
    // Packages of 25 MB pass through it: with these, glibc gives their memory back instead of keeping it for later.
    command.env("MALLOC_MMAP_THRESHOLD_", "1048576").env("MALLOC_ARENA_MAX", "2");
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0).spawn()
}

/// This binary; where it was replaced since it started, the one that stands in its place.
fn program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(match path.to_str().and_then(|words| words.strip_suffix(" (deleted)")) {
        Some(whole) => PathBuf::from(whole),
        None => path,
    })
}

/// Waits until it answers, bounded; ends it where it does not.
async fn ready(state: &Path, child: &mut Child, begins: u64) -> Result<Identity, NoCloud> {
    let began = Instant::now();
    loop {
        if let Some(found) = answering(state).await.filter(|found| found.pid == child.id()) {
            return Ok(found);
        }
        let ended = child.try_wait().map_err(NoCloud::Spawn)?;
        let what = match ended {
            Some(status) => format!("ended at once ({status})"),
            None if began.elapsed() > START => {
                let _ = child.kill();
                format!("did not answer for {} s", START.as_secs())
            }
            None => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        return Err(NoCloud::Silent { what, source: LogTail(tail(&log(state), begins)) });
    }
}

/// The last lines of the log, from what was there before on.
fn tail(path: &Path, begins: u64) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(path) {
        let _ = file.seek(SeekFrom::Start(begins));
        let _ = file.read_to_string(&mut text);
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "its log says nothing".into();
    }
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Tells a cloud to stop and waits until it has let go of the folder; one that stays is ended.
async fn end(state: &Path, found: &Identity) -> Result<(), NoCloud> {
    use rustix::process::{Pid, Signal, kill_process};
    let _ = call(found.port, http::Method::POST, "/_local/stop").await;
    let began = Instant::now();
    let mut signals = [(STOP, Signal::TERM), (STOP * 2, Signal::KILL)].into_iter().peekable();
    while !released(state) {
        if began.elapsed() > STOP * 3 {
            return Err(NoCloud::Stubborn(found.pid));
        }
        if let Some((_, signal)) = signals.next_if(|(after, _)| began.elapsed() > *after)
            && let Some(pid) = Pid::from_raw(found.pid.cast_signed())
        {
            let _ = kill_process(pid, signal);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Whether no cloud holds the folder.
fn released(state: &Path) -> bool {
    match File::open(state.join("cloud.lock")) {
        Ok(file) => file.try_lock().is_ok(),
        Err(_) => true,
    }
}

/// The cloud that this folder names, if it answers and is that very process.
async fn answering(state: &Path) -> Option<Identity> {
    let kept = Identity::read(state)?;
    let body = call(kept.port, http::Method::GET, "/_local/identity").await?;
    let said: Identity = serde_json::from_slice(&body).ok()?;
    (said.pid == kept.pid).then_some(said)
}

/// One question to a cloud on this machine; `None` where there is no answer.
async fn call(port: u16, method: http::Method, path: &str) -> Option<bytes::Bytes> {
    let asked = async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driven = tokio::spawn(connection);
        let host = format!("127.0.0.1:{port}");
        let request = http::Request::builder().method(method).uri(path).header(http::header::HOST, host);
        let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new()).ok()?).await.ok()?;
        let body = answer.status().is_success().then_some(answer.into_body())?.collect().await.ok()?.to_bytes();
        driven.abort();
        Some(body)
    };
    tokio::time::timeout(ANSWER, asked).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_build() {
        assert!(version().starts_with(crate::VERSION));
        assert_eq!(version(), version());
    }

    #[test]
    fn an_error_quotes_only_what_this_start_wrote() {
        let path = std::env::temp_dir().join(format!("chatctl-tail-{}", std::process::id()));
        std::fs::write(&path, "old\nnew one\nnew two\n").unwrap();
        assert_eq!(tail(&path, 4), "new one\nnew two");
        assert_eq!(tail(&path, 20), "its log says nothing");
        std::fs::remove_file(&path).unwrap();
    }
}
