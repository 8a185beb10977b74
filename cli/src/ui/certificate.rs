//! The certificate of a removal, as text: one line a kind. Knows only what the event carries.

use crate::event::CertifiedKind;

use super::style::{Style, count};

/// The certificate.
pub(super) fn certificate(stage: &str, kinds: &[CertifiedKind], also: &[String], style: &Style) -> String {
    let wide = kinds.iter().map(|kind| kind.kind.len()).max().unwrap_or_default();
    let mut lines = vec![format!("certificate of stage {}: every service was read back", style.bold(stage))];
    for kind in kinds {
        let pad = " ".repeat(wide - kind.kind.len());
        let said = match &kind.unseen {
            Some(why) => style.bad(&format!("could not be looked at: {why}")),
            None => found(kind, style),
        };
        lines.push(format!("  {}{pad}  {said}", kind.kind));
    }
    lines.extend(also.iter().map(|word| format!("  {}", style.dim(word))));
    lines.join("\n")
}

fn found(kind: &CertifiedKind, style: &Style) -> String {
    let left = match kind.left.len() {
        0 => "nothing left".to_owned(),
        _ => style.bad(&format!("left: {}", kind.left.join(", "))),
    };
    let kept = if kind.kept.is_empty() { String::new() } else { format!(", {} kept", kind.kept.len()) };
    // What has the stage's prefix and is neither left nor kept is somebody else's.
    let others = kind.looked_at.saturating_sub(kind.left.len() + kind.kept.len());
    let others = if others == 0 { String::new() } else { style.dim(&format!(", {} not ours", count(others, "thing"))) };
    format!("{left}{kept}{others}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_of_each_kind_what_is_left_kept_and_not_ours() {
        let kind = |kind: &str, looked_at, left: &[&str], kept: &[&str], unseen: Option<&str>| CertifiedKind {
            kind: kind.into(),
            looked_at,
            left: left.iter().map(ToString::to_string).collect(),
            kept: kept.iter().map(ToString::to_string).collect(),
            unseen: unseen.map(str::to_owned),
        };
        let kinds = [
            kind("table", 4, &[], &["table/stage", "table/clients", "table/messages"], None),
            kind("role", 1, &["role/x"], &[], None),
            kind("api", 0, &[], &[], Some("denied")),
        ];
        let should = "certificate of stage dev: every service was read back\n\
                      \x20 table  nothing left, 3 kept, 1 thing not ours\n  role   left: role/x\n\
                      \x20 api    could not be looked at: denied\n  metrics stay";
        assert_eq!(certificate("dev", &kinds, &["metrics stay".into()], &Style::default()), should);
    }
}
