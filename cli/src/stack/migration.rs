//! What brings a stage of another layout to this chatctl's, by the version it stands at. It must not know where the
//! version is kept.

use chat_aws::layout::LAYOUT_VERSION;
use reconcile::Fault;

/// What has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing: it is this chatctl's own.
    Same,
}

/// The layouts that this chatctl knows the way from, each with the way. A new layout gets a line here: the way from
/// the one before it.
const WAYS: [(u32, Way); 1] = [(LAYOUT_VERSION, Way::Same)];

/// The way from this layout; one that is not known is not touched.
pub(super) fn way(from: u32) -> Result<Way, Fault> {
    if let Some((_, way)) = WAYS.iter().find(|(version, _)| *version == from) {
        return Ok(*way);
    }
    if from > LAYOUT_VERSION {
        let what = format!("this stage has layout {from}, and this chatctl knows {LAYOUT_VERSION} at most");
        return Err(Fault::new(what).with_next(Some("use the newer chatctl that made it".into())));
    }
    let what = format!("this stage has layout {from}, and this chatctl knows no way from it to {LAYOUT_VERSION}");
    Err(Fault::new(what)
        .with_next(Some("use the chatctl that made it to take it down, or a chatctl between the two".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_layout_needs_nothing_and_a_newer_or_unknown_one_is_refused_with_what_to_do() {
        assert_eq!(way(LAYOUT_VERSION).unwrap(), Way::Same);
        let newer = way(LAYOUT_VERSION + 1).unwrap_err();
        assert!(newer.to_string().ends_with("knows 1 at most"), "{newer}");
        let unknown = way(0).unwrap_err();
        assert!(unknown.to_string().contains("no way from it") && unknown.next().is_some(), "{unknown}");
    }

    #[test]
    fn every_layout_before_this_one_has_a_way() {
        for version in 1..=LAYOUT_VERSION {
            assert!(way(version).is_ok(), "layout {version}");
        }
    }
}
