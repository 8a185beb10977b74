//! The house's own rules, read from the files: who may know whom, sizes, names, headers.
//! What docs/ARCHITECTURE.md says of the tree is held here, so that it stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

const FILE_LIMIT: usize = 400;

/// What each room of `cli/src` may use of the others; `event` and `failure` are open to all.
const ROOMS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("failure", &[]),
    ("stage", &[]),
    ("build", &[]),
    ("ui", &[]),
    ("member", &["stage"]),
    ("aws", &["stage"]),
    ("local", &["stage"]),
    ("stack", &["aws", "stage"]),
    ("operate", &["aws", "stage"]),
    ("deploy", &["stack", "build", "member", "aws", "stage"]),
    ("context", &["stage", "aws", "local", "ui"]),
    ("commands", &["context", "deploy", "operate", "member", "stack", "stage", "local"]),
];

/// Crates that only the named rooms of `cli/src` may name.
const CRATES: &[(&str, &[&str])] = &[
    ("localcloud", &["local"]),
    ("reconcile", &["stack", "deploy", "failure", "event"]),
    ("chat_aws", &["stack", "operate", "deploy"]),
    ("indicatif", &["ui"]),
    ("aws_config", &["aws"]),
];

/// Crates of ours and what else of ours each may depend on.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("cli/reconcile", &[]),
    ("cli/localcloud", &[]),
    ("functions/chat", &[]),
    ("functions/chat-aws", &["chat"]),
    ("functions/register-client", &["chat", "chat-aws"]),
    ("functions/retrieve-messages", &["chat", "chat-aws"]),
    ("functions/store-message", &["chat", "chat-aws"]),
    ("functions/forward-messages", &["chat", "chat-aws"]),
    ("functions/notify-clients", &["chat", "chat-aws"]),
    ("functions/serve-page", &["chat", "chat-aws"]),
];

/// Where the methods that clippy.toml disallows are allowed: the clocks, and where SDK handles are made.
const ALLOWED: &[&str] = &[
    "cli/examples/latency.rs",
    "cli/localcloud/src/clock.rs",
    "cli/src/aws/mod.rs",
    "cli/src/aws/over.rs",
    "cli/src/context.rs",
    "cli/src/ui/clock.rs",
    "cli/xtask/src/main.rs",
    "functions/chat-aws/src/moment.rs",
    "functions/chat-aws/src/start.rs",
];

const FORBIDDEN_NAMES: &[&str] = &["utils", "helpers", "common", "misc", "manager", "imp", "types", "v2"];

