//! Runs cargo once for all functions. Must not know what becomes of the executables.
//!
//! Without any `-p`: with it cargo would choose other features and compile third-party crates
//! again. Cargo's own variables are taken out of the environment first, for the same reason.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::Source;
use crate::event::{Event, Tell};

/// At most so many lines of the compiler's message are shown.
const SHOWN_LINES: usize = 40;

/// Why cargo made nothing.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum CargoError {
    #[error("cargo is not installed, or not in PATH")]
    NoCargo,
    #[error("there is no C compiler: {said}")]
    NoCompiler { said: String },
    #[error("cannot start cargo")]
    NotStarted(#[source] std::io::Error),
    #[error("cargo build failed:\n{said}")]
    Failed { said: String },
}

impl CargoError {
    pub(super) fn next(&self) -> Option<String> {
        Some(match self {
            Self::NoCargo => "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".to_owned(),
            Self::NoCompiler { .. } => "sudo apt-get install gcc libc6-dev".to_owned(),
            Self::NotStarted(_) | Self::Failed { .. } => "cargo build".to_owned(),
        })
    }

    /// Reads what a failed cargo said.
    fn of(stderr: &str) -> Self {
        let first = stderr.lines().position(|line| line.starts_with("error"));
        let said: Vec<&str> = stderr.lines().skip(first.unwrap_or(0)).take(SHOWN_LINES).collect();
        let no_compiler = stderr.lines().find(|line| {
            line.contains("linker `cc` not found")
                || line.contains("failed to find tool")
                || line.contains("is `cc` not installed")
                || line.contains("No such file or directory (os error 2)") && line.contains("\"cc\"")
        });
        match no_compiler {
            Some(line) => Self::NoCompiler { said: line.trim_start_matches("error: ").trim().to_owned() },
            None => Self::Failed { said: said.join("\n") },
        }
    }
}

/// Builds the workspace's default members. Answers the executables by name.
pub(super) async fn build(source: &Source, tell: &Tell) -> Result<BTreeMap<String, PathBuf>, CargoError> {
    // First without asking the index: the lock file and the downloads are there after the first time.
    let settled = run(source, &["--locked", "--offline"], tell).await?;
    let finished = if settled.started_building || settled.success { settled } else { run(source, &[], tell).await? };
    if !finished.success {
        return Err(CargoError::of(&finished.stderr));
    }
    Ok(finished.executables)
}

struct Run {
    success: bool,
    /// Cargo got as far as compiling: another try would end in the same way.
    started_building: bool,
    executables: BTreeMap<String, PathBuf>,
    stderr: String,
}

async fn run(source: &Source, extra: &[&str], tell: &Tell) -> Result<Run, CargoError> {
    let named = std::env::var_os("CARGO").filter(|cargo| Path::new(cargo).is_file());
    let mut command = Command::new(named.unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--message-format=json-render-diagnostics", "--color=never"]).args(extra);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.current_dir(source.root()).stdin(Stdio::null()).kill_on_drop(true);
    command.env_clear().envs(environment(std::env::vars_os()));
    let mut cargo =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CargoError::NoCargo,
            _ => CargoError::NotStarted(error),
        })?;
    let (stdout, stderr) = (cargo.stdout.take(), cargo.stderr.take());
    let (stdout, stderr, status) = tokio::join!(messages(stdout), progress(stderr, tell), cargo.wait());
    let (executables, started_building) = read(&stdout);
    let success = status.map_err(CargoError::NotStarted)?.success();
    Ok(Run { success, started_building, executables, stderr })
}

async fn messages(stdout: Option<ChildStdout>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stdout) = stdout {
        // Cut off with cargo itself, whose status then says more.
        let _ = stdout.read_to_end(&mut bytes).await;
    }
    bytes
}

