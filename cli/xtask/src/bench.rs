//! `cargo xtask bench`: speed and size in the dev profile, and of the functions for AWS in theirs, as medians with
//! their spread, each with its limit beside it. A line that is over its limit makes it fail, when all was measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::{Failure, cargo, own, root, start, target, watch};

const UPS: usize = 5;
const IDLE: Duration = Duration::from_secs(60);

/// Measures everything that needs no cold compile; with `--cold` that too.
fn run_all(cold: bool) -> Result<(), Failure> {
    println!("cargo xtask bench, dev profile, {} processors", std::thread::available_parallelism()?);
    crate::run(cargo().args(["build", "--quiet"]))?;
    crate::run(cargo().args(["build", "--quiet", "--workspace", "--examples"]))?;
    let mut figures = Figures::default();
    calls(&mut figures)?;
    weather(&mut figures)?;
    let chatctl = target().join("debug/chatctl");
    ups(&chatctl, &mut figures)?;
    let world = World::up(&chatctl)?;
    repeated(&world, &mut figures)?;
    latency(&world, &mut figures)?;
    idle(&world, &mut figures)?;
    watch::run(&world, &mut figures)?;
    start::run(&chatctl, &world.state, &mut figures)?;
    drop(world);
    own::run(&mut figures)?;
    if cold {
        self::cold(&mut figures)?;
    }
    figures.verdict()
}

/// `cargo xtask bench [--cold]`.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    run_all(words.iter().any(|word| word == "--cold"))
}

/// A local cloud of its own, gone when dropped.
pub(crate) struct World {
    chatctl: PathBuf,
    pub(crate) state: PathBuf,
}

impl World {
    pub(crate) fn empty(chatctl: &Path) -> Result<World, Failure> {
        let state = std::env::temp_dir().join(format!("chatctl-bench-{}", std::process::id()));
        let _ = fs::remove_dir_all(&state);
        fs::create_dir_all(&state)?;
        Ok(World { chatctl: chatctl.to_path_buf(), state })
    }

    fn up(chatctl: &Path) -> Result<World, Failure> {
        let world = World::empty(chatctl)?;
        world.chatctl(&["up"])?;
        Ok(world)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.chatctl);
        command
            .args(arguments)
            .current_dir(root())
            .env("CHATCTL_STATE_DIR", &self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(Stdio::null());
        command
    }

    fn chatctl(&self, arguments: &[&str]) -> Result<Duration, Failure> {
        let start = Instant::now();
        crate::run(&mut self.command(arguments))?;
        Ok(start.elapsed())
    }

    fn cloud_pid(&self) -> Result<u64, Failure> {
        let identity: serde_json::Value = serde_json::from_slice(&fs::read(self.state.join("cloud.json"))?)?;
        identity["pid"].as_u64().ok_or_else(|| "cloud.json names no process".into())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.chatctl(&["down", "--yes", "--delete-data=dev"]);
        if let Ok(pid) = self.cloud_pid() {
            let _ = Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.state);
    }
}

/// The calls of a deploy, and its longest chain of them, by cli/examples/calls.rs.
fn calls(figures: &mut Figures) -> Result<(), Failure> {
    let out = Command::new(target().join("debug/examples/calls")).stderr(Stdio::inherit()).output()?;
    if !out.status.success() {
        return Err("examples/calls did not count anything".into());
    }
    let out = String::from_utf8(out.stdout)?;
    let number = |word: &str| word.parse::<f64>().map_err(|_| format!("examples/calls said {word:?}"));
    let mut unchanged = 0.0;
    for line in out.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["calls", target, what, calls, looks, services] => {
                let calls = number(calls)?;
                let limit = match what {
                    "first up" => 80.0,
                    "nothing changed" => 43.0,
                    "one function's code" => unchanged + 3.0,
                    _ => f64::INFINITY,
                };
                unchanged = if what == "nothing changed" { calls } else { unchanged };
                figures.line(&format!("calls on {target}: {what}"), vec![calls], "", limit);
                println!("    {services}; looks whether what was made is there: {looks}");
            }
            ["chain", target, took, needed, ratio] => {
                figures.line(
                    &format!("first up on {target}, 50 ms a call, to its chain"),
                    vec![number(ratio)?],
                    "x",
                    1.2,
                );
                println!("    {took} ms, to a chain of {needed} ms:");
            }
            _ if line.starts_with("    ") => println!("{line}"),
            _ => {}
        }
    }
    Ok(())
}

