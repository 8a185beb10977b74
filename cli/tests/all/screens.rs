//! What people see, as it is printed without a terminal: each screen is a file in `screens/`, with what varies made the same.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;

use crate::checkout::Checkout;
use crate::steady::steady;
use crate::world::{World, kill};
use crate::written;

/// A push service that is not there: a port on which nothing ever listens.
const NOBODY: &str = "ws://127.0.0.1:1/";

/// Screens of one folder, in the making.
struct Screens<'a> {
    world: &'a World,
    folder: &'static str,
    files: BTreeMap<String, String>,
}

impl<'a> Screens<'a> {
    fn of(world: &'a World, folder: &'static str) -> Self {
        Screens { world, folder, files: BTreeMap::new() }
    }

    fn chatctl(&self) -> Command {
        typed(self.world)
    }

    /// Types this, expects that exit code, and keeps what was printed.
    fn shows(&mut self, name: &str, code: i32, words: &[&str]) {
        let out = self.chatctl().args(words).output().unwrap();
        self.keeps(name, code, words, &out);
    }

    fn keeps(&mut self, name: &str, code: i32, words: &[&str], out: &Output) {
        let typed: Vec<String> =
            words.iter().map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).into() }).collect();
        let mut text = format!("$ chatctl {}\n", typed.join(" "));
        for (stream, bytes) in [("standard error", &out.stderr), ("standard output", &out.stdout)] {
            if !bytes.is_empty() {
                text.push_str(&format!("--- {stream}\n{}", shown(self.world, bytes)));
            }
        }
        text.push_str(&format!("--- exit {}\n", out.status.code().unwrap()));
        assert_eq!(out.status.code(), Some(code), "{text}");
        self.files.insert(format!("{name}.txt"), text);
    }

    /// All must be as they are in the checkout.
    fn compare(self) {
        written::folder(&format!("cli/tests/all/screens/{}", self.folder), &self.files);
    }
}

/// The tool, called by its name on a screen of 80 columns.
pub(crate) fn typed(world: &World) -> Command {
    let mut command = world.chatctl();
    command.arg0("chatctl").env_remove("CARGO_MANIFEST_DIR");
    command.env("COLUMNS", "80").env("USER", "ann").env("TZ", "UTC");
    command
}

/// What it printed, as it is in every run.
pub(crate) fn shown(world: &World, bytes: &[u8]) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let text = text.replace(world.state().to_str().unwrap(), "STATE");
    let text = text.replace(&format!(" on {}", host.trim()), " on HOST");
    steady(&text.replace(&format!("@{}", host.trim()), "@HOST"))
}

/// Builds what `up` would build, so that no screen depends on who was first.
pub(crate) fn built() {
    World::empty().succeeds(["plan"]);
}

#[test]
fn the_life_of_a_stage_is_shown_as_it_was() {
    built();
    let world = World::empty();
    let mut screens = Screens::of(&world, "life");
    screens.shows("1-up", 0, &["up"]);
    screens.shows("2-up-again", 0, &["up"]);
    screens.shows("3-status", 0, &["status"]);
    screens.shows("4-room-create", 0, &["room", "create", "ops"]);
    screens.shows("5-room-list", 0, &["room", "list"]);
    screens.shows("6-send", 0, &["send", "--id", "one", "hello"]);
    screens.shows("7-send-repeated", 0, &["send", "--id", "one", "hello"]);
    screens.shows("8-push-without-clients", 0, &["push"]);
    let settings = world.state().join("chatctl.toml");
    fs::write(&settings, "[stage.dev]\nretention_days = 7\ncontact = \"mailto:ann@example.org\"\n").unwrap();
    let out = screens.chatctl().arg("plan").env("CHATCTL_CONFIG", &settings).output().unwrap();
    screens.keeps("9-plan-of-a-difference", 0, &["plan"], &out);
    screens.shows("a-down", 0, &["down"]);
    screens.shows("b-status-when-down", 0, &["status"]);
    screens.shows("c-down-again", 0, &["down"]);
    screens.shows("d-down-with-its-data", 0, &["down", "--delete-data=dev"]);
    screens.shows("e-plan-of-an-empty-stage", 3, &["plan", "--detailed-exitcode"]);
    screens.compare();
}

