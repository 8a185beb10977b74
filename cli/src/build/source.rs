//! Where the source checkout is. Must not know what is built from it.

use std::path::{Path, PathBuf};

/// The root of a checkout of this workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    root: PathBuf,
}

/// There is no checkout to build the functions from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cannot find the functions' source: looked from {looked} upwards and where chatctl was built", looked = looked.display())]
pub struct SourceMissing {
    looked: PathBuf,
}

impl SourceMissing {
    pub(super) fn next(&self) -> String {
        "cd CHECKOUT && chatctl up".to_owned()
    }
}

impl Source {
    /// Finds the checkout: the one named, else the one around the current folder, else the one
    /// that this program was compiled in.
    pub fn find(named: Option<&Path>, current: &Path) -> Result<Self, SourceMissing> {
        if let Some(named) = named {
            let root = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
            return is_checkout(&root)
                .then_some(Self { root })
                .ok_or_else(|| SourceMissing { looked: named.to_owned() });
        }
        let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        current
            .ancestors()
            .chain(compiled_in)
            .find(|folder| is_checkout(folder))
            .map(|folder| Self { root: folder.to_owned() })
            .ok_or_else(|| SourceMissing { looked: current.to_owned() })
    }

    /// The folder of the workspace's manifest.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn is_checkout(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() && folder.join("functions/store-message/Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_found_from_any_folder_inside_it() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = Source::find(None, &here.join("src/build")).unwrap();
        assert_eq!(found.root(), here.parent().unwrap());
    }

    #[test]
    fn from_elsewhere_it_is_the_one_that_chatctl_was_compiled_in() {
        let found = Source::find(None, Path::new("/")).unwrap();
        assert_eq!(found.root(), Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    }

    #[test]
    fn a_named_folder_that_is_no_checkout_is_refused_and_not_replaced() {
        assert!(Source::find(Some(Path::new("/proc")), Path::new("/")).is_err());
    }
}
