//! Functions for AWS as they are uploaded: how small they are, and how long each takes from its start to its first
//! question for work, over https to AWS and with its SDK handles made, before a runtime API on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::figures::Figures;
use crate::{Failure, root, target};

/// Starts of each function.
const STARTS: usize = 21;
/// Longer than this, and it never asks.
const PATIENCE: Duration = Duration::from_secs(5);
/// The limits: of a zip, and of a start.
const ZIP_MB: f64 = 2.5;
const START_MS: f64 = 3.0;

/// What every function may read; nobody answers at these names here, and nobody is asked before the first event.
const SETTINGS: &[(&str, &str)] = &[
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
    ("AWS_LAMBDA_FUNCTION_NAME", "chat-bench"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "chat-bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "chat-bench"),
    ("CHAT_VERSION", "bench"),
    ("CHAT_MESSAGES_TABLE", "chat-bench-messages"),
    ("CHAT_CLIENTS_TABLE", "chat-bench-clients"),
    ("CHAT_STAGE_TABLE", "chat-bench-stage"),
    ("CHAT_ROOM_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("CHAT_PUSH_HOSTS", "fcm.googleapis.com"),
    ("CHAT_VAPID_PARAMETER", "/chat/bench/vapid-key"),
    ("CHAT_VAPID_SUBJECT", "mailto:bench@example.org"),
    ("CHAT_VAPID_PUBLIC", "A"),
    ("CHAT_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/chat-bench-new-messages"),
];

/// Builds the size profile as `up` does, for a stage that no cloud has, and measures it.
pub(crate) fn run(chatctl: &Path, state: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let profile = target().join("lambda");
    // Without it, `up` builds anew and tells what it built; cargo itself has nothing to do where nothing changed.
    let _ = fs::remove_file(profile.join(".chatctl-build.json"));
    for (name, bytes) in built(chatctl, state)? {
        figures.line(&format!("{name}: zip for AWS"), vec![bytes / 1_000_000.0], "MB", ZIP_MB);
        let binary = profile.join(&name);
        let times = (0..STARTS).map(|_| first_question(&binary)).collect::<Result<Vec<f64>, Failure>>()?;
        figures.line(&format!("{name}: start to first question"), times, "ms", START_MS);
    }
    Ok(())
}

/// What `chatctl plan` says that it built, against a local cloud in the place of AWS.
fn built(chatctl: &Path, state: &Path) -> Result<Vec<(String, f64)>, Failure> {
    let identity: Value = serde_json::from_slice(&fs::read(state.join("cloud.json"))?)?;
    let text = |name: &str| identity[name].as_str().unwrap_or_default().to_owned();
    let out = Command::new(chatctl)
        .args(["--json", "--stage", "bench", "--target", "aws", "--region", "us-east-1", "plan"])
        .current_dir(root())
        .env("CHATCTL_STATE_DIR", state)
        .env("AWS_ENDPOINT_URL", text("endpoint"))
        .env("AWS_ACCESS_KEY_ID", text("access_key"))
        .env("AWS_SECRET_ACCESS_KEY", text("secret_key"))
        .env_remove("CHATCTL_BUILD_PROFILE")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        return Err(format!("the functions for AWS could not be built:\n{told}").into());
    }
    let events = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let built = events.filter(|event| event["event"] == "built");
    Ok(built.filter_map(|event| Some((event["function"].as_str()?.to_owned(), event["bytes"].as_f64()?))).collect())
}

/// A process that does not outlive its measurement.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From the start of the process until it asks for its first event, in ms.
fn first_question(binary: &Path) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let mut command = Command::new(binary);
    command.env_clear().envs(SETTINGS.iter().copied());
    command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let _process = Started(command.spawn()?);
    let stream = accept(&listener, began)?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let took = began.elapsed();
    if !line.contains("/invocation/next") {
        return Err(format!("{} asked for {line:?} first", binary.display()).into());
    }
    Ok(took.as_secs_f64() * 1000.0)
}

/// Waits awake: to sleep for a part of a millisecond would be a part of what is measured.
fn accept(listener: &TcpListener, began: Instant) -> Result<TcpStream, Failure> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error.into()),
            Err(_) if began.elapsed() > PATIENCE => return Err("a function did not ask for work".into()),
            Err(_) => std::thread::yield_now(),
        }
    }
}