#[test]
fn each_way_to_fail_is_shown_as_it_was() {
    built();
    let world = World::empty();
    let mut screens = Screens::of(&world, "failures");
    screens.shows("1-not-up", 1, &["send", "hello"]);
    screens.shows("2-no-such-command", 2, &["stauts"]);
    screens.shows("2-no-text", 2, &["send"]);
    screens.shows("2-a-bad-stage", 2, &["--stage", "No Good", "up"]);
    screens.shows("2-another-stages-data", 2, &["down", "--delete-data=other"]);
    fs::write(world.state().join("chatctl.toml"), "[stage.dev]\nretention_day = 7\n").unwrap();
    let settings = world.state().join("chatctl.toml").display().to_string();
    let out = screens.chatctl().args(["--config", &settings, "status"]).output().unwrap();
    screens.keeps("2-a-bad-setting", 2, &["--config", "STATE/chatctl.toml", "status"], &out);

    // AWS, and nobody to be there: no profile, no role, no metadata service.
    let mut status = screens.chatctl();
    status.arg("status").env("CHATCTL_TARGET", "aws").env("CHATCTL_REGION", "eu-central-1");
    status.env("HOME", world.state()).env("AWS_EC2_METADATA_DISABLED", "true");
    let out = status.output().unwrap();
    screens.keeps("5-no-credentials", 5, &["status"], &out);

    // An `up` under the lease, stopped in the middle, whose push service nobody can reach.
    let mut up = screens.chatctl();
    up.arg("up").env("CHATCTL_PUSH_SERVICE", NOBODY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut up = up.spawn().unwrap();
    let mut errors = BufReader::new(up.stderr.take().unwrap());
    let mut said = String::new();
    while said.matches("\ncreated ").count() < 2 {
        assert_ne!(errors.read_line(&mut said).unwrap(), 0, "{said}");
    }
    kill(up.id(), "STOP");
    let mut held = screens.chatctl().arg("up").output().unwrap();
    // How much is left to do depends on where the other one was stopped.
    let words = String::from_utf8(held.stderr).unwrap();
    held.stderr = words
        .lines()
        .filter(|line| !line.starts_with("plan: "))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .into();
    screens.keeps("4-another-up", 4, &["up"], &held);
    kill(up.id(), "CONT");
    errors.read_to_string(&mut said).unwrap();
    let mut out = up.wait_with_output().unwrap();
    out.stderr = said.into_bytes();
    screens.keeps("6-not-proved", 6, &["up"], &out);
    screens.compare();
}

#[test]
fn a_deploy_that_goes_back_by_itself_and_one_that_is_told_to_are_shown_as_they_were() {
    let world = World::up();
    let checkout = Checkout::of(&world);
    let mut screens = Screens::of(&world, "back");
    let typed = |screens: &mut Screens<'_>, name: &str, code: i32, words: &[&str]| {
        let mut out = checkout.entered(screens.chatctl()).args(words).output().unwrap();
        // How large an executable is, and how wide a table's column of times, is the machine's.
        let lines = |bytes: &[u8], line: fn(&str) -> Option<String>| -> Vec<u8> {
            String::from_utf8_lossy(bytes).lines().filter_map(line).map(|line| line + "\n").collect::<String>().into()
        };
        out.stderr = lines(&out.stderr, |line| (!line.starts_with("built ")).then(|| line.to_owned()));
        if words[0] == "history" {
            out.stdout = lines(&out.stdout, |line| {
                let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
                Some(cells.collect::<Vec<_>>().join("  "))
            });
        }
        screens.keeps(name, code, words, &out);
    };
    checkout.save("functions/notify-clients/note", "the second");
    checkout.ends(0, &["up"]);
    checkout.save("functions/store-message/crashes", "");
    typed(&mut screens, "1-up-goes-back", 6, &["up"]);
    typed(&mut screens, "2-rollback", 0, &["rollback"]);
    typed(&mut screens, "3-history", 0, &["history", "--limit", "4"]);
    typed(&mut screens, "4-rollback-to-nowhere", 2, &["rollback", "99"]);
    screens.compare();
}

#[test]
fn the_help_of_each_command_is_shown_as_it_was() {
    let world = World::empty();
    let mut screens = Screens::of(&world, "help");
    screens.shows("chatctl", 0, &["--help"]);
    let tool = chatctl::commands::Cli::command();
    for command in tool.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        screens.shows(name, 0, &[name, "--help"]);
        for below in command.get_subcommands() {
            screens.shows(&format!("{name}-{}", below.get_name()), 0, &[name, below.get_name(), "--help"]);
        }
    }
    for (file, text) in &screens.files {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{file} is wider than the screen: {line}");
        }
    }
    screens.compare();
}
