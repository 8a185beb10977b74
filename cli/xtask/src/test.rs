//! `cargo xtask test`: sets up, lints, runs every test, and says at the end what was skipped.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Failure, cargo, rows, setup, target};

/// Warnings are errors here; `cargo build` alone stays friendly.
const LINTS: &[&str] = &["-Dwarnings", "-Dclippy::all", "-Aclippy::module_name_repetitions"];

/// Runs all tests, or those whose names hold one of the words.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    let tools = setup::tools()?;
    if words.is_empty() {
        lint()?;
        rows::check()?;
    }
    crate::run(cargo().args(["build", "--quiet"]))?;
    test(words, &tools, &Cloud::start()?)?;
    for line in &tools.missing {
        println!("skipped, for want of {line}");
    }
    println!("all tests: {} s", start.elapsed().as_secs());
    Ok(())
}

/// Clippy as the compiler of our own crates: what third parties wrote is not compiled a second time for it.
fn lint() -> Result<(), Failure> {
    println!("lint: rustfmt and clippy");
    crate::run(cargo().args(["fmt", "--all", "--check"]))?;
    // What `up` needs first: the plain build, as a newcomer has it.
    crate::run(cargo().args(["build", "--quiet"]))?;
    let driver = which("clippy-driver")?;
    let arguments: String = LINTS.iter().map(|lint| format!("{lint}__CLIPPY_HACKERY__")).collect();
    crate::run(
        cargo()
            .args(["build", "--quiet", "--workspace", "--all-targets"])
            .env("RUSTC_WORKSPACE_WRAPPER", driver)
            .env("CLIPPY_ARGS", arguments),
    )
}

fn which(name: &str) -> Result<std::path::PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{name} is not there: rustup component add clippy rustfmt").into())
}

/// A local cloud of the run's own, for the contract that holds in memory and over AWS's protocols alike.
struct Cloud {
    process: Child,
    state: PathBuf,
    endpoint: String,
}

impl Cloud {
    fn start() -> Result<Cloud, Failure> {
        let state = std::env::temp_dir().join(format!("chatctl-contract-{}", std::process::id()));
        fs::create_dir_all(&state)?;
        let mut command = Command::new(target().join("debug/chatctl"));
        command.arg("local").env("CHATCTL_STATE_DIR", &state).stdin(Stdio::null()).stderr(Stdio::null());
        let mut cloud = Cloud { process: command.spawn()?, state, endpoint: String::new() };
        for _ in 0..200 {
            let identity = fs::read(cloud.state.join("cloud.json")).ok();
            let identity = identity.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
            if let Some(endpoint) = identity.as_ref().and_then(|identity| identity["endpoint"].as_str()) {
                cloud.endpoint = endpoint.to_owned();
                return Ok(cloud);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the local cloud for the contract did not start within 10 s".into())
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.state);
    }
}

fn test(words: &[String], tools: &setup::Tools, cloud: &Cloud) -> Result<(), Failure> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--all-targets", "--no-fail-fast", "--"]).args(words);
    tests.env("CHATCTL_TEST_ENDPOINT", &cloud.endpoint);
    let found = [
        ("CHATCTL_TEST_NODE", &tools.node),
        ("CHATCTL_TEST_PYTHON", &tools.python),
        ("CHROMIUM", &tools.chromium),
        ("FIREFOX", &tools.firefox),
    ];
    for (variable, path) in found {
        match path {
            Some(path) => tests.env(variable, path),
            None => tests.env_remove(variable),
        };
    }
    crate::run(&mut tests)
}
