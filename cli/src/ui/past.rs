//! The history of a stage as a table. Knows only the deploys that are told.

use std::collections::BTreeMap;

use crate::event::{DeployShown, Went};

use super::lines::resource;
use super::result::clock;
use super::style::{Style, span};
use super::table::table;

/// So many changes are named; of more only how many there were is said.
const NAMED: usize = 2;

/// The table, and what to type to go back.
pub(super) fn past(stage: &str, deploys: &[DeployShown], style: &Style) -> String {
    if deploys.is_empty() {
        return format!("{} has no deploys yet", style.bold(stage));
    }
    let rows: Vec<[String; 7]> = deploys.iter().map(|deploy| row(deploy, style)).collect();
    table(["DEPLOY", "WHEN", "BY", "COMMIT", "TOOK", "PROOF", "WHAT"], &rows, style)
}

fn row(deploy: &DeployShown, style: &Style) -> [String; 7] {
    let number = if deploy.deploy == 0 { "-".to_string() } else { deploy.deploy.to_string() };
    // Of an ARN its last part says who.
    let by = deploy.by.rsplit('/').next().unwrap_or_default().to_string();
    let commit = deploy.commit.as_deref().map_or_else(|| "-".to_string(), |id| id.chars().take(7).collect());
    let commit = if deploy.clean == Some(false) { format!("{commit}+") } else { commit };
    let went = match deploy.went {
        Went::Proved => style.good("proved"),
        Went::Unproved => style.careful("not proved"),
        Went::Unasked => "not asked".to_string(),
        Went::Failed => style.bad("failed"),
        Went::Undone => style.bad("rolled back"),
    };
    let time = clock(&deploy.time, "%H:%M");
    [number, time, by, commit, span(deploy.ms as f64), went, what(deploy)]
}

fn what(deploy: &DeployShown) -> String {
    let changed = match deploy.changes.len() {
        0 => "nothing".to_string(),
        1..=NAMED => deploy.changes.iter().map(|change| resource(change)).collect::<Vec<_>>().join(", "),
        _ => {
            let mut verbs: BTreeMap<&str, usize> = BTreeMap::new();
            for change in &deploy.changes {
                *verbs.entry(change.split(' ').next().unwrap_or_default()).or_default() += 1;
            }
            let counted: Vec<String> = verbs.iter().map(|(verb, n)| format!("{verb} {n}")).collect();
            counted.join(", ")
        }
    };
    match deploy.back_to {
        Some(to) => format!("back to {to}: {changed}"),
        None => changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy(deploy: u64, went: Went, changes: &[&str]) -> DeployShown {
        DeployShown {
            deploy,
            time: "2025-01-02T03:04:05Z".into(),
            by: "ann@laptop".into(),
            command: "chatctl up".into(),
            commit: Some("0123456789abcdef".into()),
            clean: Some(true),
            changes: changes.iter().map(|change| (*change).to_string()).collect(),
            ms: 1_234,
            went,
            back_to: None,
        }
    }

    #[test]
    fn the_newest_deploy_stands_first_with_what_it_did_and_what_became_of_it() {
        let arn = "arn:aws:sts::123456789012:assumed-role/deployer/ann";
        let deploys = [
            DeployShown { back_to: Some(2), ..deploy(4, Went::Proved, &["update function/store-message"]) },
            DeployShown { clean: Some(false), ..deploy(3, Went::Undone, &["update function/store-message"]) },
            DeployShown { by: arn.into(), commit: None, clean: None, ..deploy(2, Went::Unasked, &[]) },
            deploy(1, Went::Proved, &["create table/stage", "create queue/a", "create queue/b", "update role/c"]),
        ];
        let shown = past("dev", &deploys, &Style::default());
        let columns: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(columns[0], ["DEPLOY", "WHEN", "BY", "COMMIT", "TOOK", "PROOF", "WHAT"]);
        let without_time = |row: &[&str]| [&row[..1], &row[2..]].concat().join("|");
        let rows: Vec<String> = columns[1..].iter().map(|row| without_time(row)).collect();
        assert_eq!(
            rows,
            [
                "4|ann@laptop|0123456|1.2 s|proved|back to 2: update function store-message",
                "3|ann@laptop|0123456+|1.2 s|rolled back|update function store-message",
                "2|ann|-|1.2 s|not asked|nothing",
                "1|ann@laptop|0123456|1.2 s|proved|create 3, update 1",
            ]
        );
    }

    #[test]
    fn a_stage_without_deploys_says_so() {
        assert_eq!(past("dev", &[], &Style::default()), "dev has no deploys yet");
    }
}
