//! The local cloud as a process in the background: started with a clean environment, waited for, ended. Must not know when
//! that is to be done.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use localcloud::Identity;
use tokio::time::Instant;

use super::asked::{answering, call};
use super::{LogTail, NoCloud, WANTED, log, private, wanted};

/// How long a started cloud may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long a cloud that was told to stop may take, before it is ended.
const STOP: Duration = Duration::from_secs(5);
/// Pauses between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// A log above this size makes room for a new one when the cloud starts.
const LONGEST_LOG: u64 = 8 * 1024 * 1024;
/// How much of the log an error quotes.
const TAIL_LINES: usize = 8;
/// What the system and SQLite say of a disk that is full.
const NO_SPACE: [&str; 3] = ["No space left on device", "Disk quota exceeded", "database or disk is full"];
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

/// The version that a cloud of this very build says it has: it changes with each build.
pub fn version() -> String {
    let stamp = program().ok().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |file| {
        let made = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        made.as_nanos() ^ (u128::from(file.len()) << 64)
    });
    format!("{}+{:016x}", crate::VERSION, (stamp ^ (stamp >> 64)) as u64)
}

/// Starts one, and waits until it answers.
pub(super) async fn start(state: &Path) -> Result<Identity, NoCloud> {
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
        // Another one was quicker, whose starter was killed.
        if ended.is_some()
            && let Some(found) = awaited(state).await.filter(|found| found.version == version())
        {
            return Ok(found);
        }
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
        return Err(silent(state, what, tail(&log(state), begins)));
    }
}

/// What a cloud that did not start says in its log; a disk that is full leaves no place for the log either.
fn silent(state: &Path, what: String, said: String) -> NoCloud {
    match NO_SPACE.iter().any(|words| said.contains(words)) {
        true => NoCloud::Full(state.into(), LogTail(said)),
        false => NoCloud::Silent { what, source: LogTail(said) },
    }
}

/// The cloud that holds the folder, once it answers, bounded; `None` where none holds it.
pub(super) async fn awaited(state: &Path) -> Option<Identity> {
    let began = Instant::now();
    loop {
        let found = answering(state).await;
        if found.is_some() || released(state) || began.elapsed() > START {
            return found;
        }
        tokio::time::sleep(LOOK).await;
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
pub(super) async fn end(state: &Path, found: &Identity) -> Result<(), NoCloud> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Explain as _;

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

    #[test]
    fn a_full_disk_and_a_folder_that_cannot_be_written_are_told_apart() {
        let state = Path::new("/home/ann/state");
        let full = silent(state, "ended at once".into(), "error: the DynamoDB engine: database or disk is full".into());
        assert_eq!(full.to_string(), "the disk that holds the state folder /home/ann/state is full");
        assert_eq!(full.next().unwrap(), "df -h /home/ann/state");
        let other = silent(state, "ended at once".into(), "error: another local cloud holds it".into());
        assert_eq!(other.next().unwrap(), "chatctl logs --cloud");
        let folder = |error: i32| NoCloud::Folder(state.into(), std::io::Error::from_raw_os_error(error));
        assert_eq!(folder(28).next().unwrap(), "df -h /home/ann/state", "ENOSPC");
        assert_eq!(folder(13).next().unwrap(), "export CHATCTL_STATE_DIR=/a/folder/of/yours", "EACCES");
        assert_eq!(folder(30).next().unwrap(), "export CHATCTL_STATE_DIR=/a/folder/of/yours", "EROFS");
    }
}