/// A first `up` in weather like that of AWS, by cli/examples/weather.rs: to what of it had to be waited for.
fn weather(figures: &mut Figures) -> Result<(), Failure> {
    let out = Command::new(target().join("debug/examples/weather")).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(out.stdout)?;
    let (mut ratios, mut worst) = (Vec::new(), (0.0, String::new()));
    for line in text.lines() {
        let [_, seed, took, needed, chain] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let ratio = took.parse::<f64>()? / needed.parse::<f64>()?;
        if ratio > worst.0 {
            worst = (ratio, format!("seed {seed}, {took} ms; its waits: {chain}"));
        }
        ratios.push(ratio);
    }
    if !out.status.success() || ratios.is_empty() {
        return Err("examples/weather did not measure anything".into());
    }
    figures.line("first up in AWS-like weather, to its longest waits", ratios, "x", 1.1);
    println!("    the worst: {}", worst.1);
    Ok(())
}

fn ups(chatctl: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let mut times = Vec::new();
    for _ in 0..UPS {
        let world = World::empty(chatctl)?;
        times.push(world.chatctl(&["up"])?.as_secs_f64() * 1000.0);
    }
    figures.line("up into an empty local cloud, with its proof", times, "ms", 2000.0);
    Ok(())
}

fn repeated(world: &World, figures: &mut Figures) -> Result<(), Failure> {
    let mut times = Vec::new();
    for _ in 0..2 * UPS {
        times.push(world.chatctl(&["up"])?.as_secs_f64() * 1000.0);
    }
    figures.line("up, nothing changed", times, "ms", 500.0);
    Ok(())
}

/// From POST to the push received and decrypted, by cli/examples/latency.rs: one client, one message at a time.
fn latency(world: &World, figures: &mut Figures) -> Result<(), Failure> {
    let out = Command::new(target().join("debug/examples/latency"))
        .current_dir(root())
        .env("CHATCTL_STATE_DIR", &world.state)
        .stderr(Stdio::inherit())
        .output()?;
    let mut times: Vec<f64> =
        String::from_utf8_lossy(&out.stdout).lines().filter_map(|line| line.parse().ok()).collect();
    if !out.status.success() || times.is_empty() {
        return Err("examples/latency did not measure anything".into());
    }
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    figures.line("POST to decrypted push, p50", times, "ms", 15.0);
    figures.line("POST to decrypted push, p99", vec![p99], "ms", 50.0);
    Ok(())
}

/// The local cloud's own process, with a stage up and nobody there.
fn idle(world: &World, figures: &mut Figures) -> Result<(), Failure> {
    let pid = world.cloud_pid()?;
    std::thread::sleep(Duration::from_secs(5));
    let before = cpu_ms(pid)?;
    std::thread::sleep(IDLE);
    figures.line("local cloud, idle: processor time in 60 s", vec![cpu_ms(pid)? - before], "ms", 50.0);
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    figures.line("local cloud, idle: memory", vec![kilobytes.ok_or("no VmRSS")? / 1024.0], "MB", 60.0);
    Ok(())
}

/// User and system time of a process, from /proc (clock ticks of 10 ms).
pub(crate) fn cpu_ms(pid: u64) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or("no processor time");
    Ok((ticks(11)? + ticks(12)?) * 10.0)
}

/// A fresh clone to the printed link: downloads, compile and `up`, each apart.
fn cold(figures: &mut Figures) -> Result<(), Failure> {
    let place = std::env::temp_dir().join(format!("chatctl-cold-{}", std::process::id()));
    let clone = place.join("clone");
    let mut timed = |what: &str, limit: f64, command: &mut Command| -> Result<(), Failure> {
        let start = Instant::now();
        crate::run(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        figures.line(what, vec![start.elapsed().as_secs_f64()], "s", limit);
        Ok(())
    };
    crate::run(Command::new("git").args(["clone", "--quiet"]).arg(root()).arg(&clone))?;
    let here = |arguments: &[&str]| {
        let mut command = cargo();
        command
            .args(arguments)
            .current_dir(&clone)
            .env("CARGO_HOME", place.join("cargo"))
            .env("CHATCTL_STATE_DIR", place.join("state"))
            .env_remove("CARGO_TARGET_DIR");
        command
    };
    timed("fresh clone: downloads", f64::INFINITY, &mut here(&["fetch", "--locked"]))?;
    timed("fresh clone: compile of everything", 200.0, &mut here(&["build", "--locked", "--offline"]))?;
    timed("fresh clone: up, to the link", 30.0, &mut here(&["run", "--locked", "--offline", "--", "up"]))?;
    crate::run(
        here(&["run", "--quiet", "--offline", "--", "down", "--yes", "--delete-data=dev"])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    fs::remove_dir_all(place)?;
    Ok(())
}
