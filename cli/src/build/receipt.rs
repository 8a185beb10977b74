//! What the last build read and what it made, so that a build of nothing new costs milliseconds.
//! Must not know how anything is built. A receipt that cannot be read or trusted is no receipt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::package::Packing;
use super::recipe::{Recipe, Way};
use super::toolchain::Toolchain;
use super::{Elf, Executable, Source};

const VERSION: u32 = 3;
/// Variables that change what cargo makes (and that `cargo run` itself does not set).
const VARIABLES: [&str; 7] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_TARGET_DIR",
    "CC",
    "CFLAGS",
];
/// More files than a checkout has: beyond it there is no receipt.
const MOST_FILES: usize = 20_000;

/// Where the receipt is kept, and for which environment it holds.
pub(super) struct Place {
    path: PathBuf,
    variables: BTreeMap<String, String>,
    packing: Packing,
}

impl Place {
    /// In the folder that cargo builds into.
    pub(super) fn of(source: &Source, tools: &Toolchain, recipe: Recipe, way: Way) -> Self {
        let folder = tools.variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let variables = VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), tools.variable(name)?.into_string().ok()?)))
            .collect();
        let path = source.root().join(folder).join(recipe.folder(way)).join(".chatctl-build.json");
        Self { path, variables, packing: recipe.profile.packing() }
    }

    /// Whether anything was ever built there.
    pub(super) fn was_used(&self) -> bool {
        self.path.exists()
    }
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    v: u32,
    variables: BTreeMap<String, String>,
    /// Every file that was read, and the folders in which a new one would count.
    read: BTreeMap<PathBuf, Stamp>,
    made: Vec<Made>,
}

#[derive(Serialize, Deserialize)]
struct Made {
    name: String,
    path: PathBuf,
    stamp: Stamp,
    elf: Elf,
    zip_sha256_base64: String,
    zip_bytes: u64,
}

/// A file as it was: changed when any of it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    modified_ns: u128,
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        // A folder's size says nothing, its time says that something came or went.
        let bytes = if metadata.is_dir() { 0 } else { metadata.len() };
        Some(Self { modified_ns: modified.as_nanos(), bytes })
    }
}

/// The executables of the last build, when nothing that it read has changed since.
pub(super) fn unchanged(place: &Place, names: &[&str]) -> Option<Vec<Executable>> {
    let receipt: Receipt = serde_json::from_slice(&std::fs::read(&place.path).ok()?).ok()?;
    if receipt.v != VERSION || receipt.variables != place.variables {
        return None;
    }
    let same = |path: &Path, stamp: &Stamp| Stamp::of(path).as_ref() == Some(stamp);
    if !receipt.read.iter().all(|(path, stamp)| same(path, stamp)) {
        return None;
    }
    let mut made: BTreeMap<String, Made> = receipt.made.into_iter().map(|made| (made.name.clone(), made)).collect();
    names
        .iter()
        .map(|name| {
            let made = made.remove(*name)?;
            same(&made.path, &made.stamp).then_some(Executable {
                name: made.name,
                path: made.path,
                bytes: made.stamp.bytes,
                elf: made.elf,
                zip_sha256_base64: made.zip_sha256_base64,
                zip_bytes: made.zip_bytes,
                packing: place.packing,
            })
        })
        .collect()
}

/// Writes what was read and made; where that is not certain, there is no receipt, and the next
/// build asks cargo.
pub(super) fn write(place: &Place, source: &Source, executables: &[Executable], began: SystemTime) {
    let written = record(place, source, executables, began).and_then(|receipt| {
        let text = serde_json::to_vec(&receipt).ok()?;
        let draft = place.path.with_extension(format!("{}", std::process::id()));
        std::fs::create_dir_all(place.path.parent()?).ok()?;
        std::fs::write(&draft, text).ok()?;
        std::fs::rename(&draft, &place.path).ok()
    });
    if written.is_none() {
        // Nothing to tell: it only costs the next build its half second.
        let _ = std::fs::remove_file(&place.path);
    }
}

fn record(place: &Place, source: &Source, executables: &[Executable], began: SystemTime) -> Option<Receipt> {
    let mut read = BTreeMap::new();
    for executable in executables {
        let depends = std::fs::read_to_string(executable.path.with_extension("d")).ok()?;
        for path in dependencies(&depends) {
            note(&mut read, &source.root().join(path))?;
        }
    }
    for manifest in manifests(source, &read) {
        note(&mut read, &manifest)?;
    }
    let began_ns = began.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    // Edited while it was compiled: which of the two was read, nobody can say.
    if read.values().any(|stamp| stamp.modified_ns >= began_ns) {
        return None;
    }
    let made = executables
        .iter()
        .map(|executable| {
            Some(Made {
                name: executable.name.clone(),
                path: executable.path.clone(),
                stamp: Stamp::of(&executable.path)?,
                elf: executable.elf.clone(),
                zip_sha256_base64: executable.zip_sha256_base64.clone(),
                zip_bytes: executable.zip_bytes,
            })
        })
        .collect::<Option<_>>()?;
    Some(Receipt { v: VERSION, variables: place.variables.clone(), read, made })
}

/// Notes a file, or a folder with all that is in it.
fn note(read: &mut BTreeMap<PathBuf, Stamp>, path: &Path) -> Option<()> {
    if read.contains_key(path) {
        return Some(());
    }
    if read.len() >= MOST_FILES {
        return None;
    }
    read.insert(path.to_owned(), Stamp::of(path)?);
    if path.is_dir() {
        for entry in std::fs::read_dir(path).ok()? {
            note(read, &entry.ok()?.path())?;
        }
    }
    Some(())
}

/// The manifests, the lock file, and the settings of cargo that are there.
fn manifests(source: &Source, read: &BTreeMap<PathBuf, Stamp>) -> Vec<PathBuf> {
    let root = source.root();
    let mut manifests: Vec<PathBuf> = read
        .keys()
        .filter(|path| path.starts_with(root))
        .flat_map(|path| path.ancestors().take_while(|folder| folder.starts_with(root)))
        .map(|folder| folder.join("Cargo.toml"))
        .collect();
    manifests.push(root.join("Cargo.lock"));
    manifests.extend(
        ["rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml", ".cargo/config"].map(|name| root.join(name)),
    );
    manifests.sort();
    manifests.dedup();
    manifests.retain(|path| path.is_file());
    manifests
}

/// The right side of the one rule in a dep-info file: paths, a blank in a name behind a backslash.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let rule = text.lines().next().unwrap_or_default();
    let Some((_, right)) = rule.split_once(": ") else { return Vec::new() };
    let mut paths = vec![String::new()];
    let mut characters = right.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&' ') => {
                characters.next();
                last(&mut paths).push(' ');
            }
            ' ' => paths.push(String::new()),
            other => last(&mut paths).push(other),
        }
    }
    paths.into_iter().filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

fn last(paths: &mut [String]) -> &mut String {
    match paths.last_mut() {
        Some(path) => path,
        None => unreachable!("the list begins with one path and only grows"),
    }
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
