//! `cargo xtask aws`: the life of one stage on a real account, with the credentials of who runs it, and a report
//! that can be sent to somebody else. It costs money (docs/first-aws-run.md), so it asks for a word; no test runs it.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::report::{Step, report};
use crate::{Failure, cargo, root, target};

const CONSENT: &str = "--yes-this-costs-money";
/// After so many finished steps of a second first `up` it is killed.
const KILLED_AFTER: usize = 8;
/// What a stage goes without where CloudFormation is not offered or not allowed.
const OPERATIONS: &str = "stack/operations";

/// What was asked for.
struct Run {
    chatctl: PathBuf,
    stage: String,
    /// What is given on to every chatctl: `--region`, `--config`.
    given: Vec<String>,
    steps: Vec<Step>,
}

/// `cargo xtask aws --stage NAME [--region REGION] [--config FILE] --yes-this-costs-money`.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let mut given: Vec<String> = words.iter().filter(|word| *word != CONSENT).cloned().collect();
    let named = given.iter().position(|word| word == "--stage").filter(|at| at + 1 < given.len());
    let Some(at) = named else {
        return Err("which stage? add --stage NAME, a name that nobody uses: its data is deleted in the end".into());
    };
    let stage = given.drain(at..=at + 1).next_back().unwrap_or_default();
    if !words.iter().any(|word| word == CONSENT) {
        let what =
            "this makes a stage in your AWS account, sends messages, and deletes all of it again; it costs money";
        return Err(format!("{what}, a few cents at most (docs/first-aws-run.md): add {CONSENT}").into());
    }
    crate::run(cargo().args(["build", "--quiet"]))?;
    let mut run = Run { chatctl: target().join("debug/chatctl"), stage, given, steps: Vec::new() };
    let ended = run.life();
    let path = target().join(format!("aws-report-{}.md", run.stage));
    fs::write(&path, report(&run.steps, ended.as_ref().err().map(ToString::to_string)))?;
    println!("the report, without secrets: {}", path.display());
    ended
}

/// What is there of a stage, by its plan: whatever is not made by it. Of the operations stack a plan does not tell it:
/// where there are no stacks for who runs this, it is kept as it is, which is nothing.
fn there(plan: &Step) -> Result<Vec<String>, Failure> {
    plan.expect(&[0])?;
    let forecast = plan.events.iter().find(|event| event["event"] == "forecast");
    let steps = forecast.and_then(|event| event["steps"].as_array()).ok_or("the plan told no steps")?;
    let id = |step: &Value| step["id"].as_str().unwrap_or_default().to_owned();
    let there = steps.iter().filter(|step| step["change"] != "create").map(id);
    Ok(there.filter(|id| id != OPERATIONS).collect())
}

impl Run {
    fn life(&mut self) -> Result<(), Failure> {
        self.nothing_there_yet()?;
        let outcome = self.up_and_down();
        if outcome.is_err() {
            // What was made is taken away again, whatever went wrong.
            let _ = self.step("down, after what went wrong", &["down", "--yes"], &[]);
        }
        outcome
    }

    /// Its data is deleted in the end, so it must not be somebody's.
    fn nothing_there_yet(&mut self) -> Result<(), Failure> {
        let there = there(self.step("plan", &["plan"], &[])?)?;
        if there.is_empty() {
            return Ok(());
        }
        let what = format!("something of stage {} is there already ({})", self.stage, there.join(", "));
        Err(format!("{what}, and this would delete it: name another").into())
    }

