//! A checkout whose cargo compiles nothing: it hands over the executables that are there, changed as the test says. So
//! a deploy of other code takes no compiler, and everything else is as for a person.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::{World, events};

const FUNCTIONS: &str = "register-client retrieve-messages store-message forward-messages notify-clients serve-page";
/// An executable that ends at once, with 1.
const CRASHES: &str = "/bin/false";

/// What stands in for cargo. A function's `note`, and the page for serve-page, are put behind its executable: other
/// bytes, the same program. One is always a copy: without its list of sources there is no receipt that a build could
/// be saved by. `crashes` makes it one that ends at once, `broken` one that does not compile.
const CARGO: &str = r#"#!/bin/sh
for function in FUNCTIONS; do
  if [ -e functions/$function/broken ]; then
    echo "error: expected one of a few things in functions/$function" >&2
    exit 101
  fi
  executable=BUILT/$function
  note=$(cat functions/$function/note 2>/dev/null)
  [ $function = serve-page ] && note="$note$(cat web/index.html 2>/dev/null)"
  if [ -e functions/$function/crashes ]; then
    executable=CRASHES
  elif [ -n "$note" ] || [ $function = serve-page ]; then
    mkdir -p made
    (cat $executable; printf %s "$note") > made/$function.new
    mv made/$function.new made/$function
    executable=$PWD/made/$function
  fi
  echo '{"reason":"compiler-artifact","target":{"name":"'$function'"},"executable":"'$executable'"}'
done
echo '{"reason":"build-finished","success":true}'
"#;

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
        let cargo = CARGO.replace("FUNCTIONS", FUNCTIONS).replace("BUILT", &built).replace("CRASHES", CRASHES);
        checkout.save("cargo", &cargo);
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
        events(&out)
    }
}
