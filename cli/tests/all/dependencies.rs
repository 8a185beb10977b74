//! Licences, sources and duplicate versions of everything that is compiled in, over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::root;

/// Licences that ask for nothing but their own text to be kept.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates in two versions, each with the reason; anything else twice is a mistake of ours.
const TWICE: &[(&str, &str)] = &[
    ("base64", "hyper-util has moved on, the Lambda runtime and the DynamoDB engine have not"),
    ("block-buffer", "the WebSocket handshake's SHA-1 is a generation behind the SDK's"),
    ("cpufeatures", "as block-buffer"),
    ("crypto-common", "as block-buffer"),
    ("digest", "as block-buffer"),
    ("sha1", "as block-buffer"),
    ("getrandom", "of ring, which the lock file names and no feature of ours turns on"),
    ("hashbrown", "rusqlite's cache is pinned by the published DynamoDB engine"),
    ("syn", "derive macros of two generations; build time only"),
];

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn packages(metadata: &Value) -> Vec<&Value> {
    let resolved: BTreeSet<&str> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| resolved.contains(package["id"].as_str().unwrap()))
        .collect()
}

/// An SPDX expression of the forms that crates use: OR of ANDs, with or without brackets, or the old `/`.
fn allowed(expression: &str) -> bool {
    expression
        .replace('/', " OR ")
        .split(" OR ")
        .any(|choice| choice.split(" AND ").all(|licence| LICENCES.contains(&licence.trim().trim_matches(['(', ')']))))
}

#[test]
fn every_licence_is_one_that_we_can_keep() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in packages(&metadata) {
        let licence = package["license"].as_str().unwrap_or("none");
        if !allowed(licence) {
            wrong.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!allowed("GPL-3.0-only") && !allowed("MIT AND GPL-3.0-only") && allowed("GPL-2.0 OR MIT"));
}

#[test]
fn everything_comes_from_the_registry_or_from_this_tree() {
    let metadata = metadata();
    for package in packages(&metadata) {
        let source = package["source"].as_str();
        assert!(
            source.is_none_or(|source| source.starts_with("registry+")),
            "{} comes from {source:?}",
            package["name"]
        );
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert!(!lock.contains("git+"), "Cargo.lock names a git repository");
}

#[test]
fn nothing_is_there_in_two_versions_without_a_reason() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages(&metadata) {
        versions.entry(package["name"].as_str().unwrap()).or_default().insert(package["version"].as_str().unwrap());
    }
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    let unexplained: Vec<_> = twice.iter().filter(|(name, _)| !TWICE.iter().any(|(known, _)| known == *name)).collect();
    assert!(unexplained.is_empty(), "in several versions: {unexplained:?}");
    for (name, _) in TWICE {
        assert!(twice.iter().any(|(found, _)| *found == name), "{name} is there once now: take it off the list");
    }
}

#[test]
fn each_dependency_of_ours_is_explained() {
    let explained = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in table.lines().filter(|line| line.contains(" = ") && !line.contains("path = ") && !line.starts_with('#'))
    {
        let name = line.split(" = ").next().unwrap();
        assert!(explained.contains(&format!("`{name}`")), "docs/dependencies.md does not say what {name} is for");
    }
}

#[test]
fn a_first_up_compiles_no_third_party_crate_again() {
    let mut build = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars().filter(|(name, _)| {
        name.starts_with("CARGO_") && !matches!(name.as_str(), "CARGO_HOME" | "CARGO_TARGET_DIR")
            || name == "LD_LIBRARY_PATH"
    }) {
        build.env_remove(name);
    }
    let out = build.args(["build", "--offline", "--message-format=json"]).current_dir(root()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let again: Vec<String> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["fresh"] == false)
        .filter(|message| message["package_id"].as_str().is_some_and(|id| id.starts_with("registry+")))
        .map(|message| message["package_id"].to_string())
        .collect();
    assert!(again.is_empty(), "compiled again by `up`: {again:?}");
}
