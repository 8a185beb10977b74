//! The face of a terminal: one live line while something takes longer than a moment, and a few lines that stay.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use tokio::time::Instant;

use crate::event::{Act, Event};
use crate::failure::Failure;

use super::style::{Style, count, size, span};
use super::{Face, Out, lines, result};

/// What takes less is not worth a bar.
const MOMENT: Duration = Duration::from_millis(700);
/// How often the bar's sign turns.
const TURN: Duration = Duration::from_millis(90);

/// The face of a terminal.
pub(super) struct Bars {
    results: Style,
    progress: Style,
    bar: Option<ProgressBar>,
    build: Option<Build>,
    walk: Option<Walk>,
}

/// The functions, while they are built.
struct Build {
    began: Instant,
    functions: usize,
    bytes: u64,
}

/// The steps, while they are done.
struct Walk {
    began: Instant,
    total: usize,
    done: usize,
    removing: bool,
    active: Vec<(String, Option<String>)>,
}

impl Bars {
    pub(super) fn new(results: Style, progress: Style) -> Self {
        Bars { results, progress, bar: None, build: None, walk: None }
    }

    /// The bar; it shows itself only after a moment.
    fn bar(&mut self) -> &ProgressBar {
        self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
            let later = bar.downgrade();
            std::thread::spawn(move || {
                std::thread::sleep(MOMENT);
                if let Some(bar) = later.upgrade().filter(|bar| !bar.is_finished()) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(TURN);
                }
            });
            bar
        })
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Says something for good, above the bar.
    fn say(&self, text: &str, out: &mut Out) {
        match &self.bar {
            Some(bar) => bar.suspend(|| out.progress(text)),
            None => out.progress(text),
        }
    }

    /// What the bar says of the steps at work.
    fn working(&mut self) {
        let Some(walk) = &self.walk else { return };
        let waits = walk
            .active
            .iter()
            .find_map(|(id, waits)| waits.as_ref().map(|waits| format!("{} waits for {waits}", lines::resource(id))));
        let names: Vec<String> = walk.active.iter().take(3).map(|(id, _)| lines::resource(id)).collect();
        let now = waits.unwrap_or_else(|| names.join(", "));
        let verb = if walk.removing { "removing" } else { "deploying" };
        let message = format!("{verb} {}/{}  {}", walk.done, walk.total, self.progress.dim(&now));
        self.bar().set_message(message);
    }

    /// Closes the phases that are over once this event comes.
    fn turn_page(&mut self, event: &Event, out: &mut Out) {
        let building = matches!(
            event,
            Event::Building | Event::BuildProgress { .. } | Event::Built { .. } | Event::CloudStarted { .. }
        );
        if !building && let Some(build) = self.build.take() {
            let took = self.progress.dim(&format!(
                "{}  {}",
                size(build.bytes),
                span(build.began.elapsed().as_millis() as f64)
            ));
            let text = format!("{} built {}  {took}", self.progress.good("✓"), count(build.functions, "function"));
            if build.functions > 0 {
                self.say(&text, out);
            }
        }
        let walking = matches!(
            event,
            Event::StepStarted { .. }
                | Event::StepDone { .. }
                | Event::StepFailed { .. }
                | Event::Waiting { .. }
                | Event::Warning { .. }
                | Event::Stopping
        );
        if !walking && let Some(walk) = self.walk.take() {
            let took = self.progress.dim(&span(walk.began.elapsed().as_millis() as f64));
            let verb = if walk.removing { "removed" } else { "deployed" };
            let text = format!("{} {verb} {}  {took}", self.progress.good("✓"), count(walk.done, "resource"));
            if walk.done > 0 && walk.active.is_empty() {
                self.say(&text, out);
            }
        }
    }

    fn step_started(&mut self, id: &str, change: Act) {
        if change == Act::Keep {
            return;
        }
        let walk = self.walk.get_or_insert_with(|| Walk {
            began: Instant::now(),
            total: 0,
            done: 0,
            removing: change == Act::Delete,
            active: Vec::new(),
        });
        walk.active.push((id.into(), None));
        walk.total = walk.total.max(walk.done + walk.active.len());
        self.working();
    }

    fn step_ended(&mut self, id: &str, change: Option<Act>) {
        if let Some(walk) = &mut self.walk {
            walk.active.retain(|(active, _)| active != id);
            if change.is_some_and(|change| change != Act::Keep) {
                walk.done += 1;
            }
        }
        self.working();
    }

    fn waiting(&mut self, id: &str, what: &str, since_ms: u64) {
        let words = format!("{what} ({})", span(since_ms as f64));
        match self.walk.as_mut().and_then(|walk| walk.active.iter_mut().find(|(active, _)| active == id)) {
            Some(step) => {
                step.1 = Some(words);
                self.working();
            }
            None => self.bar().set_message(format!("{}: waiting for {words}", lines::resource(id))),
        }
    }
}

impl Face for Bars {
    fn show(&mut self, event: &Event, out: &mut Out) {
        self.turn_page(event, out);
        match event {
            Event::Building => {
                self.build = Some(Build { began: Instant::now(), functions: 0, bytes: 0 });
                self.bar().set_message("building the functions");
            }
            Event::BuildProgress { line } => {
                let message = format!("building the functions  {}", self.progress.dim(line.trim()));
                self.bar().set_message(message);
            }
            Event::Built { bytes, .. } => {
                if let Some(build) = &mut self.build {
                    build.functions += 1;
                    build.bytes += bytes;
                }
            }
            Event::Planned { steps } => {
                let total = steps.iter().filter(|step| step.change != Act::Keep).count();
                if total > 0 {
                    let removing = steps.iter().all(|step| matches!(step.change, Act::Delete | Act::Keep));
                    self.walk = Some(Walk { began: Instant::now(), total, done: 0, removing, active: Vec::new() });
                }
            }
            Event::StepStarted { id, change } => self.step_started(id, *change),
            Event::StepDone { id, change, .. } => self.step_ended(id, Some(*change)),
            Event::StepFailed { id, .. } => self.step_ended(id, None),
            Event::Waiting { id, what, since_ms } => self.waiting(id, what, *since_ms),
            // Nothing is at work while nothing is saved.
            Event::Watching { .. } | Event::Live { .. } | Event::NothingNew | Event::NotLive { .. } => self.clear(),
            Event::Proving { what } => self.bar().set_message(format!("proving: {what}")),
            _ => {}
        }
        if let Some(text) = lines::sentence(event, &self.progress) {
            self.say(&text, out);
        }
        if let Some(text) = result::result(event, &self.results) {
            self.clear();
            out.result(&text);
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut Out) {
        self.clear();
        out.progress(&lines::told(failure, &self.progress));
    }

    fn end(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_turns_any_more_when_a_question_comes() {
        let mut bars = Bars::new(Style::default(), Style::default());
        let (closed, _) = tokio::sync::watch::channel(false);
        bars.show(&Event::Building, &mut Out { closed });
        let bar = bars.bar.clone().expect("a build shows a bar");
        bars.end();
        assert!(bar.is_finished() && bars.bar.is_none());
    }
}
