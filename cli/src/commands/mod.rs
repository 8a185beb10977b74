//! The list of commands, and which code runs which. The Args are the help text; nothing here does any work.

pub mod bootstrap;
pub mod building;
pub mod completions;
pub mod down;
pub mod history;
pub mod live;
pub mod local;
pub mod logs;
pub mod open;
pub mod plan;
pub mod push;
pub mod rollback;
pub mod room;
pub mod send;
pub mod span;
pub mod status;
pub mod tail;
pub mod up;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::stage::Overrides;

/// A chat without a server that idles: API Gateway, Lambda, DynamoDB, SQS and Web Push.
///
/// chatctl builds, provisions and operates it: in a local cloud inside this binary (the default), or in your own AWS account.
#[derive(Debug, Parser)]
#[command(
    name = "chatctl",
    version,
    max_term_width = 100,
    after_help = "Start with: chatctl up",
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands; help has a heading for it, so that a command's own flags come first.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
struct Global {
    /// The stage that is meant
    #[arg(long, global = true, value_name = "NAME", env = "CHATCTL_STAGE", hide_env = true)]
    stage: Option<String>,
    /// The settings, instead of the chatctl.toml in this folder or one above
    #[arg(long, global = true, value_name = "FILE", env = "CHATCTL_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// Where the stage lives: local, or aws
    #[arg(long, global = true, value_name = "TARGET")]
    target: Option<String>,
    /// The region, of a stage on AWS
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Results and progress as JSON, one object a line
    #[arg(long, global = true, env = "CHATCTL_JSON", hide_env = true, value_parser = BoolishValueParser::new())]
    json: bool,
    /// Answer every question with yes
    #[arg(long, short, global = true, env = "CHATCTL_YES", hide_env = true, value_parser = BoolishValueParser::new())]
    yes: bool,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, deploy and prove the chat; run it again to change it
    Up(up::UpArgs),
    /// Show what `up` would do, and why
    Plan(plan::PlanArgs),
    /// Show how the stage is, the page's link, and the AWS command line's settings
    Status(status::StatusArgs),
    /// Post a message
    Send(send::SendArgs),
    /// Show messages as they arrive
    Tail(tail::TailArgs),
    /// Send a test push and explain each push service's answer
    Push(push::PushArgs),
    /// Show the functions' logs
    Logs(logs::LogsArgs),
    /// Make and list rooms
    Room(room::RoomArgs),
    /// Open the page in a browser
    Open(open::OpenArgs),
    /// Show the deploys: who, when, from which commit, what, and whether it was proved
    History(history::HistoryArgs),
    /// Go back to an earlier deploy, and prove it
    Rollback(rollback::RollbackArgs),
    /// Take the stage down; data is kept unless the stage is named
    Down(down::DownArgs),
    /// Make the deployer's policy and the boundary of the stage's roles; an administrator's once
    Bootstrap(bootstrap::BootstrapArgs),
    /// Write a shell's completion script
    Completions(completions::CompletionsArgs),
    /// Run the local cloud in this process
    #[command(hide = true)]
    Local(local::LocalArgs),
}

/// What Ctrl-C does to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// It ends it: nothing is half done.
    AtOnce,
    /// The first lets it finish what is in flight, and says so; the second ends it.
    Finishes,
    /// The first lets it clear up quietly; the second ends it.
    Quietly,
    /// The command sees to it itself.
    Its,
}

impl Cli {
    /// `--json`.
    pub fn json(&self) -> bool {
        self.global.json
    }

    /// `--yes`.
    pub fn yes(&self) -> bool {
        self.global.yes
    }

    /// What the settings are overridden with.
    pub fn overrides(&self) -> Overrides {
        let Global { stage, config, target, region, .. } = &self.global;
        let building = match &self.command {
            Command::Up(args) => Some(&args.building),
            Command::Plan(args) => Some(&args.building),
            _ => None,
        };
        Overrides {
            stage: stage.clone(),
            config: config.clone(),
            target: target.clone(),
            region: region.clone(),
            architecture: building.and_then(|building| building.architecture.clone()),
        }
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) -> Interrupt {
        match self.command {
            // Watching has no end of its own: Ctrl-C is how it ends well.
            Command::Up(ref up) if up.watch => Interrupt::Quietly,
            Command::Up(_) | Command::Rollback(_) | Command::Down(_) | Command::Bootstrap(_) => Interrupt::Finishes,
            Command::Tail(_) => Interrupt::Quietly,
            Command::Local(_) => Interrupt::Its,
            _ => Interrupt::AtOnce,
        }
    }
}

