//! The face without a terminal, and in CI: one line a finished step on standard error, results on standard output.

use std::collections::BTreeSet;

use crate::event::{Act, Event, Via};
use crate::failure::{Exit, Failure};

use super::style::{Style, count, size, span};
use super::{Face, Out, result, tree, waterfall};

/// The face of plain lines.
pub(super) struct Lines {
    results: Style,
    progress: Style,
    waited: BTreeSet<String>,
}

impl Lines {
    pub(super) fn new(results: Style, progress: Style) -> Self {
        Lines { results, progress, waited: BTreeSet::new() }
    }
}

impl Face for Lines {
    fn show(&mut self, event: &Event, out: &mut Out) {
        if let Event::Waiting { id, what, .. } = event {
            if self.waited.insert(format!("{id} {what}")) {
                out.progress(&format!("{} waits for {what}", resource(id)));
            }
            return;
        }
        if let Some(text) = line(event, &self.progress).or_else(|| sentence(event, &self.progress)) {
            out.progress(&text);
        }
        if let Some(text) = result::result(event, &self.results) {
            out.result(&text);
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut Out) {
        out.progress(&told(failure, &self.progress));
    }
}

/// What is only worth a line where there is no bar.
fn line(event: &Event, style: &Style) -> Option<String> {
    Some(match event {
        Event::Building => "building the functions".into(),
        Event::Built { function, bytes } => format!("built {function} {}", style.dim(&size(*bytes))),
        Event::StepDone { change: Act::Keep, .. } => return None,
        Event::StepDone { id, change, ms } => {
            format!("{} {} {}", past(*change), resource(id), style.dim(&span(*ms as f64)))
        }
        Event::Proving { what } => format!("proving: {what}"),
        _ => return None,
    })
}

/// What both faces for people say for good, on standard error.
pub(super) fn sentence(event: &Event, style: &Style) -> Option<String> {
    let tick = style.good("✓");
    Some(match event {
        Event::CloudStarted { endpoint, restarted_because: None } => {
            format!("{tick} local cloud started {}", style.dim(&format!("at {endpoint}")))
        }
        Event::CloudStarted { endpoint, restarted_because: Some(because) } => {
            format!("{tick} local cloud restarted: {because} {}", style.dim(&format!("({endpoint})")))
        }
        Event::Acting { account, region, who, endpoint, .. } => {
            // Whoever answers there is given the stage's secrets.
            let instead = endpoint.as_ref().map(|url| format!(" by way of {url}")).unwrap_or_default();
            format!("{} account {account}, {region}{instead} {}", style.dim("on AWS:"), style.dim(&format!("as {who}")))
        }
        Event::CloudStopped => format!("{tick} local cloud stopped {}", style.dim("(its data stays on disk)")),
        Event::Planned { steps } if steps.iter().any(|step| step.change != Act::Keep) => {
            format!("{} {}", style.dim("plan:"), tree::summary(steps))
        }
        Event::StepFailed { id, error } => format!("{} {}: {error}", style.bad("✗"), resource(id)),
        Event::Proved { hops, total_ms } => {
            let drawn = waterfall::waterfall(hops, *total_ms, style).replace('\n', "\n    ");
            let head = format!(
                "{tick} proved: a message went all the way and came back as a push in {}",
                style.bold(&span(*total_ms))
            );
            format!("{head}\n    {drawn}")
        }
        Event::Operations { stack, state } => style.dim(&format!("alarms and dashboard: stack {stack} is {state}")),
        Event::Removed { id } => format!("{} {}", style.dim("removed"), resource(id)),
        Event::Kept { id, because } => {
            format!("{} {} {}", style.bold("kept"), resource(id), style.dim(&format!("({because})")))
        }
        Event::Listening { room, via: Via::Push, .. } => {
            style.dim(&format!("listening in {room}: messages arrive as pushes; Ctrl-C ends"))
        }
        Event::Listening { room, because, .. } => {
            let why = because.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("{} no pushes{why}: asking {room} for new messages instead", style.careful("!"))
        }
        Event::Warning { what, next } => {
            let next = next.as_deref().map(|next| format!("\n {}", told_next(next, style))).unwrap_or_default();
            format!("{} {what}{next}", style.careful("!"))
        }
        Event::RollingBack { from, to, because: None } => format!("going back from deploy {from} to deploy {to}"),
        Event::RollingBack { from, to, because: Some(because) } => {
            format!("{} {because}: going back from deploy {from} to deploy {to}", style.careful("!"))
        }
        Event::Watching { folder } => {
            style.dim(&format!("watching functions/ and web/ in {folder}: what is saved goes live; Ctrl-C ends"))
        }
        Event::Saved { files, more } => {
            let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
            style.dim(&format!("saved {}{more}", files.join(", ")))
        }
        Event::Live { functions, built_ms, live_ms } => {
            let built = style.dim(&format!("(built in {})", span(*built_ms as f64)));
            format!("{tick} {} live after {} {built}", style.bold(&functions.join(", ")), span(*live_ms as f64))
        }
        Event::NothingNew => style.dim("no function has other code: nothing to redeploy"),
        Event::NotLive { error, why, next } => {
            let failure = Failure { error: error.clone(), why: why.clone(), next: next.clone(), exit: Exit::Failed };
            format!("{}\n{}", told(&failure, style), style.dim("still watching: save again"))
        }
        Event::Stopping => {
            format!("{} stopping: what is in flight is finished first; Ctrl-C again stops at once", style.careful("!"))
        }
        Event::Stopped { left } if left.is_empty() => "stopped: nothing was left to do".into(),
        Event::Stopped { left } => {
            const SHOWN: usize = 6;
            let more = if left.len() > SHOWN { format!(" and {} more", left.len() - SHOWN) } else { String::new() };
            let named: Vec<String> = left.iter().take(SHOWN).map(|id| resource(id)).collect();
            format!("stopped with {} left: {}{more}", count(left.len(), "step"), named.join(", "))
        }
        _ => return None,
    })
}

/// `table/messages` as a person says it: `table messages`.
pub(super) fn resource(id: &str) -> String {
    id.replacen('/', " ", 1)
}

/// What was done, in the past tense.
pub(super) fn past(change: Act) -> &'static str {
    match change {
        Act::Keep => "kept",
        Act::Create => "created",
        Act::Update => "updated",
        Act::Replace => "replaced",
        Act::Delete => "removed",
        Act::Refuse => "refused",
    }
}

