//! What keeps the functions from being built: no cargo, no C compiler, code that does not compile. Each is said with what to
//! type, and the next `up` converges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::{World, events, one};

/// The folder of the real cargo and rustc, behind whatever chooses a toolchain.
fn toolchain() -> PathBuf {
    let out = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    Path::new(String::from_utf8(out.stdout).unwrap().trim()).join("bin")
}

/// `up` with a target folder in which there is nothing yet: the failure that it ends with.
fn fails_to_build(world: &World, set: impl FnOnce(&mut Command)) -> Value {
    let mut up = world.chatctl();
    up.args(["--json", "up"]).env("CARGO_TARGET_DIR", world.state().join("target"));
    set(&mut up);
    let out = up.output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let said = events(&out);
    assert!(said.iter().all(|event| event["event"] != "step.done"), "nothing was touched: {said:#?}");
    let failed = said.into_iter().next_back().unwrap();
    assert_eq!(
        (&failed["event"], &failed["error"]),
        (&"failed".into(), &"cannot build the functions".into()),
        "{failed}"
    );
    failed
}

#[test]
fn whatever_keeps_the_functions_from_being_built_is_said_with_what_to_type_and_the_next_up_converges() {
    let world = World::empty();
    let next = |failed: &Value| failed["next"][0].as_str().unwrap().to_owned();

    let failed = fails_to_build(&world, |up| {
        up.env("PATH", "/nonexistent").env_remove("CARGO");
    });
    assert_eq!(failed["why"], "cargo is not installed, or not in PATH");
    assert!(next(&failed).contains("rustup"), "{failed}");

    // A folder with cargo and rustc and nothing else: no `cc` in it.
    let bare = world.state().join("bare");
    fs::create_dir(&bare).unwrap();
    for name in ["cargo", "rustc"] {
        std::os::unix::fs::symlink(toolchain().join(name), bare.join(name)).unwrap();
    }
    let failed = fails_to_build(&world, |up| {
        up.env("PATH", &bare).env("CARGO", bare.join("cargo")).env_remove("CC");
    });
    assert_eq!(failed["why"], "there is no C compiler: linker `cc` not found");
    assert_eq!(next(&failed), "sudo apt-get install gcc libc6-dev");

    let checkout = world.state().join("checkout");
    let package = checkout.join("functions/store-message");
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(checkout.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"functions/store-message\"]\n")
        .unwrap();
    let manifest = "[package]\nname = \"store-message\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/main.rs"), "fn main() {\n    let _: u32 = \"text\";\n}\n").unwrap();
    let failed = fails_to_build(&world, |up| {
        up.current_dir(&checkout);
    });
    let why = failed["why"].as_str().unwrap();
    assert!(why.starts_with("cargo build failed:\nerror[E0308]: mismatched types"), "{why}");
    assert!(why.contains("functions/store-message/src/main.rs:2:18"), "{why}");
    assert_eq!(next(&failed), "cargo build");

    assert_eq!(one(&world.succeeds(["up"]), "deployed")["proved"], true);
}
