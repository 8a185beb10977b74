//! Files that are made from what the tool says and does: compared, or written anew with `CHATCTL_BLESS=1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::root;

/// How many lines around a difference are shown.
const AROUND: usize = 2;

fn blessed() -> bool {
    std::env::var_os("CHATCTL_BLESS").is_some()
}

/// One file of the checkout must hold exactly this.
pub(crate) fn file(path: &str, should: &str) {
    let place = root().join(path);
    if blessed() {
        fs::write(&place, should).unwrap();
    }
    let is = fs::read_to_string(&place).unwrap_or_default();
    assert!(is == should, "{path} is not what the code says; {}", difference(&is, should));
}

/// A folder of the checkout must hold exactly these files, by name.
pub(crate) fn folder(path: &str, files: &BTreeMap<String, String>) {
    let place = root().join(path);
    let there: Vec<String> = fs::read_dir(&place)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    if blessed() {
        fs::create_dir_all(&place).unwrap();
        for name in there.iter().filter(|name| !files.contains_key(*name)) {
            fs::remove_file(place.join(name)).unwrap();
        }
        for (name, text) in files {
            fs::write(place.join(name), text).unwrap();
        }
        return;
    }
    let mut wrong = String::new();
    for name in there.iter().filter(|name| !files.contains_key(*name)) {
        writeln!(wrong, "{path}/{name}: nothing prints this any more").unwrap();
    }
    for (name, is) in files {
        let should = fs::read_to_string(place.join(name)).unwrap_or_default();
        if should != *is {
            writeln!(wrong, "{path}/{name}; {}", difference(&should, is)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What to type, and the lines that differ.
fn difference(before: &str, after: &str) -> String {
    format!("write it anew with CHATCTL_BLESS=1 if this is right:\n{}", lines(before, after))
}

/// The lines that went (-) and came (+), with a few around them.
fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    // The longest common subsequence of each pair of rests.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a][b] =
                if old[a] == new[b] { common[a + 1][b + 1] + 1 } else { common[a + 1][b].max(common[a][b + 1]) };
        }
    }
    let (mut a, mut b, mut all) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            all.push((' ', old[a]));
            (a, b) = (a + 1, b + 1);
        } else if b == new.len() || a < old.len() && common[a + 1][b] >= common[a][b + 1] {
            all.push(('-', old[a]));
            a += 1;
        } else {
            all.push(('+', new[b]));
            b += 1;
        }
    }
    let near =
        |at: usize| all[at.saturating_sub(AROUND)..all.len().min(at + AROUND + 1)].iter().any(|line| line.0 != ' ');
    (0..all.len()).filter(|at| near(*at)).map(|at| format!("{} {}\n", all[at].0, all[at].1)).collect()
}

#[test]
fn a_difference_is_shown_as_the_lines_that_went_and_came() {
    assert_eq!(lines("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nE\nf\n"), "  c\n  d\n- e\n+ E\n  f\n");
    assert_eq!(lines("a\n", "a\n"), "");
    assert_eq!(lines("", "a\nb\n"), "+ a\n+ b\n");
}
