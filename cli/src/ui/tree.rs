//! A plan as a tree: what is made, changed, replaced and removed, by kind, with before and after.
//! Knows only the plan's own steps.

use crate::event::{Act, PlannedStep};

use super::style::{Style, count};

/// The sign and the colour of a change.
pub(super) fn sign(act: Act, style: &Style) -> String {
    match act {
        Act::Keep => style.dim("·"),
        Act::Create => style.good("+"),
        Act::Update => style.careful("~"),
        Act::Replace => style.bad("±"),
        Act::Delete => style.bad("-"),
    }
}

/// How many of each change, in a line: `38 to create, 2 to update`.
pub(super) fn summary(steps: &[PlannedStep]) -> String {
    let acts = [(Act::Create, "create"), (Act::Update, "update"), (Act::Replace, "replace"), (Act::Delete, "delete")];
    let parts: Vec<String> = acts
        .iter()
        .map(|(act, verb)| (steps.iter().filter(|step| step.change == *act).count(), verb))
        .filter(|(n, _)| *n > 0)
        .map(|(n, verb)| format!("{n} to {verb}"))
        .collect();
    match parts.is_empty() {
        true => "nothing to change".into(),
        false => parts.join(", "),
    }
}

/// The tree: one branch a kind, one leaf a resource; what is kept is only counted.
pub(super) fn tree(steps: &[PlannedStep], style: &Style) -> String {
    let changed: Vec<&PlannedStep> = steps.iter().filter(|step| step.change != Act::Keep).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for step in &changed {
        let kind = step.id.split('/').next().unwrap_or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut lines = Vec::new();
    for kind in kinds {
        lines.push(style.bold(kind));
        let leaves: Vec<&&PlannedStep> =
            changed.iter().filter(|step| step.id.split('/').next() == Some(kind)).collect();
        for (place, step) in leaves.iter().enumerate() {
            let last = place + 1 == leaves.len();
            let name = step.id.split_once('/').map_or(step.id.as_str(), |(_, name)| name);
            lines.push(format!("{} {} {name}", style.dim(if last { "└─" } else { "├─" }), sign(step.change, style)));
            for field in &step.fields {
                let stem = style.dim(if last { "  " } else { "│ " });
                let (before, after) = (cut(&field.before), cut(&field.after));
                lines.push(format!("{stem}     {}: {before} {} {after}", field.name, style.dim("→")));
            }
        }
    }
    let kept = steps.len() - changed.len();
    let mut total = style.bold(&summary(steps));
    if kept > 0 {
        total.push_str(&style.dim(&format!(
            ", {} as {} should be",
            count(kept, "resource"),
            if kept == 1 { "it" } else { "they" }
        )));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(total);
    lines.join("\n")
}

/// A value in one line of bounded length.
fn cut(value: &str) -> String {
    const LONGEST: usize = 60;
    let flat: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.is_empty() {
        return "(none)".into();
    }
    match flat.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &flat[..end]),
        None => flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FieldChange;

    fn step(id: &str, change: Act) -> PlannedStep {
        PlannedStep { id: id.into(), change, fields: Vec::new(), needs: Vec::new() }
    }

    #[test]
    fn a_plan_is_a_tree_by_kind() {
        let mut timeout = step("function/store-message", Act::Update);
        timeout.fields.push(FieldChange { name: "timeout".into(), before: "3 s".into(), after: "10 s".into() });
        let steps = [
            step("table/messages", Act::Create),
            step("table/clients", Act::Create),
            timeout,
            step("queue/new-messages", Act::Keep),
        ];
        let drawn = tree(&steps, &Style::default());
        let should = "table\n├─ + messages\n└─ + clients\nfunction\n└─ ~ store-message\n       timeout: 3 s → 10 s\n\n\
                      2 to create, 1 to update, 1 resource as it should be";
        assert_eq!(drawn, should);
    }

    #[test]
    fn an_empty_plan_is_one_line() {
        let drawn = tree(&[step("queue/a", Act::Keep), step("queue/b", Act::Keep)], &Style::default());
        assert_eq!(drawn, "nothing to change, 2 resources as they should be");
    }
}
