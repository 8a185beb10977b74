//! What `chatctl` itself costs in the release profile: processor time and memory of its own process, its children apart.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use crate::bench::World;
use crate::figures::Figures;
use crate::{Failure, cargo, target};

const RUNS: usize = 5;
/// How often the process is looked at while it runs.
const LOOK: Duration = Duration::from_millis(2);

/// A first `up` into an empty cloud, and one that finds nothing to change.
pub(crate) fn run(figures: &mut Figures) -> Result<(), Failure> {
    crate::run(cargo().args(["build", "--quiet", "--release", "-p", "chatctl"]))?;
    let chatctl = target().join("release/chatctl");
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let world = World::empty(&chatctl)?;
        // The cloud is started by the first command, and is another process.
        for times in [&mut first, &mut again] {
            let cost = measured(&mut world.command(&["up", "--no-proof"]))?;
            times.push(cost.cpu_s);
            memory.push(cost.memory_mb);
        }
    }
    figures.line("chatctl's own processor time: first up", first, "s", 0.25);
    figures.line("chatctl's own processor time: nothing changed", again, "s", 0.12);
    figures.line("chatctl's own memory, at most", memory, "MB", 80.0);
    Ok(())
}

struct Cost {
    cpu_s: f64,
    memory_mb: f64,
}

/// Runs it to its end. Its processor time stands in /proc until it is waited for; its memory only while it runs.
fn measured(command: &mut Command) -> Result<Cost, Failure> {
    let mut child = command.spawn()?;
    let (mut memory_mb, proc) = (0.0_f64, format!("/proc/{}", child.id()));
    loop {
        let status = fs::read_to_string(format!("{proc}/status"))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let peak = field("VmHWM:").and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        memory_mb = memory_mb.max(peak.unwrap_or_default() / 1024.0);
        if field("State:").is_some_and(|state| state.starts_with('Z')) {
            let cpu_s = crate::bench::cpu_ms(child.id().into())? / 1000.0;
            return ended(&mut child).map(|()| Cost { cpu_s, memory_mb });
        }
        std::thread::sleep(LOOK);
    }
}

fn ended(child: &mut Child) -> Result<(), Failure> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("chatctl ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_to_its_end_and_one_that_fails_is_an_error() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let cost = measured(Command::new("sh").args(["-c", busy])).unwrap();
        assert!(cost.cpu_s > 0.0 && cost.memory_mb > 0.0, "{} s, {} MB", cost.cpu_s, cost.memory_mb);
        assert!(measured(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }
}
