//! A plan as a tree: what is made, changed, replaced and removed, by kind, with before and after, why, and what it costs.
//! Knows only the plan's own steps.

use crate::event::{Act, Place, PlannedStep};

use super::style::{Style, count};

/// The sign and the colour of a change.
pub(super) fn sign(act: Act, style: &Style) -> String {
    match act {
        Act::Keep => style.dim("·"),
        Act::Create => style.good("+"),
        Act::Update => style.careful("~"),
        Act::Replace => style.bad("±"),
        Act::Delete => style.bad("-"),
        Act::Refuse => style.bad("✗"),
    }
}

/// How many of each change, in a line: `38 to create, 2 to update`.
pub(super) fn summary(steps: &[PlannedStep]) -> String {
    let acts = [
        (Act::Refuse, "refused"),
        (Act::Create, "to create"),
        (Act::Update, "to update"),
        (Act::Replace, "to replace"),
        (Act::Delete, "to delete"),
    ];
    let parts: Vec<String> = acts
        .iter()
        .map(|(act, words)| (steps.iter().filter(|step| step.change == *act).count(), words))
        .filter(|(n, _)| *n > 0)
        .map(|(n, words)| format!("{n} {words}"))
        .collect();
    match parts.is_empty() {
        true => "nothing to change".into(),
        false => parts.join(", "),
    }
}

/// The kinds along a message's way, then what stands under it; a kind that is not here comes last.
const WAY: [&str; 14] = [
    "api",
    "routes",
    "permission",
    "function",
    "table",
    "records",
    "mapping",
    "queue",
    "visibility",
    "parameter",
    "role",
    "rights",
    "log-group",
    "operations",
];

/// A plan for itself: where, then the tree.
pub(super) fn forecast(place: &Place, steps: &[PlannedStep], style: &Style) -> String {
    let where_ = match place.target.as_str() {
        "local" => format!("in the local cloud, {}", place.region),
        target => format!("on {target}, account {}, {}", place.account, place.region),
    };
    let who = place.caller.as_ref().map(|caller| format!(", as {caller}")).unwrap_or_default();
    format!("stage {} {where_}{who}\n\n{}", style.bold(&place.stage), tree(steps, style))
}

