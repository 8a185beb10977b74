//! `cargo xtask test`: sets up, lints, runs every test, and says at the end what was skipped.

use std::time::Instant;

use crate::{Failure, cargo, setup};

/// Warnings are errors here; `cargo build` alone stays friendly.
const LINTS: &[&str] = &["-Dwarnings", "-Dclippy::all", "-Aclippy::module_name_repetitions"];

/// Runs all tests, or those whose names hold one of the words.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    let tools = setup::tools()?;
    if words.is_empty() {
        lint()?;
    }
    test(words, &tools)?;
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

fn test(words: &[String], tools: &setup::Tools) -> Result<(), Failure> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--all-targets", "--no-fail-fast", "--"]).args(words);
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
