//! A checkout whose cargo compiles nothing: it hands over the executables that are there, changed as the test says. So
//! a deploy of other code takes no compiler, and everything else is as for a person.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::forecast::comes_true;
use crate::world::{World, events};

const FUNCTIONS: &str = "register-client retrieve-messages store-message forward-messages notify-clients serve-page";
/// What stands in for cargo; it says itself what may be asked of it.
const CARGO: &str = include_str!("cargo.sh");

/// Such a checkout, in the folder of a world that is up.
pub(crate) struct Checkout<'a> {
    world: &'a World,
    root: PathBuf,
}

impl<'a> Checkout<'a> {
    /// One with exactly the code that is up.
    pub(crate) fn of(world: &'a World) -> Self {
        let root = world.state().join("checkout");
        let checkout = Self { world, root };
        checkout.save("Cargo.toml", "[workspace]");
        checkout.save("web/index.html", "");
        for function in FUNCTIONS.split(' ') {
            checkout.save(&format!("functions/{function}/Cargo.toml"), "");
        }
        let built = Path::new(env!("CARGO_BIN_EXE_chatctl")).parent().unwrap().display().to_string();
        checkout.save("cargo", &CARGO.replace("BUILT", &built));
        fs::set_permissions(checkout.root.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        checkout
    }

    /// Writes a file of it.
    pub(crate) fn save(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Removes a file of it.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    /// A command that is run in it, and finds the cargo that compiles nothing.
    pub(crate) fn entered(&self, mut command: Command) -> Command {
        command.current_dir(&self.root).env("CARGO", self.root.join("cargo"));
        command.env("CARGO_TARGET_DIR", self.root.join("target"));
        command
    }

    /// The binary, run in it, its results as JSON.
    pub(crate) fn chatctl(&self) -> Command {
        let mut command = self.entered(self.world.chatctl());
        command.arg("--json");
        command
    }

    /// Runs it there and expects this exit code; the events that it told.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let out: Output = self.chatctl().args(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(code), "{arguments:?}: {out:?}");
        let events = events(&out);
        // What was carried out to its end, there and back where it went back by itself.
        if code == 0 || events.iter().any(|event| event["event"] == "rolling.back") {
            comes_true(&events);
        }
        events
    }
}