/// The tree: one branch a kind, one leaf a resource; what is kept is only counted, but where there is a word to say.
pub(super) fn tree(steps: &[PlannedStep], style: &Style) -> String {
    let is_shown = |step: &&PlannedStep| step.change != Act::Keep || step.why.is_some();
    let mut shown: Vec<&PlannedStep> = steps.iter().filter(is_shown).collect();
    shown.sort_by_key(|step| WAY.iter().position(|kind| *kind == kind_of(step)).unwrap_or(WAY.len()));
    let mut lines = Vec::new();
    for leaves in shown.chunk_by(|one, two| kind_of(one) == kind_of(two)) {
        lines.push(style.bold(kind_of(leaves[0])));
        for (place, step) in leaves.iter().enumerate() {
            leaf(step, place + 1 == leaves.len(), style, &mut lines);
        }
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(total(steps, style));
    lines.join("\n")
}

fn kind_of(step: &PlannedStep) -> &str {
    step.id.split('/').next().unwrap_or_default()
}

/// One resource: what changes, why, and what that costs.
fn leaf(step: &PlannedStep, last: bool, style: &Style, lines: &mut Vec<String>) {
    let name = step.id.split_once('/').map_or(step.id.as_str(), |(_, name)| name);
    let drifted = if step.drifted { style.careful("  (changed outside)") } else { String::new() };
    lines.push(format!("{} {} {name}{drifted}", style.dim(if last { "└─" } else { "├─" }), sign(step.change, style)));
    let stem = style.dim(if last { "  " } else { "│ " });
    let mut said = None;
    for field in &step.fields {
        let (before, after) = (cut(&field.before), cut(&field.after));
        lines.push(format!("{stem}     {}: {before} {} {after}", field.name, style.dim("→")));
        // One reason for several fields in a row is said once.
        if let Some(why) = field.why.as_deref().filter(|why| said != Some(*why)) {
            lines.push(format!("{stem}       {}", style.dim(why)));
        }
        said = field.why.as_deref();
    }
    if let Some(why) = &step.why {
        lines.push(format!("{stem}     {}", style.dim(why)));
    }
    if let Some(costs) = &step.costs {
        lines.push(format!("{stem}     {}", style.careful(&format!("costs {costs}"))));
    }
}

fn total(steps: &[PlannedStep], style: &Style) -> String {
    let kept = steps.iter().filter(|step| step.change == Act::Keep).count();
    let drifted = steps.iter().filter(|step| step.drifted).count();
    let mut total = style.bold(&summary(steps));
    if drifted > 0 {
        total.push_str(&style.careful(&format!(", {} changed outside", count(drifted, "resource"))));
    }
    if kept > 0 {
        let should = if kept == 1 { "it" } else { "they" };
        total.push_str(&style.dim(&format!(", {} as {should} should be", count(kept, "resource"))));
    }
    total
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
        PlannedStep {
            id: id.into(),
            change,
            fields: Vec::new(),
            why: None,
            costs: None,
            drifted: false,
            needs: Vec::new(),
        }
    }

    fn field(name: &str, before: &str, after: &str, why: &str) -> FieldChange {
        let why = Some(why.to_owned()).filter(|why| !why.is_empty());
        FieldChange { name: name.into(), before: before.into(), after: after.into(), why }
    }

    #[test]
    fn a_plan_is_a_tree_by_kind_along_the_messages_way_with_reasons_and_costs() {
        let mut function = step("function/store-message", Act::Update);
        let because = "because memory in chatctl.toml line 4 is 256";
        function.fields = vec![field("memory", "128 MB", "256 MB", because), field("timeout", "3 s", "10 s", "")];
        let mut mapping = step("mapping/stream", Act::Replace);
        mapping.fields = vec![field("source", "a", "b", "changed outside: the deploy of today set b, now it is a")];
        mapping.costs = Some("no message".into());
        mapping.drifted = true;
        let mut gone = step("queue/dead-letters", Act::Create);
        gone.why = Some("removed outside".into());
        gone.drifted = true;
        let steps =
            [gone, step("table/messages", Act::Create), mapping, function, step("queue/new-messages", Act::Keep)];
        let drawn = tree(&steps, &Style::default());
        let should = "function\n└─ ~ store-message\n       memory: 128 MB → 256 MB\n         \
                      because memory in chatctl.toml line 4 is 256\n       timeout: 3 s → 10 s\n\
                      table\n└─ + messages\n\
                      mapping\n└─ ± stream  (changed outside)\n       source: a → b\n         \
                      changed outside: the deploy of today set b, now it is a\n       costs no message\n\
                      queue\n└─ + dead-letters  (changed outside)\n       removed outside\n\n\
                      2 to create, 1 to update, 1 to replace, 2 resources changed outside, 1 resource as it should be";
        assert_eq!(drawn, should);
    }

    #[test]
    fn a_plan_for_itself_says_where_it_would_be_carried_out() {
        let place = |target: &str| Place {
            stage: "prod".into(),
            target: target.into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            caller: (target == "aws").then(|| "arn:aws:iam::123456789012:user/ann".into()),
        };
        let drawn = |target| forecast(&place(target), &[], &Style::default());
        assert!(drawn("aws").starts_with(
            "stage prod on aws, account 123456789012, eu-west-1, as arn:aws:iam::123456789012:user/ann\n"
        ));
        assert!(drawn("local").starts_with("stage prod in the local cloud, eu-west-1\n"));
    }

    #[test]
    fn an_empty_plan_is_one_line() {
        let drawn = tree(&[step("queue/a", Act::Keep), step("queue/b", Act::Keep)], &Style::default());
        assert_eq!(drawn, "nothing to change, 2 resources as they should be");
    }
}
