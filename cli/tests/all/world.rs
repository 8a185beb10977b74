//! A stage in a local cloud of its own: a state folder that nobody else has, and the binary, run as a person runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::forecast::comes_true;
use crate::root;

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// A local cloud and what is deployed in it; both are gone when this is dropped.
pub(crate) struct World {
    state: PathBuf,
}

impl World {
    /// An empty one; nothing runs yet.
    pub(crate) fn empty() -> World {
        let name = format!("chatctl-test-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let state = std::env::temp_dir().join(name);
        fs::create_dir_all(&state).unwrap();
        World { state }
    }

    /// One with the stage `dev` up and proved.
    pub(crate) fn up() -> World {
        let world = World::empty();
        world.succeeds(["up"]);
        world
    }

    /// The state folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// The binary, ready to be given arguments.
    pub(crate) fn chatctl(&self) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_chatctl")))
    }

    /// The same of another build of it. Nothing of who runs the tests gets through.
    pub(crate) fn program(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_") && !name.starts_with("AWS_LC_") || name.starts_with("CHATCTL_") {
                command.env_remove(name);
            }
        }
        command.current_dir(root()).env("CHATCTL_STATE_DIR", &self.state).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs it with `--json`.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.chatctl().arg("--json").args(arguments).output().unwrap()
    }

    /// Runs it and reads its events; anything but success ends the test with all that was said.
    pub(crate) fn succeeds<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Vec<Value> {
        let out = self.run(arguments);
        assert_eq!(out.status.code(), Some(0), "{}", self.said(&out));
        let events = events(&out);
        comes_true(&events);
        events
    }

    /// Runs it, expects this exit code, and gives the failure it told.
    pub(crate) fn fails<A: AsRef<OsStr>>(&self, code: i32, arguments: impl IntoIterator<Item = A>) -> Value {
        let out = self.run(arguments);
        assert_eq!(out.status.code(), Some(code), "{}", self.said(&out));
        events(&out).into_iter().rfind(|event| event["event"] == "failed").expect("a failure is told")
    }

    /// What a run said, and what the local cloud had to say of it.
    fn said(&self, out: &Output) -> String {
        let log = fs::read_to_string(self.state.join("cloud.log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(20).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        let (told, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        format!("exit {:?}\n{told}\n{errors}\ncloud.log:\n{}", out.status.code(), tail.join("\n"))
    }

    /// `chatctl status --json`.
    pub(crate) fn status(&self) -> Value {
        one(&self.succeeds(["status"]), "status").clone()
    }

    /// The texts in the lobby, oldest first, read through the API as a page does.
    pub(crate) fn history(&self) -> Vec<String> {
        let page = self.status()["page"].as_str().unwrap().to_owned();
        history_of(&page)
    }

    /// The local cloud's process.
    pub(crate) fn cloud_pid(&self) -> u32 {
        u32::try_from(self.identity()["pid"].as_u64().unwrap()).unwrap()
    }

    /// The local cloud's port.
    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.identity()["port"].as_u64().unwrap()).unwrap()
    }

    /// What the local cloud says of itself.
    fn identity(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state.join("cloud.json")).unwrap()).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.run(["down", "--delete-data=dev", "--yes"]);
        if self.state.join("cloud.json").exists() {
            kill(self.cloud_pid(), "TERM");
        }
        let _ = fs::remove_dir_all(&self.state);
    }
}

/// Sends a signal to one process, by its id.
pub(crate) fn kill(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).stderr(Stdio::null()).status();
}

/// The events of a run.
pub(crate) fn events(out: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The only event of a name.
pub(crate) fn one<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let found: Vec<_> = events.iter().filter(|event| event["event"] == name).collect();
    assert_eq!(found.len(), 1, "{name} in {events:#?}");
    found[0]
}

/// Every text of a room, oldest first, page by page.
pub(crate) fn history_of(page: &str) -> Vec<String> {
    let (origin, token) = page.split_once("/#").unwrap();
    let mut texts = Vec::new();
    let mut before = None::<String>;
    loop {
        let query = before.as_ref().map(|cursor| format!("&before={cursor}")).unwrap_or_default();
        let path = format!("/api/messages?limit=100{query}");
        let (status, body) = http(origin, "GET", &path, &[("authorization", &format!("Bearer {token}"))], "");
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        let items = page["items"].as_array().unwrap();
        texts.splice(0..0, items.iter().map(|item| item["text"].as_str().unwrap_or("").to_owned()));
        match page["before"].as_str() {
            Some(cursor) => before = Some(cursor.to_owned()),
            None => return texts,
        }
    }
}

/// One plain HTTP request, with nothing of ours in between.
pub(crate) fn http(origin: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    try_http(origin, method, path, headers, body).unwrap()
}

/// The same, for a server that may be dead.
pub(crate) fn try_http(
    origin: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<(u16, String)> {
    use std::io::{Read, Write};
    let host = origin.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(40)))?;
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let broken = || std::io::Error::other(format!("not an answer: {answer:?}"));
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(broken)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    Ok((status, if chunked { unchunked(body) } else { body.to_owned() }))
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}