/// A command line that says nothing to be done: help, or a mistake.
#[derive(Debug)]
pub struct Refused {
    error: clap::Error,
    json: bool,
}

impl Refused {
    /// Shows the help, or the mistake as clap words it; where that is for a program, gives it back to be told as JSON.
    pub fn show(&self) -> Result<Exit, Failure> {
        if self.error.use_stderr() && self.json {
            return Err(self.failure());
        }
        let shown = self.error.print().and_then(|()| std::io::stdout().flush());
        let _ = shown; // a reader that has gone needs no help
        Ok(if self.error.use_stderr() { Exit::Usage } else { Exit::Done })
    }

    fn failure(&self) -> Failure {
        let text = self.error.render().to_string();
        let mistake = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
        let error = mistake.trim_start_matches("error: ");
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("chatctl");
        let command: Vec<&str> = usage.split(' ').take_while(|word| !word.starts_with(['[', '<', '-'])).collect();
        Failure::usage(error).next(format!("{} --help", command.join(" ")))
    }
}

/// Reads a command line.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Refused> {
    let words: Vec<OsString> = words.into_iter().collect();
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    Cli::try_parse_from(words).map_err(|error| Refused { error, json })
}

/// Runs a command.
pub async fn run(command: Command, cx: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Up(args) => up::run(args, cx).await,
        Command::Plan(args) => plan::run(args, cx).await,
        Command::Status(args) => status::run(args, cx).await,
        Command::Send(args) => send::run(args, cx).await,
        Command::Tail(args) => tail::run(args, cx).await,
        Command::Push(args) => push::run(args, cx).await,
        Command::Logs(args) => logs::run(args, cx).await,
        Command::Room(args) => room::run(args, cx).await,
        Command::Open(args) => open::run(args, cx).await,
        Command::History(args) => history::run(args, cx).await,
        Command::Rollback(args) => rollback::run(args, cx).await,
        Command::Down(args) => down::run(args, cx).await,
        Command::Bootstrap(args) => bootstrap::run(args, cx).await,
        Command::Completions(args) => completions::run(args, cx).await,
        Command::Local(args) => local::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_mistake_is_bad_usage_with_the_command_that_was_probably_meant() {
        let refused = parse(words("chatctl stauts --json")).unwrap_err();
        assert!(refused.json);
        assert!(refused.failure().error.contains("stauts"));
        assert_eq!(refused.failure().exit, Exit::Usage);
        assert_eq!(refused.failure().next, ["chatctl --help"]);
        assert!(refused.error.render().to_string().contains("status"));
    }

    #[test]
    fn global_flags_stand_anywhere() {
        let cli = parse(words("chatctl status --stage test --json")).unwrap();
        assert!(cli.json());
        assert_eq!(cli.overrides().stage.as_deref(), Some("test"));
        assert_eq!(parse(words("chatctl --stage test up")).unwrap().interrupt(), Interrupt::Finishes);
    }

    #[test]
    fn help_tells_a_commands_own_flags_first_and_apart_from_those_of_every_command() {
        for (line, own) in
            [("chatctl up --help", ["--no-proof", "--watch"]), ("chatctl logs --help", ["--since", "--help"])]
        {
            let help = parse(words(line)).unwrap_err().error.render().to_string();
            let (before, after) = help.split_once("For every command:").expect(line);
            for flag in own {
                assert!(before.contains(flag) && !after.contains(flag), "{flag} in {help}");
            }
            for flag in ["--stage", "--config", "--target", "--region", "--json", "--yes"] {
                assert!(after.contains(flag) && !before.contains(flag), "{flag} in {help}");
            }
        }
    }

    #[test]
    fn a_room_and_a_text_are_told_apart() {
        let Command::Send(args) = parse(words("chatctl send hello")).unwrap().command else { panic!("not send") };
        assert_eq!(args.words, ["hello"]);
        assert!(parse(words("chatctl send a b c")).is_err());
    }
}
