//! The one test binary of the tool: rules of the house, and the whole chat in a local cloud of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test has handles and a clock of its own")]

mod allowed;
mod amends;
mod answers;
mod asked;
mod aws_cli;
mod aws_target;
mod between;
mod browser;
mod builds;
mod by_hand;
mod chain;
mod checkout;
mod claims;
mod clouds;
mod counts;
mod cut_short;
mod dependencies;
mod documents;
mod drift;
mod ear;
mod elsewhere;
mod events;
mod every_call;
mod faults;
mod folders;
mod forecast;
mod going_on;
mod graph;
mod house;
mod kills;
mod layouts;
mod likeness;
mod lobby;
mod oracles;
mod outside;
mod overtaken;
mod poison;
mod recordings;
mod relay;
mod rollback;
mod rows;
mod scenarios;
mod schema;
mod screens;
mod seed;
mod settles;
mod sky;
mod speed;
mod stacks;
mod standings;
mod steady;
mod stops;
mod strangers;
mod tables;
mod tail;
mod terms;
mod transactions;
mod traps;
mod waits;
mod watch;
mod world;
mod written;

use std::path::{Path, PathBuf};

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A tool that not every machine has: its path, or none (said, and an error where nothing may be skipped).
fn tool(variable: &str, what: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(path) => Some(path),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "{variable} is not set, and in CI nothing is skipped");
            eprintln!("skipped: {what}: run this by `cargo xtask test`, which sets {variable}");
            None
        }
    }
}