/// The source files under a folder, in order.
pub(crate) fn sources(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
                folders.push(path);
            } else if matches!(path.extension().and_then(|e| e.to_str()), Some("rs" | "js" | "css")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The part of a file that is the product: up to its unit tests, without comments.
fn product(text: &str) -> String {
    let upto = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    upto.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix` in a text, `{a, b}` lists included.
fn named_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => names.extend(list.split('}').next().unwrap_or("").split(',').map(|item| word(item.trim()))),
            None => {
                names.insert(word(rest));
            }
        }
    }
    names.remove("");
    names
}

fn room_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("cli/src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    Some(first.trim_end_matches(".rs").to_owned())
}

#[test]
fn each_room_of_the_tool_uses_only_the_rooms_it_may() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in sources(&root().join("cli/src")) {
        let room = room_of(&path).unwrap();
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` is not on the list", shown(&path)));
            continue;
        };
        let text = product(&fs::read_to_string(&path).unwrap());
        for used in named_after(&text, "crate::") {
            let known = allowed.contains_key(used.as_str());
            if known && used != room && !matches!(used.as_str(), "event" | "failure") && !may.contains(&used.as_str()) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", shown(&path)));
            }
        }
        for (krate, rooms) in CRATES {
            if !named_after(&text, &format!("{krate}::")).is_empty() && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}: `{room}` may not name the crate `{krate}`", shown(&path)));
            }
        }
        if room == "commands" && text.contains("aws_sdk_") {
            wrong.push(format!("{}: commands know no SDK", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_crate_depends_only_on_those_of_ours_that_it_may() {
    let ours = ["reconcile", "localcloud", "chat", "chat-aws", "chatctl"];
    for (folder, may) in MANIFESTS {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        for name in ours.iter().filter(|name| !may.contains(name)) {
            let line = format!("\n{name}.workspace");
            assert!(!manifest.contains(&line), "{folder} may not depend on {name}");
        }
        let sdk =
            manifest.lines().take_while(|line| *line != "[dev-dependencies]").any(|line| line.starts_with("aws-sdk-"));
        assert!(!sdk || *folder == "functions/chat-aws", "{folder} may not depend on an SDK");
    }
}

#[test]
fn the_chat_knows_no_clock_no_environment_and_no_network() {
    for path in sources(&root().join("functions/chat/src")) {
        let text = product(&fs::read_to_string(&path).unwrap());
        for word in
            ["SystemTime::now", "Instant::now", "std::env", "std::net::Tcp", "std::net::Udp", "std::fs", "tokio::"]
        {
            assert!(!text.contains(word), "{} names {word}", shown(&path));
        }
    }
}

#[test]
fn only_the_clocks_read_the_time_and_only_two_rooms_make_handles() {
    let product = |path: &str| !path.contains("/tests/") && !path.ends_with("_tests.rs");
    let allowed: Vec<String> = ["cli", "functions"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .filter(|path| fs::read_to_string(path).unwrap().contains("clippy::disallowed_methods"))
        .map(|path| shown(&path))
        .filter(|path| product(path))
        .collect();
    assert_eq!(allowed, ALLOWED);
    let held = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for method in ["std::time::SystemTime::now", "std::time::Instant::now", "aws_sdk_dynamodb::Client::new"] {
        assert!(held.contains(&format!("path = \"{method}\"")), "{method} is held by clippy");
    }
}

#[test]
fn files_are_of_a_size_to_be_read_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for path in ["cli", "functions", "web"].iter().flat_map(|folder| sources(&root().join(folder))) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > FILE_LIMIT {
            wrong.push(format!("{}: {lines} lines, {FILE_LIMIT} are the most", shown(&path)));
        }
        let header = match path.extension().and_then(|e| e.to_str()) {
            Some("rs") => text.starts_with("//!") || text.starts_with("#!["),
            Some("css") => text.starts_with("/*"),
            _ => text.starts_with("//") || path.components().any(|part| part.as_os_str() == "tests"),
        };
        if !header {
            wrong.push(format!("{}: does not begin by saying what it is for", shown(&path)));
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if FORBIDDEN_NAMES.contains(&stem.as_str()) {
            wrong.push(format!("{}: `{stem}` names no thing", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_page_module_has_one_concern_and_under_150_lines() {
    for path in sources(&root().join("web")).iter().filter(|path| path.extension().is_some_and(|e| e == "js")) {
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines < 150, "{}: {lines} lines", shown(path));
    }
}

#[test]
fn only_the_face_speaks_and_nothing_is_left_open() {
    let mut wrong = Vec::new();
    for path in ["cli/src", "cli/reconcile/src", "cli/localcloud/src", "functions"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
    {
        let text = product(&fs::read_to_string(&path).unwrap());
        for word in ["todo!(", "unimplemented!(", "dbg!("] {
            if text.contains(word) {
                wrong.push(format!("{}: {word}", shown(&path)));
            }
        }
        if path.ends_with("build.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue; // a build script speaks to cargo, a test to who runs it
        }
        let speaks = text.contains(" println!(") || text.contains(" print!(");
        if speaks && room_of(&path).as_deref() != Some("ui") {
            wrong.push(format!("{}: prints, and only `ui` may", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_puts_no_word_of_a_member_into_markup() {
    for path in sources(&root().join("web")) {
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(word), "{} uses {word}", shown(&path));
        }
    }
}
