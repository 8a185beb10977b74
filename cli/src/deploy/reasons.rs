//! Why a plan changes what it changes: a setting, the code, another chatctl, or somebody else. It compares what is
//! wanted now with what the last deploy was recorded to want. Must not know how anything is changed.

use reconcile::{Change, Field, Id, Plan, Stack, Step};

use super::record::Deploy;
use super::wants::{self, Wants};
use crate::stack::{self, Decided, Versions};
use crate::stage::Stage;

/// Puts the reasons into a plan.
pub(super) fn explain(plan: &mut Plan, resources: &Stack, stage: &Stage, last: Option<&Deploy>) {
    let made: Vec<Id> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.change, Change::Create | Change::Replace(_)) || step.change.touches(STREAM))
        .map(|step| step.id.clone())
        .collect();
    let grounds =
        Grounds { stage, last, now: Wants::of(resources, &plan.facts), live: stack::versions(&plan.facts), made };
    for step in &mut plan.steps {
        let is_stray = resources.finishes(&step.id) && stack::counts(&step.id);
        if is_stray && step.change == Change::Keep {
            let what =
                "it is this stage's and wanted no more, but it holds data, which only `down --delete-data` takes";
            step.why = Some(what.to_owned());
        }
        grounds.explain(step);
    }
}

/// The field of a table that gives it another stream.
const STREAM: &str = "stream";

/// What a reason is drawn from.
struct Grounds<'a> {
    stage: &'a Stage,
    last: Option<&'a Deploy>,
    now: Wants,
    /// What stands behind the functions' aliases.
    live: Versions,
    /// What is made by the same plan.
    made: Vec<Id>,
}

/// A reason, and whether somebody else is it.
struct Reason {
    why: String,
    drifted: bool,
}

impl Reason {
    fn ours(why: impl Into<String>) -> Option<Self> {
        Some(Self { why: why.into(), drifted: false })
    }

    fn outside(why: impl Into<String>) -> Option<Self> {
        Some(Self { why: format!("changed outside: {}", why.into()), drifted: true })
    }
}

