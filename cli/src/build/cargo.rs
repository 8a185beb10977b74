//! Runs cargo once for all functions. Must not know what becomes of the executables, nor which cargo it runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::Source;
use super::recipe::{Recipe, Way};
use super::toolchain::Toolchain;
use crate::event::{Event, Tell};

/// At most so many lines of the compiler's message are shown.
const SHOWN_LINES: usize = 40;

/// What cargo, the compiler and the linker say of a disk that is full (ENOSPC), and of a quota that is (EDQUOT).
const NO_SPACE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What the compiler says of a target that it knows and that rustup has not installed.
const NO_TARGET: [&str; 3] =
    ["can't find crate for `core`", "can't find crate for `std`", "target may not be installed"];

/// Why cargo made nothing.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum CargoError {
    #[error("cargo is not installed, or not in PATH")]
    NoCargo,
    #[error("there is no C compiler: {said}")]
    NoCompiler { said: String },
    #[error("the disk that holds {folder} is full: {said}", folder = .folder.display())]
    DiskFull { folder: PathBuf, said: String },
    #[error("cannot start cargo")]
    NotStarted(#[source] std::io::Error),
    #[error("the target that is built for is not installed: {said}")]
    NoTarget { said: String },
    #[error("cargo build failed:\n{said}")]
    Failed { said: String },
}

impl CargoError {
    pub(super) fn next(&self) -> Option<String> {
        Some(match self {
            Self::NoCargo => "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".to_owned(),
            Self::NoCompiler { .. } => "sudo apt-get install gcc libc6-dev".to_owned(),
            Self::DiskFull { folder, .. } => format!("df -h {}", folder.display()),
            Self::NotStarted(_) | Self::NoTarget { .. } | Self::Failed { .. } => "cargo build".to_owned(),
        })
    }

    /// Reads what a failed cargo said that builds into this folder.
    fn of(stderr: &str, folder: &Path) -> Self {
        if let Some(line) = stderr.lines().find(|line| NO_SPACE.iter().any(|words| line.contains(words))) {
            let said = line.trim_start_matches("error: ").trim().to_owned();
            return Self::DiskFull { folder: folder.to_owned(), said };
        }
        if let Some(line) = stderr.lines().find(|line| NO_TARGET.iter().any(|words| line.contains(words))) {
            return Self::NoTarget { said: line.trim().to_owned() };
        }
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

/// One run of cargo.
pub(super) struct Build<'a> {
    pub(super) tools: &'a Toolchain,
    pub(super) source: &'a Source,
    pub(super) names: &'a [&'a str],
    pub(super) recipe: Recipe,
    pub(super) way: Way,
}

impl Build<'_> {
    /// Where cargo builds.
    fn folder(&self) -> PathBuf {
        let folder = self.tools.variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.source.root().join(folder)
    }
}

/// Builds. Answers the executables by name.
pub(super) async fn build(build: &Build<'_>, tell: &Tell) -> Result<BTreeMap<String, PathBuf>, CargoError> {
    // First without asking the index: the lock file and the downloads are there after the first time.
    let settled = run(build, &["--locked", "--offline"], tell).await?;
    let finished = if settled.started_building || settled.success { settled } else { run(build, &[], tell).await? };
    if !finished.success {
        return Err(CargoError::of(&finished.stderr, &build.folder()));
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

async fn run(build: &Build<'_>, extra: &[&str], tell: &Tell) -> Result<Run, CargoError> {
    let Build { tools, source, recipe, way, names } = build;
    let mut command = Command::new(tools.program(*way));
    command.args(recipe.arguments(*way, names)).args(extra);
    command.current_dir(source.root()).stdin(Stdio::null()).kill_on_drop(true);
    command.env_clear().envs(tools.variables()).envs(recipe.flags(source.root(), |name| tools.variable(name)));
    command.envs(recipe.c_flags(|name| tools.variable(name)));
    if *way == Way::Zig {
        command.env("CARGO", tools.program(Way::Plain));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it builds.
    fn here() -> &'static Path {
        Path::new("/src/target")
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
        let said = CargoError::of(
            "   Compiling chat\nwarning: unused\nerror[E0308]: mismatched types\n --> src/lib.rs:1\n",
            here(),
        );
        assert_eq!(said.to_string(), "cargo build failed:\nerror[E0308]: mismatched types\n --> src/lib.rs:1");
    }

    #[test]
    fn a_full_disk_is_named_with_the_folder_that_is_built_into() {
        for line in [
            "error: failed to write /src/target/debug/deps/x.d: No space left on device (os error 28)",
            "  = note: /usr/bin/ld: final link failed: No space left on device",
            "error: failed to create directory `/src/target`: Disk quota exceeded (os error 122)",
        ] {
            let said = CargoError::of(&format!("   Compiling chat\nerror: could not compile `chat`\n{line}\n"), here());
            assert!(said.to_string().starts_with("the disk that holds /src/target is full: "), "{said}");
            assert_eq!(said.next().unwrap(), "df -h /src/target");
        }
    }

    #[test]
    fn a_target_that_is_not_installed_is_told_apart_and_not_taken_for_the_chats_own_fault() {
        let missing = "   Compiling cfg-if\nerror[E0463]: can't find crate for `core`\n  |\n  = note: the \
                       `x86_64-unknown-linux-gnu` target may not be installed\n";
        let said = CargoError::of(missing, here());
        let words = "the target that is built for is not installed: error[E0463]: can't find crate for `core`";
        assert_eq!(said.to_string(), words);
        let other = CargoError::of("error[E0463]: can't find crate for `chat`\n", here());
        assert!(matches!(other, CargoError::Failed { .. }), "{other}");
    }

    #[test]
    fn a_missing_c_compiler_is_told_apart_and_says_what_to_install() {
        let said = CargoError::of("   Compiling libc\nerror: linker `cc` not found\n  |\n", here());
        assert!(matches!(said, CargoError::NoCompiler { .. }));
        assert!(said.next().unwrap().contains("gcc"));
    }
}