/// Reads what cargo says, and tells its progress as it comes.
async fn progress(stderr: Option<ChildStderr>, tell: &Tell) -> String {
    let mut said = String::new();
    let Some(stderr) = stderr else { return said };
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words = line.trim_start();
        if words.starts_with("Compiling ") || words.starts_with("Downloading ") || words.starts_with("Blocking ") {
            tell(Event::BuildProgress { line: words.to_owned() });
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

/// Cargo's messages: the executables by name, and whether it got as far as compiling.
fn read(stdout: &[u8]) -> (BTreeMap<String, PathBuf>, bool) {
    #[derive(Deserialize)]
    struct Line {
        reason: String,
        executable: Option<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let mut executables = BTreeMap::new();
    let mut started = false;
    for line in stdout.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
        started |= line.reason == "build-finished";
        if let (Some(target), Some(executable)) = (line.target, line.executable) {
            executables.insert(target.name, executable);
        }
    }
    (executables, started)
}

/// The environment of a cargo that knows nothing of the cargo that may have started us.
fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut kept: Vec<_> = variables.filter(|(name, _)| !set_by_cargo(name)).collect();
    for (name, value) in &mut kept {
        if name == "LD_LIBRARY_PATH" {
            *value = without_cargos_folders(value);
        }
    }
    kept.retain(|(name, value)| name != "LD_LIBRARY_PATH" || !value.is_empty());
    kept
}

fn set_by_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    matches!(
        name,
        "CARGO"
            | "CARGO_MANIFEST_DIR"
            | "CARGO_MANIFEST_PATH"
            | "CARGO_MANIFEST_LINKS"
            | "CARGO_BIN_NAME"
            | "CARGO_CRATE_NAME"
            | "CARGO_PRIMARY_PACKAGE"
            | "CARGO_TARGET_TMPDIR"
            | "CARGO_MAKEFLAGS"
            | "CARGO_RUSTC_CURRENT_DIR"
            | "OUT_DIR"
            | "RUSTC"
            | "RUSTDOC"
            | "RUST_RECURSION_COUNT"
    ) || name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_EXE_")
        || name.starts_with("CARGO_FEATURE_")
        || name.starts_with("CARGO_CFG_")
}

fn without_cargos_folders(value: &OsStr) -> OsString {
    let kept = std::env::split_paths(value).filter(|folder| {
        let text = folder.to_string_lossy();
        let last = folder.file_name().unwrap_or_default();
        !text.is_empty()
            && !text.contains("/rustlib/")
            && !text.contains("/toolchains/")
            && !["deps", "debug", "release"].iter().any(|own| last == *own)
    });
    std::env::join_paths(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        environment(pairs.iter().map(|(n, v)| (n.into(), v.into())))
            .into_iter()
            .map(|(n, v)| (n.into_string().unwrap(), v.into_string().unwrap()))
            .collect()
    }

    #[test]
    fn what_cargo_run_set_is_taken_out_and_what_the_person_set_stays() {
        let kept = cleaned(&[
            ("CARGO", "/usr/bin/cargo"),
            ("CARGO_PKG_NAME", "chatctl"),
            ("CARGO_MANIFEST_DIR", "/src/cli"),
            ("LD_LIBRARY_PATH", "/src/target/debug/deps:/src/target/debug:/r/toolchains/stable/lib"),
            ("CARGO_HOME", "/home/ann/.cargo"),
            ("CARGO_TARGET_DIR", "/t"),
            ("CARGO_INCREMENTAL", "1"),
            ("PATH", "/bin"),
        ]);
        let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "PATH"]);
    }

    #[test]
    fn a_persons_own_library_path_survives() {
        let kept = cleaned(&[("LD_LIBRARY_PATH", "/src/target/debug/deps:/opt/mine/lib")]);
        assert_eq!(kept, [("LD_LIBRARY_PATH".to_owned(), "/opt/mine/lib".to_owned())]);
    }

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let stdout = br#"{"reason":"compiler-artifact","target":{"name":"chat"},"executable":null,"fresh":true}
{"reason":"compiler-artifact","target":{"name":"store-message"},"executable":"/t/debug/store-message","fresh":true}
not json
{"reason":"build-finished","success":true}
"#;
        let (executables, started) = read(stdout);
        assert!(started);
        assert_eq!(executables.len(), 1);
        assert_eq!(executables["store-message"], Path::new("/t/debug/store-message"));
    }

    #[test]
    fn a_compilers_message_is_shown_from_its_first_error_on() {
        let said =
            CargoError::of("   Compiling chat\nwarning: unused\nerror[E0308]: mismatched types\n --> src/lib.rs:1\n");
        assert_eq!(said.to_string(), "cargo build failed:\nerror[E0308]: mismatched types\n --> src/lib.rs:1");
    }

    #[test]
    fn a_missing_c_compiler_is_told_apart_and_says_what_to_install() {
        let said = CargoError::of("   Compiling libc\nerror: linker `cc` not found\n  |\n");
        assert!(matches!(said, CargoError::NoCompiler { .. }));
        assert!(said.next().unwrap().contains("gcc"));
    }
}