/// A failure in its three parts.
pub(super) fn told(failure: &Failure, style: &Style) -> String {
    let mut text = format!("{} {}", style.bad("error:"), failure.error);
    if let Some(why) = &failure.why {
        text.push_str(&format!("\n  {} {}", style.dim("why:"), why.replace('\n', "\n       ")));
    }
    for next in &failure.next {
        text.push_str(&format!("\n {}", told_next(next, style)));
    }
    text
}

fn told_next(next: &str, style: &Style) -> String {
    format!("{} {}", style.dim("next:"), style.accent(&style.command(next)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Hop;

    fn plain() -> Style {
        Style { called: "chatctl".into(), ..Style::default() }
    }

    #[test]
    fn a_failure_has_three_parts() {
        let failure = Failure::failed("cannot create queue chat-dev-new-messages")
            .why("SQS CreateQueue answered QueueDeletedRecently after 75 s of waiting (request 7f3c)")
            .next("chatctl up --stage dev");
        let should = "error: cannot create queue chat-dev-new-messages\n  why: SQS CreateQueue answered QueueDeletedRecently \
                      after 75 s of waiting (request 7f3c)\n next: chatctl up --stage dev";
        assert_eq!(told(&failure, &plain()), should);
    }

    #[test]
    fn a_finished_step_is_a_line_and_a_kept_one_is_none() {
        let done = |change| Event::StepDone { id: "queue/new-messages".into(), change, ms: 412 };
        assert_eq!(line(&done(Act::Create), &plain()).as_deref(), Some("created queue new-messages 412 ms"));
        assert_eq!(line(&done(Act::Keep), &plain()), None);
    }

    #[test]
    fn whose_account_it_is_and_as_whom_stands_before_all_else() {
        let event = |endpoint: Option<&str>| Event::Acting {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            who: "arn:aws:iam::123456789012:user/ann".into(),
            endpoint: endpoint.map(str::to_owned),
            until: None,
        };
        assert_eq!(
            sentence(&event(None), &plain()).unwrap(),
            "on AWS: account 123456789012, eu-west-1 as arn:aws:iam::123456789012:user/ann"
        );
        let elsewhere = sentence(&event(Some("http://127.0.0.1:4566")), &plain()).unwrap();
        assert!(elsewhere.contains("eu-west-1 by way of http://127.0.0.1:4566 as"), "{elsewhere}");
    }

    #[test]
    fn the_proof_shows_each_hop() {
        let hops = vec![Hop { step: "stored".into(), start_ms: 0.0, ms: 4.0 }];
        let text = sentence(&Event::Proved { hops, total_ms: 8.0 }, &plain()).unwrap();
        assert!(
            text.starts_with(
                "✓ proved: a message went all the way and came back as a push in 8.0 ms\n    stored  ===="
            ),
            "{text}"
        );
    }

    #[test]
    fn what_was_saved_is_told_when_it_is_live_or_why_it_is_not() {
        let said = |event: &Event| sentence(event, &plain()).unwrap();
        let live = Event::Live { functions: vec!["serve-page".into()], built_ms: 1_300, live_ms: 210 };
        assert_eq!(said(&live), "✓ serve-page live after 210 ms (built in 1.3 s)");
        let saved = Event::Saved { files: vec!["web/app.js".into(), "web/api.js".into()], more: 2 };
        assert_eq!(said(&saved), "saved web/app.js, web/api.js and 2 more");
        let not = Event::NotLive {
            error: "cannot build the functions".into(),
            why: Some("cargo build failed:\nerror: expected `;`".into()),
            next: vec!["cargo build".into()],
        };
        let should = "error: cannot build the functions\n  why: cargo build failed:\n       error: expected `;`\n \
                      next: cargo build\nstill watching: save again";
        assert_eq!(said(&not), should);
    }

    #[test]
    fn a_way_back_says_from_where_to_where_and_why() {
        let back = Event::RollingBack { from: 5, to: 4, because: Some("deployed, but store-message fails".into()) };
        assert_eq!(
            sentence(&back, &plain()).unwrap(),
            "! deployed, but store-message fails: going back from deploy 5 to deploy 4"
        );
    }

    #[test]
    fn a_restart_says_why_in_one_line() {
        let event = Event::CloudStarted {
            endpoint: "http://127.0.0.1:4566".into(),
            restarted_because: Some("it had been killed".into()),
        };
        assert_eq!(
            sentence(&event, &plain()).unwrap(),
            "✓ local cloud restarted: it had been killed (http://127.0.0.1:4566)"
        );
    }
}
