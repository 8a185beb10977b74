//! The report of a run on AWS as Markdown, with nothing in it that only its owner may know: no account, no name of a
//! person, no room's token. It must not know how the run was done.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::{Failure, private};

/// The slowest resources shown of a step.
const SLOWEST: usize = 5;

/// One command and what it told.
pub(crate) struct Step {
    /// What it was for.
    pub(crate) what: String,
    /// Its exit code; none when it was killed.
    pub(crate) code: Option<i32>,
    /// How long it took.
    pub(crate) took: Duration,
    /// Its events.
    pub(crate) events: Vec<Value>,
}

impl Step {
    /// One of these exit codes, or the run ends here.
    pub(crate) fn expect(&self, codes: &[i32]) -> Result<(), Failure> {
        if self.code.is_some_and(|code| codes.contains(&code)) {
            return Ok(());
        }
        let failed = self.events.iter().rfind(|event| event["event"] == "failed");
        let words = failed.map_or_else(|| "it told no failure".to_owned(), |failed| text(failed, "error"));
        Err(format!("{}: {words}", self.what).into())
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }
}

/// The whole report.
pub(crate) fn report(steps: &[Step], ended: Option<String>) -> String {
    let mut shown = String::from("# chatctl on AWS: a report\n\n");
    shown.push_str(&match &ended {
        None => "Everything that was tried came to its end.\n\n".to_owned(),
        Some(why) => format!("**It did not come to its end:** {why}\n\n"),
    });
    shown.push_str("| step | exit | seconds | changed | proved |\n|---|---|---|---|---|\n");
    for step in steps {
        let deployed = step.named("deployed").last();
        let changed = deployed.map_or_else(String::new, |event| event["changed"].to_string());
        let proved = step.named("proved").last().map_or_else(String::new, |event| format!("{} ms", event["total_ms"]));
        let code = step.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        let _ = writeln!(shown, "| {} | {code} | {:.1} | {changed} | {proved} |", step.what, step.took.as_secs_f64());
    }
    for step in steps {
        let _ = write!(shown, "\n## {}\n", step.what);
        details(step, &mut shown);
    }
    let known: Vec<(String, &'static str)> = named(steps).chain(private::of_process()).collect();
    private::clean(&shown, &known)
}

fn details(step: &Step, shown: &mut String) {
    let mut slowest: Vec<&Value> = step.named("step.done").filter(|event| event["change"] != "keep").collect();
    slowest.sort_by_key(|event| std::cmp::Reverse(event["ms"].as_u64()));
    for event in slowest.iter().take(SLOWEST) {
        let _ = writeln!(shown, "- {} {}: {} ms", text(event, "change"), text(event, "id"), event["ms"]);
    }
    let waits: BTreeSet<String> = step
        .named("waiting")
        .map(|event| format!("{} waited for {}", text(event, "id"), text(event, "what")))
        .collect();
    for wait in waits {
        let _ = writeln!(shown, "- {wait}");
    }
    for hop in step.named("proof.hop") {
        let _ = writeln!(shown, "- proof: {} at {} ms, {} ms", text(hop, "step"), hop["start_ms"], hop["ms"]);
    }
    for kept in step.named("kept") {
        let _ = writeln!(shown, "- kept {}: {}", text(kept, "id"), text(kept, "because"));
    }
    for told in ["step.failed", "warning", "failed", "down", "certificate"] {
        for event in step.named(told) {
            let _ = writeln!(shown, "- {event}");
        }
    }
}

/// Whom the events name: the principal, the person that it ends with, the account.
fn named(steps: &[Step]) -> impl Iterator<Item = (String, &'static str)> {
    steps.iter().flat_map(|step| step.named("acting")).flat_map(|event| {
        let who = text(event, "who");
        let person = who.rsplit('/').next().unwrap_or_default().to_owned();
        [(who, "WHO"), (person, "WHO"), (text(event, "account"), "ACCOUNT")]
    })
}

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(code: Option<i32>, events: Vec<Value>) -> Step {
        Step { what: "first up".to_owned(), code, took: Duration::from_secs(2), events }
    }

    #[test]
    fn a_report_has_no_account_no_person_and_no_token_in_it() {
        let who = "arn:aws:iam::123456789012:user/ann";
        let failed =
            json!({"event": "failed", "error": format!("{who} may not create https://x/#AbC-_9 in 123456789012")});
        let acting = json!({"event": "acting", "who": who, "account": "123456789012"});
        let shown = report(&[step(Some(1), vec![acting, failed])], Some("as 123456789012: no".to_owned()));
        for secret in ["123456789012", "ann", "AbC-_9"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("WHO may not create https://x/#TOKEN in ACCOUNT"), "{shown}");
    }

    #[test]
    fn a_run_that_ended_before_it_said_who_it_was_tells_nobody_either() {
        let error = "stage firstrun belongs to account 210987654321, these credentials are of 123456789012";
        let why = "arn:aws:sts::123456789012:assumed-role/Admin/ann with ASIAIOSFODNN7EXAMPLE of /home/ann/.aws/config";
        let failed = json!({"event": "failed", "error": error, "why": why});
        let shown = report(&[step(Some(5), vec![failed])], Some(format!("plan: {error}")));
        for secret in ["210987654321", "123456789012", "Admin", "ann", "ASIAIOSFODNN7EXAMPLE"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("firstrun belongs to account ACCOUNT, these credentials are of ACCOUNT"), "{shown}");
    }

    #[test]
    fn a_report_says_of_each_step_how_it_ended_and_what_was_slow() {
        let done = |id: &str, ms| json!({"event": "step.done", "id": id, "change": "create", "ms": ms});
        let shown = report(&[step(None, vec![done("table/stage", 10), done("role/x", 900)])], None);
        assert!(shown.contains("| first up | killed | 2.0 |"), "{shown}");
        let (slow, quick) = (shown.find("role/x").unwrap(), shown.find("table/stage").unwrap());
        assert!(slow < quick, "{shown}");
    }

    #[test]
    fn a_step_that_ended_otherwise_ends_the_run_with_its_own_words() {
        let failed = json!({"event": "failed", "error": "cannot create role x"});
        let error = step(Some(5), vec![failed]).expect(&[0, 6]).unwrap_err();
        assert_eq!(error.to_string(), "first up: cannot create role x");
        assert!(step(Some(6), Vec::new()).expect(&[0, 6]).is_ok());
    }
}
