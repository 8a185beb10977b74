//! `cargo xtask rows`: every row of docs/aws-behaviour.md with the tests that name it; a row without a test is an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, root};

/// The table of the rows.
const TABLE: &str = "docs/aws-behaviour.md";
/// Where tests stand.
const SOURCES: [&str; 2] = ["cli", "functions"];

/// Prints the table; fails where a row has no test, or a test names a row that is not there.
pub(crate) fn run() -> Result<(), Failure> {
    listed(|line| println!("{line}"))
}

/// The same without the table.
pub(crate) fn check() -> Result<(), Failure> {
    listed(|_| {})
}

fn listed(mut say: impl FnMut(&str)) -> Result<(), Failure> {
    let table = fs::read_to_string(root().join(TABLE))?;
    let rows: Vec<(u32, &str)> = table.lines().filter_map(row).collect();
    let mut tests: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for folder in SOURCES {
        for path in sources(&root().join(folder))? {
            for (row, test) in tests_of(&fs::read_to_string(path)?) {
                tests.entry(row).or_default().push(test);
            }
        }
    }
    for (number, does) in &rows {
        say(&format!("A{number:<4}{does}"));
        for test in tests.get(number).into_iter().flatten() {
            say(&format!("     {test}"));
        }
    }
    let bare: Vec<String> = rows.iter().filter(|(n, _)| !tests.contains_key(n)).map(|(n, _)| format!("A{n}")).collect();
    let unknown = tests.keys().filter(|number| !rows.iter().any(|(row, _)| row == *number));
    let unknown: Vec<String> = unknown.map(|number| format!("A{number}")).collect();
    match (bare.is_empty(), unknown.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("no test names {}", bare.join(", ")).into()),
        (true, false) => Err(format!("tests name {}, which {TABLE} has not", unknown.join(", ")).into()),
    }
}

/// A row of the table: its number, and what AWS does.
fn row(line: &str) -> Option<(u32, &str)> {
    let mut cells = line.strip_prefix("| A")?.split(" | ");
    Some((cells.next()?.trim().parse().ok()?, cells.next()?))
}

fn sources(under: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut folders) = (Vec::new(), vec![under.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The tests of a file with the rows that they name: in the name (`a9_…`) or in the comment right above.
fn tests_of(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let (mut named, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("//") {
            named.extend(rows_in(line));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = function.filter(|_| is_test).and_then(|rest| rest.split('(').next()) {
                let own: Option<u32> = name.strip_prefix('a').and_then(|rest| rest.split('_').next()?.parse().ok());
                named.extend(own);
                named.sort_unstable();
                named.dedup();
                found.extend(named.iter().map(|row| (*row, name.to_owned())));
            }
            (named, is_test) = (Vec::new(), false);
        }
    }
    found
}

/// The rows that a comment names: `A9`, also in `(A12, A21)`.
fn rows_in(comment: &str) -> Vec<u32> {
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix('A')?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_its_rows_in_its_name_or_right_above() {
        let text = "#[test]\nfn a9_waits() {\n}\n/// Adopted (A12, A21).\n#[tokio::test(x)]\nasync fn adopts() {}\n\
                    // A5\nfn no_test() {}\n#[test]\nfn names_none() {}";
        let found: Vec<(u32, String)> = tests_of(text);
        let found: Vec<(u32, &str)> = found.iter().map(|(row, name)| (*row, name.as_str())).collect();
        assert_eq!(found, [(9, "a9_waits"), (12, "adopts"), (21, "adopts")]);
    }

    #[test]
    fn a_row_is_read_from_the_table() {
        assert_eq!(row("| A7 | does this | here |"), Some((7, "does this")));
        assert_eq!(row("| row | what |"), None);
    }
}
