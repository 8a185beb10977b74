//! What a person or CI types, and nothing else: `cargo xtask test`, `bench`, `pictures`, `rows`, `aws`.
#![allow(clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod aws;
mod bench;
mod figures;
mod own;
mod pictures;
mod private;
mod report;
mod rows;
mod setup;
mod start;
mod test;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask test [NAME…]      all tests, or those whose name holds a word
       cargo xtask bench [--cold]    speed and size; fails where one is over its limit
       cargo xtask pictures          docs/page.png and docs/terminal.png, made anew
       cargo xtask rows              what AWS does that breaks deploys, and the test of each
       cargo xtask aws --stage NAME  a stage's whole life on your AWS account, and a report (docs/first-aws-run.md)";

/// What went wrong, in words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some("test") => test::run(&words[1..]),
        Some("bench") => bench::run(&words[1..]),
        Some("aws") => aws::run(&words[1..]),
        Some("pictures") => pictures::run(),
        Some("rows") => rows::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Cargo, in the checkout, without the variables of the cargo that runs this: they would have things compiled again.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo =
            text.starts_with("CARGO_") && !matches!(&*text, "CARGO_HOME" | "CARGO_TARGET_DIR" | "CARGO_TERM_COLOR");
        if of_cargo || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// Runs a command to its end; anything but success is a failure that names it.
fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} ended with {status}").into()) }
}
