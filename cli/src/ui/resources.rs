//! Every resource of a stage with its state, grouped by kind, in 80 columns. Must not know how they were looked at.

use crate::event::ResourceShown;

use super::style::{Style, count, width};

/// How wide the list may be.
const COLUMNS: usize = 80;
/// The kind that has a table of its own: only what is amiss of it stands here too.
const FUNCTION: &str = "function";
/// The state of what is there and works, but is not as wanted.
const DIFFERS: &str = "differs";

/// The resources of one kind that are in one state.
struct Group<'a> {
    kind: &'a str,
    state: &'a str,
    members: Vec<&'a ResourceShown>,
}

/// The list, and a line that sums it up.
pub(super) fn resources(resources: &[ResourceShown], style: &Style) -> String {
    let groups = groups(resources);
    let kinds = column("KIND", groups.iter().map(|group| group.kind));
    let states = column("STATE", groups.iter().map(|group| group.state));
    let mut text = style.dim(&format!("{:<kinds$}{:<states$}NAMES", "KIND", "STATE"));
    let mut last = "";
    for group in &groups {
        let kind = if group.kind == last { "" } else { group.kind };
        last = group.kind;
        let names: Vec<String> = group.members.iter().map(|one| member(one, group.state)).collect();
        let gap = " ".repeat(states - width(group.state));
        let names = wrapped(&names, kinds + states);
        text.push_str(&format!("\n{kind:<kinds$}{}{gap}{names}", painted(group, style)));
    }
    format!("{text}\n{}", summary(resources, style))
}

/// How wide a column is, with the gap behind it.
fn column<'a>(heading: &'a str, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.chain([heading]).map(width).max().unwrap_or_default() + 2
}

/// By kind in alphabetical order, and within it by state.
fn groups(resources: &[ResourceShown]) -> Vec<Group<'_>> {
    let mut sorted: Vec<&ResourceShown> = resources.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in sorted {
        let (kind, state) = (one.id.split('/').next().unwrap_or_default(), state(one));
        if kind == FUNCTION && is_well(one) {
            continue;
        }
        match groups.iter_mut().find(|group| group.kind == kind && group.state == state) {
            Some(group) => group.members.push(one),
            None => groups.push(Group { kind, state, members: vec![one] }),
        }
    }
    groups.sort_by_key(|group| group.kind);
    groups
}

fn is_well(one: &ResourceShown) -> bool {
    one.healthy && one.differs.is_empty()
}

fn state(one: &ResourceShown) -> &str {
    if one.healthy && !one.differs.is_empty() { DIFFERS } else { &one.state }
}

fn painted(group: &Group<'_>, style: &Style) -> String {
    let healthy = group.members.iter().all(|one| one.healthy);
    match group.state {
        DIFFERS => style.careful(DIFFERS),
        state if healthy => style.good(state),
        state => style.bad(state),
    }
}

/// A name, with what is to be said of it.
fn member(one: &ResourceShown, state: &str) -> String {
    let name = one.id.split_once('/').map_or(one.id.as_str(), |(_, name)| name);
    let fields = one.differs.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
    let differs = match (fields.is_empty(), state) {
        (true, _) => None,
        (false, DIFFERS) => Some(fields),
        (false, _) => Some(format!("differs in {fields}")),
    };
    let said: Vec<String> = if state == DIFFERS { vec![] } else { one.detail.clone().into_iter().collect() };
    let said = said.into_iter().chain(differs).collect::<Vec<_>>().join("; ");
    if said.is_empty() { name.to_owned() } else { format!("{name} ({said})") }
}

/// Items with commas between, broken before the last column; every line but the first is indented.
fn wrapped(items: &[String], indent: usize) -> String {
    let (mut text, mut at) = (String::new(), indent);
    for (n, item) in items.iter().enumerate() {
        let comma = usize::from(n + 1 < items.len());
        if n > 0 && at + 1 + width(item) + comma > COLUMNS {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            at = indent;
        } else if n > 0 {
            text.push(' ');
            at += 1;
        }
        text.push_str(item);
        text.push_str(&",".repeat(comma));
        at += width(item) + comma;
    }
    text
}

fn summary(resources: &[ResourceShown], style: &Style) -> String {
    let well = resources.iter().filter(|one| is_well(one)).count();
    if well == resources.len() {
        return format!("{} {} as they should be", style.good("✓"), count(well, "resource"));
    }
    let differing = resources.iter().filter(|one| one.healthy && !one.differs.is_empty()).count();
    let amiss = [(differing, "not as wanted"), (resources.len() - well - differing, "absent or not working")];
    let amiss: Vec<String> = amiss.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let next = format!("{} {}", style.dim("next:"), style.accent(&style.command("chatctl plan")));
    format!("{} of {}: {}\n {next}", style.careful("!"), count(resources.len(), "resource"), amiss.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FieldChange;

    fn one(id: &str, state: &str) -> ResourceShown {
        ResourceShown { id: id.into(), healthy: state != "absent", state: state.into(), ..ResourceShown::default() }
    }

    fn plain() -> Style {
        Style { called: "chatctl".into(), ..Style::default() }
    }

    #[test]
    fn resources_are_grouped_by_kind_and_state_and_each_is_named() {
        let mut all = vec![one("table/stage", "active"), one("table/clients", "active"), one("api/http", "active")];
        all[1].detail = Some("about 3 items".into());
        all.push(one("function/serve-page", "active"));
        let should = "KIND   STATE   NAMES\napi    active  http\ntable  active  clients (about 3 items), stage\n\
                      ✓ 4 resources as they should be";
        assert_eq!(resources(&all, &plain()), should);
    }

    #[test]
    fn what_differs_is_shown_with_the_names_of_its_fields_and_what_is_absent_as_absent() {
        let mut all = vec![one("function/serve-page", "active"), one("role/a", "present"), one("role/b", "absent")];
        all[0].detail = Some("version 3".into());
        all[0].differs = ["memory", "timeout"]
            .map(|name| FieldChange { name: name.into(), before: "1".into(), after: "2".into(), why: None })
            .into();
        let should = "KIND      STATE    NAMES\nfunction  differs  serve-page (memory, timeout)\n\
                      role      present  a\n          absent   b\n\
                      ! of 3 resources: 1 not as wanted, 1 absent or not working\n next: chatctl plan";
        assert_eq!(resources(&all, &plain()), should);
    }

    #[test]
    fn a_long_list_of_names_stays_within_80_columns() {
        let names = ["register-client", "retrieve-messages", "store-message", "forward-messages", "notify-clients"];
        let all: Vec<ResourceShown> = names.iter().map(|name| one(&format!("log-group/{name}"), "present")).collect();
        let text = resources(&all, &plain());
        assert!(text.lines().all(|line| width(line) <= COLUMNS), "{text}");
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
