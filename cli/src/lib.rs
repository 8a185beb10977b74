//! `chatctl`: builds, provisions and operates the chat. This file parses the command line, builds the `Context`, runs one
//! command and hands a failure to `ui`. The rooms below and who may know whom: docs/ARCHITECTURE.md.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod aws;
pub mod build;
pub mod commands;
pub mod context;
pub mod deploy;
pub mod event;
pub mod failure;
pub mod local;
pub mod member;
pub mod operate;
pub mod stack;
pub mod stage;
pub mod ui;

use std::process::ExitCode;

use tokio::sync::watch;

use commands::{Cli, Command, Interrupt};
use context::Context;
use event::Event;
use failure::{Exit, Failure};
use ui::{Surroundings, Ui};

/// What the user types, and the version that everything it deploys carries.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command line of this process; the answer is the process's exit code.
pub fn main() -> ExitCode {
    let cli = match commands::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(refused) => {
            let exit = refused.show().unwrap_or_else(|failure| {
                Ui::pick(&Surroundings::here(true)).fail(&failure);
                failure.exit
            });
            return ExitCode::from(exit.code());
        }
    };
    let ui = Ui::pick(&Surroundings::here(cli.json()));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui.fail(&Failure::failed("cannot start").why(error.to_string()));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let exit = runtime.block_on(run(cli, &ui));
    ui.end();
    runtime.shutdown_background(); // a read of standard input may still wait
    ExitCode::from(exit.code())
}

/// One command, until it ends, Ctrl-C ends it, or nobody reads its results any more.
async fn run(cli: Cli, ui: &Ui) -> Exit {
    let (stop, stopped) = watch::channel(false);
    let interrupt = cli.interrupt();
    let outcome = async {
        if let Command::Local(args) = cli.command {
            return commands::local::run(args).await; // it serves every stage, and reads the settings of none
        }
        let cx = Context::new(&cli.overrides(), cli.yes(), ui.clone(), stopped)?;
        commands::run(cli.command, &cx).await
    };
    let mut outcome = std::pin::pin!(outcome);
    let mut unread = std::pin::pin!(ui.closed());
    let mut gone = false;
    loop {
        tokio::select! {
            ended = &mut outcome => return match ended {
                Ok(_) if gone => Exit::Done,
                Ok(exit) => exit,
                Err(failure) => { ui.fail(&failure); failure.exit }
            },
            () = interrupted(), if interrupt != Interrupt::Its => {
                if interrupt == Interrupt::AtOnce || stop.send_replace(true) {
                    return Exit::Stopped;
                }
                if interrupt == Interrupt::Finishes {
                    ui.tell()(Event::Stopping);
                }
            },
            () = &mut unread, if !gone && interrupt != Interrupt::Finishes => {
                if interrupt == Interrupt::AtOnce {
                    return Exit::Done;
                }
                gone = true;
                stop.send_replace(true);
            },
        }
    }
}

/// Resolves at the next Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