    fn up_and_down(&mut self) -> Result<(), Failure> {
        // Deployed but unproven (6) is a finding for the report, not an end.
        self.step("first up, with its proof", &["up", "--yes"], &[])?.expect(&[0, 6])?;
        self.step("up again: nothing to change, or a proof that was owed", &["up", "--yes"], &[])?.expect(&[0, 6])?;
        let contact = [("CHATCTL_CONTACT", "mailto:first-aws-run@example.org")];
        self.step("update of one function's settings, proved", &["up", "--yes"], &contact)?.expect(&[0, 6])?;
        self.step("down, data kept", &["down", "--yes"], &[])?.expect(&[0])?;
        self.killed()?;
        self.step("the same command after the kill", &["up", "--yes"], &[])?.expect(&[0, 6])?;
        let data = format!("--delete-data={}", self.stage);
        self.step("down with all data, and the certificate", &["down", "--yes", &data], &[])?.expect(&[0])?;
        let left = there(self.step("plan: is anything left?", &["plan"], &[])?)?;
        if left.is_empty() {
            return Ok(());
        }
        let (stage, given) = (&self.stage, self.given.iter().map(|word| format!(" {word}")).collect::<String>());
        let down = format!("chatctl down --delete-data={stage} --target aws --stage {stage}{given}");
        Err(format!("something is left of stage {stage}: {}; type {down}", left.join(", ")).into())
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.chatctl);
        command.args(["--json", "--target", "aws", "--stage", &self.stage]).args(&self.given).args(arguments);
        command.current_dir(root()).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }

    /// Runs one command to its end.
    fn step(&mut self, what: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<&Step, Failure> {
        println!("{what} …");
        let began = Instant::now();
        let out = self.command(arguments, variables).output()?;
        let events =
            String::from_utf8_lossy(&out.stdout).lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        self.done(what, out.status.code(), began.elapsed(), events)
    }

    /// An `up` that is killed in the middle, as a power cut would.
    fn killed(&mut self) -> Result<(), Failure> {
        let what = format!("up, killed with -9 after {KILLED_AFTER} steps");
        println!("{what} …");
        let began = Instant::now();
        let mut child = self.command(&["up", "--yes"], &[]).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let (mut events, mut done) = (Vec::new(), 0);
        for line in BufReader::new(stdout).lines() {
            let Ok(event) = serde_json::from_str::<Value>(&line?) else { continue };
            done += usize::from(event["event"] == "step.done" && event["change"] != "keep");
            events.push(event);
            if done >= KILLED_AFTER {
                break;
            }
        }
        child.kill()?;
        let code = child.wait()?.code();
        self.done(&what, code, began.elapsed(), events)?;
        if done < KILLED_AFTER {
            return Err("the up that was to be killed ended before".into());
        }
        Ok(())
    }

    fn done(&mut self, what: &str, code: Option<i32>, took: Duration, events: Vec<Value>) -> Result<&Step, Failure> {
        let mut said = String::new();
        let code_shown = code.map_or_else(|| "killed".to_owned(), |code| format!("exit {code}"));
        write!(said, "  {code_shown}, {:.1} s", took.as_secs_f64())?;
        println!("{said}");
        self.steps.push(Step { what: what.to_owned(), code, took, events });
        self.steps.last().ok_or_else(|| "no step".into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(steps: &[(&str, &str)]) -> Step {
        let steps: Vec<Value> = steps.iter().map(|(id, change)| json!({ "id": id, "change": change })).collect();
        let events = vec![json!({ "event": "acting" }), json!({ "event": "forecast", "steps": steps })];
        Step { what: "plan".to_owned(), code: Some(0), took: Duration::ZERO, events }
    }

    #[test]
    fn a_stage_without_the_right_to_a_stack_is_not_taken_for_one_that_is_there() {
        for operations in ["keep", "create"] {
            let new = plan(&[("table/stage", "create"), ("stack/operations", operations), ("api/chat", "create")]);
            assert_eq!(there(&new).unwrap(), [""; 0], "{operations}");
        }
    }

    #[test]
    fn whatever_a_plan_would_not_make_is_there() {
        let left = plan(&[("table/stage", "keep"), ("role/old", "delete"), ("api/chat", "create")]);
        assert_eq!(there(&left).unwrap(), ["table/stage", "role/old"]);
    }

    #[test]
    fn a_plan_that_failed_or_told_nothing_says_nothing_of_what_is_there() {
        assert!(there(&Step { code: Some(5), ..plan(&[]) }).is_err());
        assert!(there(&Step { events: Vec::new(), ..plan(&[]) }).is_err());
    }
}
