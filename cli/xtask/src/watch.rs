//! How soon what is saved is live: `up --watch` in a checkout whose cargo compiles nothing, so that what is measured is
//! what follows a build. What a build takes is cargo's.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::bench::World;
use crate::figures::Figures;
use crate::{Failure, target};

/// How often each file is saved.
const SAVES: usize = 7;
/// From the end of the build until the new code is called.
const LIVE_MS: f64 = 500.0;
/// What stands in for cargo; it says itself what may be asked of it.
const CARGO: &str = include_str!("../../tests/all/cargo.sh");
/// What is saved, and the function that it is in.
const SAVED: [(&str, &str); 2] = [("functions/store-message/note", "store-message"), ("web/index.html", "serve-page")];

/// A function's code, and a file of the page.
pub(crate) fn run(world: &World, figures: &mut Figures) -> Result<(), Failure> {
    let checkout = world.state.join("checkout");
    lay_out(&checkout)?;
    let mut watch = Watch::of(world, &checkout)?;
    watch.next("watching")?;
    for (file, function) in SAVED {
        let mut times = Vec::new();
        for save in 0..SAVES {
            fs::write(checkout.join(file), format!("saved {save}"))?;
            let live = watch.next("live")?;
            if live["functions"] != serde_json::json!([function]) {
                return Err(format!("{file} was saved, and live is {live}").into());
            }
            times.push(live["live_ms"].as_f64().ok_or("live says no time")?);
        }
        figures.line(&format!("up --watch, {function}: its build to live"), times, "ms", LIVE_MS);
    }
    Ok(())
}

/// The files that a build is made of, and its cargo.
fn lay_out(checkout: &Path) -> Result<(), Failure> {
    let built = target().join("debug").display().to_string();
    let functions = ["register-client", "retrieve-messages", "store-message", "forward-messages", "notify-clients"];
    let mut files = vec![("Cargo.toml".to_owned(), "[workspace]".to_owned()), ("web/index.html".into(), String::new())];
    files.push(("cargo".into(), CARGO.replace("BUILT", &built)));
    let manifest = |function: &str| (format!("functions/{function}/Cargo.toml"), String::new());
    files.extend(functions.into_iter().chain(["serve-page"]).map(manifest));
    for (path, text) in files {
        let path = checkout.join(path);
        fs::create_dir_all(path.parent().unwrap_or(checkout))?;
        fs::write(path, text)?;
    }
    fs::set_permissions(checkout.join("cargo"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A watch at work; it ends with this.
struct Watch {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn of(world: &World, checkout: &Path) -> Result<Self, Failure> {
        let mut command = world.command(&["--json", "up", "--watch"]);
        command.current_dir(checkout).env("CARGO", checkout.join("cargo"));
        command.env("CARGO_TARGET_DIR", checkout.join("target")).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let stdout = process.stdout.take().ok_or("no output to read")?;
        Ok(Self { process, lines: BufReader::new(stdout).lines() })
    }

    /// The next event of this name; one that says that nothing went live is an error.
    fn next(&mut self, name: &str) -> Result<Value, Failure> {
        for line in self.lines.by_ref() {
            let event: Value = serde_json::from_str(&line?)?;
            match event["event"].as_str() {
                Some(found) if found == name => return Ok(event),
                Some("not.live" | "nothing.new" | "failed") => return Err(format!("up --watch: {event}").into()),
                _ => {}
            }
        }
        Err(format!("up --watch ended before it told {name:?}").into())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
