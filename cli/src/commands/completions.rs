//! `chatctl completions`: a shell's completion script.

use clap::{Args, CommandFactory as _};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Arguments of `chatctl completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: chatctl completions bash > ~/.local/share/bash-completion/completions/chatctl")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Writes the script.
pub async fn run(args: CompletionsArgs, cx: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "chatctl", &mut script);
    cx.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
