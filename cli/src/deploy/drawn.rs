//! After which deploy a plan was drawn, so that one that came between the plan and the lease is seen, and an old plan is
//! not carried out. Pure; must not know what is planned.

use chat::message::MessageId;

use super::Deploying;
use super::record::Deploy;
use crate::event::Event;
use crate::failure::Failure;

/// How often a plan is drawn, where each time another deploy comes between it and its being carried out.
pub(super) const DRAWN: usize = 3;

/// After which deploy a plan was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    /// Nobody was asked which: at this time, in milliseconds since 1970.
    At(i64),
    /// After this one; `None` where there was none.
    After(Option<Mark>),
}

/// A deploy, told from others and from itself before the stage was taken down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark(MessageId, Option<i64>);

impl Drawn {
    pub(super) fn after(last: Option<&Deploy>) -> Self {
        Self::After(last.map(Mark::of))
    }

    /// Whether this is still the last deploy. By the time alone it is a guess where the computers' clocks differ.
    pub(super) fn holds(&self, last: Option<&Deploy>) -> bool {
        match self {
            Self::At(at_ms) => last.is_none_or(|last| last.at_ms.max(last.down_ms.unwrap_or_default()) <= *at_ms),
            Self::After(mark) => *mark == last.map(Mark::of),
        }
    }
}

impl Mark {
    fn of(deploy: &Deploy) -> Self {
        Self(deploy.id, deploy.down_ms)
    }
}

/// Says that a plan was too old to be carried out, and that the next one follows.
pub(super) fn anew(cx: &Deploying) {
    let what = "another deploy has come between; this is planned anew".to_owned();
    (cx.tell)(Event::Warning { what, next: None });
}

/// What is said where a plan is too old to be carried out.
pub(super) fn came_between(cx: &Deploying) -> Failure {
    Failure::failed("another deploy has come between").why("nothing was changed").next(cx.stage.command("history"))
}

#[cfg(test)]
mod tests {
    use super::super::record::Proof;
    use super::super::record::tests::deploy;
    use super::*;

    #[test]
    fn a_plan_holds_as_long_as_the_last_deploy_is_the_one_that_it_was_drawn_after() {
        let (first, second) = (deploy(1, 1, Proof::Owed), deploy(2, 1, Proof::Owed));
        let proved = Deploy { proof: Proof::Proved, ..first.clone() };
        let down = Deploy { down_ms: Some(first.at_ms + 10), ..first.clone() };
        for (what, drawn, last, holds) in [
            ("a first deploy alone", Drawn::after(None), None, true),
            ("a first deploy by two", Drawn::after(None), Some(&first), false),
            ("nobody came", Drawn::after(Some(&first)), Some(&first), true),
            ("its proof came", Drawn::after(Some(&first)), Some(&proved), true),
            ("another came", Drawn::after(Some(&first)), Some(&second), false),
            ("it was taken down", Drawn::after(Some(&first)), Some(&down), false),
            ("made anew by others", Drawn::after(Some(&first)), None, false),
            ("unasked, nobody came", Drawn::At(first.at_ms), Some(&first), true),
            ("unasked, another came", Drawn::At(first.at_ms - 1), Some(&first), false),
            ("unasked, it was taken down", Drawn::At(first.at_ms), Some(&down), false),
            ("unasked, of no deploy", Drawn::At(0), None, true),
        ] {
            assert_eq!(drawn.holds(last), holds, "{what}");
        }
    }
}
