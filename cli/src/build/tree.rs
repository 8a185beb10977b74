//! The source as it stands on disk: every file that the functions are built of, with its time and size, so that it can
//! be asked again and again what was saved. Must not know what is built.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Source;

/// What the functions are built of: their crates, the page that is compiled in, and what cargo goes by.
const ROOTS: [&str; 6] = ["functions", "web", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"];
/// Folders in which nothing is source.
const SKIPPED: [&str; 2] = ["target", "node_modules"];
/// More files than a checkout has: what comes behind them is not watched.
const MOST_FILES: usize = 20_000;

/// The files of a source as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Stamp>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Tree {
    /// Looks.
    pub fn of(source: &Source) -> Self {
        let mut tree = Self::default();
        for root in ROOTS {
            tree.note(source.root(), Path::new(root));
        }
        tree
    }

    /// The files that were saved, added or removed since an earlier look, relative to the checkout.
    pub fn since(&self, earlier: &Self) -> Vec<PathBuf> {
        let saved = self.0.iter().filter(|(path, stamp)| earlier.0.get(*path) != Some(stamp));
        let removed = earlier.0.keys().filter(|path| !self.0.contains_key(*path));
        saved.map(|(path, _)| path).chain(removed).cloned().collect()
    }

    fn note(&mut self, root: &Path, path: &Path) {
        let Ok(metadata) = fs::metadata(root.join(path)) else { return };
        if !metadata.is_dir() {
            self.0.insert(path.to_owned(), stamp(&metadata));
            return;
        }
        let Ok(entries) = fs::read_dir(root.join(path)) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // An editor's own files begin with a dot or end with a tilde.
            let name = name.to_string_lossy();
            let skipped = SKIPPED.contains(&&*name) || name.starts_with('.') || name.ends_with('~');
            if !skipped && self.0.len() < MOST_FILES {
                self.note(root, &path.join(&*name));
            }
        }
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), bytes: metadata.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_added_and_removed_is_named_and_what_is_no_source_is_not() {
        let root = std::env::temp_dir().join(format!("chatctl-tree-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for path in ["Cargo.toml", "functions/store-message/Cargo.toml", "web/app.js", "web/old.js"] {
            write(path, "1");
        }
        let source = Source::find(Some(&root), Path::new("/")).unwrap();
        let before = Tree::of(&source);
        assert!(Tree::of(&source).since(&before).is_empty());
        write("web/app.js", "22");
        write("web/new.js", "1");
        for path in ["web/node_modules/x.js", "functions/target/x", "web/.app.js.swp", "web/app.js~", "docs/x.md"] {
            write(path, "1");
        }
        fs::remove_file(root.join("web/old.js")).unwrap();
        let saved = Tree::of(&source).since(&before);
        assert_eq!(saved, ["web/app.js", "web/new.js", "web/old.js"].map(PathBuf::from));
        fs::remove_dir_all(root).unwrap();
    }
}
