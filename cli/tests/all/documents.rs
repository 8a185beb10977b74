//! Documents that are made from the code, and must say what it says. `CHATCTL_BLESS=1` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::house::sources;
use crate::{root, written};

/// What the last section of docs/ARCHITECTURE.md begins with.
const EVERY_FILE: &str = "## Every file, and its one job\nMade from how each file begins: \
                          `CHATCTL_BLESS=1 cargo xtask test architecture_md` writes it anew.\n";

/// The folders of source files, in the order in which they are best read.
const FOLDERS: [&str; 13] = [
    "cli/src",
    "cli/reconcile/src",
    "cli/localcloud/src",
    "functions/chat/src",
    "functions/chat-aws/src",
    "functions/register-client",
    "functions/retrieve-messages",
    "functions/store-message",
    "functions/forward-messages",
    "functions/notify-clients",
    "functions/serve-page",
    "web",
    "cli/xtask/src",
];

/// Files that can't say it themselves.
const SILENT: [(&str, &str); 3] = [
    ("web/icon.svg", "The page's icon, and that of its notifications"),
    ("web/index.html", "The frame of the page: everything that is there before a script runs"),
    ("web/manifest.webmanifest", "What the page is called where it is installed"),
];

const INTRODUCTION: &str = "# The local cloud

AWS on loopback, inside the `chatctl` binary: one port for AWS's protocols and for push, one for each HTTP API. State is on disk, in the
platform's state folder or `CHATCTL_STATE_DIR`; `kill -9` of any process loses nothing that was acknowledged. It takes requests from this
machine only: `Host` must be its own, and a foreign `Origin` is refused. `chatctl status` shows the endpoint and the fixed credentials with
which the SDKs, boto3 and the AWS command line work against it; `chatctl logs --cloud` shows its own log.

The push service speaks RFC 8030 with VAPID (RFC 8292) to senders and Mozilla's push protocol over WebSocket to clients: point a test
Firefox's `dom.push.serverURL` at the address that `status` shows. Signatures are not checked and roles are kept, not enforced.

A call that is not listed here is refused by its name, never answered with a made-up success.
";

#[test]
fn local_cloud_md_lists_every_call_that_the_code_implements() {
    let mut text = INTRODUCTION.to_owned();
    for (service, calls) in localcloud::implemented() {
        let mut calls = calls.to_vec();
        calls.sort_unstable();
        let calls: Vec<String> = calls.iter().map(|call| format!("`{call}`")).collect();
        write!(text, "\n## {service}\n{}\n", calls.join(", ")).unwrap();
    }
    written::file("docs/local-cloud.md", &text);
}

#[test]
fn architecture_md_names_every_file_with_its_one_job() {
    let path = root().join("docs/ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap();
    let by_hand = text.split("## Every file").next().unwrap().trim_end();
    let mut whole = format!("{by_hand}\n\n{EVERY_FILE}");
    for folder in FOLDERS {
        let mut rows: Vec<(String, String)> =
            files(folder).iter().map(|file| (named(folder, file), job(file))).collect();
        rows.extend(SILENT.iter().filter_map(|(file, job)| {
            let name = file.strip_prefix(folder)?.strip_prefix('/')?;
            root().join(file).exists().then(|| (name.to_owned(), (*job).to_owned()))
        }));
        rows.sort();
        write!(whole, "\n### `{folder}`\n| file | its job |\n|---|---|\n").unwrap();
        for (name, job) in rows {
            assert!(!job.is_empty(), "{folder}/{name} does not begin by saying what it is for");
            writeln!(whole, "| `{name}` | {} |", job.replace('|', "\\|")).unwrap();
        }
    }
    written::file("docs/ARCHITECTURE.md", &whole);
}

/// The product's files of a folder; of a service of the local cloud, the one that speaks for it.
fn files(folder: &str) -> Vec<PathBuf> {
    let services = root().join("cli/localcloud/src/services");
    let is_test = |file: &Path| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
    };
    let speaks = |file: &Path| match file.strip_prefix(&services) {
        Ok(inside) => inside.components().count() == 1 || inside.ends_with("mod.rs"),
        Err(_) => true,
    };
    sources(&root().join(folder)).into_iter().filter(|file| !is_test(file) && speaks(file)).collect()
}

fn named(folder: &str, file: &Path) -> String {
    let name = file.strip_prefix(root().join(folder)).unwrap().display().to_string();
    match name.strip_suffix("/mod.rs") {
        Some(service) if service.starts_with("services/") => format!("{service}/"),
        _ => name,
    }
}

/// The first sentence of a file.
fn job(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let said =
        |line: &str| ["//!", "//", "/*"].iter().find_map(|mark| Some(line.strip_prefix(mark)?.trim().to_owned()));
    let lines: Vec<String> = text.lines().map_while(said).take_while(|line| !line.is_empty()).collect();
    let whole = lines.join(" ");
    whole.split(". ").next().unwrap_or_default().trim_end_matches("*/").trim().trim_end_matches('.').to_owned()
}