impl Grounds<'_> {
    fn explain(&self, step: &mut Step) {
        let whole = match &step.change {
            Change::Create => self.made_new(&step.id),
            Change::Delete => {
                Reason::ours(format!("it is this stage's, and chatctl {} wants it no more", crate::VERSION))
            }
            Change::Keep | Change::Update(_) | Change::Replace(_) | Change::Refuse(_) => None,
        };
        if let Some(reason) = whole {
            step.why = Some(reason.why);
            step.drifted = reason.drifted;
        }
        let id = step.id.clone();
        for field in step.change.fields_mut() {
            if let Some(reason) = self.field(&id, field) {
                field.why = Some(reason.why);
                step.drifted |= reason.drifted;
            }
        }
    }

    /// Why something is not there.
    fn made_new(&self, id: &Id) -> Option<Reason> {
        let last = self.last?;
        let wanted = last.wants.as_ref()?;
        match last.down_ms.is_some() {
            _ if !wanted.has(id) => Reason::ours(format!("new: the {} had none", last.named())),
            true => Reason::ours("the stage was taken down"),
            false => Some(Reason { why: format!("removed outside: the {} left it", last.named()), drifted: true }),
        }
    }

    /// What decides the field; where a setting did and is gone, its going.
    fn decided(&self, id: &Id, field: &Field) -> Option<Decided> {
        let then = self.last.and_then(|last| Some(self.stage.with_settings(last.settings.as_ref()?)));
        let then = then.and_then(|then| stack::decided(&then, id, &field.name));
        let gone = then.filter(|then| matches!(then, Decided::Setting(_)) && field.after.is_some());
        gone.or_else(|| stack::decided(self.stage, id, &field.name))
    }

    fn field(&self, id: &Id, field: &Field) -> Option<Reason> {
        let decided = self.decided(id, field);
        if let Some(Decided::By(of)) = decided.as_ref().filter(|_| field.after.is_none()) {
            return Reason::ours(format!("{of} is made by the same plan"));
        }
        let (of, key) = recorded_as(id, &field.name);
        let Some((last, recorded)) = self.last.and_then(|last| Some((last, last.wants.as_ref()?))) else {
            return self.unrecorded(field, decided.as_ref());
        };
        match (recorded.get(&of, key), self.now.get(&of, key)) {
            (Some(was), Some(want)) if was == want => self.outside(id, field, last, was),
            (Some(was), Some(_)) => self.wanted_differently(id, field, decided.as_ref(), last, was),
            (None, Some(_)) if recorded.has(&of) => self
                .setting(field, decided.as_ref())
                .or_else(|| Reason::ours(self.code(id, last)).filter(|_| decided == Some(Decided::Code)))
                .or_else(|| Reason::ours(format!("new in chatctl {}", crate::VERSION))),
            (None, Some(_)) => self.unrecorded(field, decided.as_ref()),
            (Some(_), None) => Reason::ours(format!("chatctl {} sets it no more", crate::VERSION)),
            (None, None) => Reason::outside("no deploy set it"),
        }
    }

    /// What is wanted has not changed, so what is there has.
    fn outside(&self, id: &Id, field: &Field, last: &Deploy, was: &str) -> Option<Reason> {
        let (named, alias) = (last.named(), stack::LIVE);
        let of_function = |versions: &'_ Versions| versions.get(id.name()).map(|version| version.number.clone());
        let versions = of_function(&last.functions).zip(of_function(&self.live));
        if let Some((was, now)) = versions.filter(|(was, now)| was != now && id.kind() == "function") {
            return Reason::outside(format!("the {named} left {alias} at version {was}, now it is at version {now}"));
        }
        match field.before.as_deref() {
            None => Reason::outside(format!("the {named} set it, now it is not set")),
            Some(now) if wants::is_short(now) && wants::is_short(was) => {
                Reason::outside(format!("the {named} set {was}, now it is {now}"))
            }
            Some(_) => Reason::outside(format!("the {named} set another value")),
        }
    }

    fn wanted_differently(
        &self,
        id: &Id,
        field: &Field,
        decided: Option<&Decided>,
        last: &Deploy,
        was: &str,
    ) -> Option<Reason> {
        let (named, version) = (last.named(), crate::VERSION);
        let why = match decided {
            Some(Decided::By(of)) if self.made.contains(of) => {
                return Reason::ours(format!("{of} is made by the same plan"));
            }
            Some(Decided::By(of)) => return Reason::outside(format!("{of} was made again after the {named}")),
            Some(Decided::Code) => self.code(id, last),
            Some(Decided::Version) => format!("chatctl {version} deploys, the {named} was by {}", last.version),
            Some(Decided::Setting(_)) => self.setting(field, decided)?.why,
            None => format!("chatctl {version} wants it so, the {named} was by {}", last.version),
        };
        // Somebody may have been there meanwhile, too.
        let untouched = field.before.as_deref().is_none_or(|before| wants::kept(before) == was);
        if untouched || !wants::is_short(was) {
            return Reason::ours(why);
        }
        Some(Reason { why: format!("{why}; and changed outside: the {named} set {was}"), drifted: true })
    }

    fn code(&self, id: &Id, last: &Deploy) -> String {
        let version = last.functions.get(id.name());
        let version = version.map(|version| format!("version {}, ", version.number)).unwrap_or_default();
        format!("code of {} differs from {version}deployed {}", id.name(), last.when_and_commit())
    }

    fn unrecorded(&self, field: &Field, decided: Option<&Decided>) -> Option<Reason> {
        self.setting(field, decided).or_else(|| match decided {
            Some(Decided::Code) => Reason::ours("the code differs from what is there; no deploy of it is recorded"),
            _ => Reason::ours("no deploy is recorded that set it"),
        })
    }

    fn setting(&self, field: &Field, decided: Option<&Decided>) -> Option<Reason> {
        let Some(Decided::Setting(key)) = decided else { return None };
        let value = field.after.as_deref().unwrap_or_default();
        // As it is written in the settings.
        let value = match value {
            "on" => "true",
            "off" => "false",
            value => [" MB", " days"].iter().find_map(|unit| value.strip_suffix(unit)).unwrap_or(value),
        };
        Reason::ours(format!("because {}", self.stage.origins.because(key, value)))
    }
}

/// Under which resource and field it was written down: each right of a role is a field of its own in a plan, and they
/// are written down together.
fn recorded_as<'a>(id: &Id, field: &'a str) -> (Id, &'a str) {
    match (id.kind(), field) {
        ("role" | "rights", field) if field != "trust" => (Id::new("role", id.name()), "policy"),
        ("visibility", field) => (Id::new("queue", id.name()), field),
        (_, field) => (id.clone(), field),
    }
}

#[cfg(test)]
#[path = "reasons_tests.rs"]
mod tests;
