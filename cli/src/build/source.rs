//! Where the source checkout is. Must not know what is built from it.

use std::path::{Path, PathBuf};

/// The root of a checkout of this workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    root: PathBuf,
}

/// There is no checkout to build the functions from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceMissing {
    /// Nobody named one, and none is near.
    #[error("cannot find the functions' source: {looked} is in no checkout of chatctl, and the one it was built in is gone", looked = looked.display())]
    Nowhere {
        /// Where the search began.
        looked: PathBuf,
    },
    /// What was named is none.
    #[error("{named} is no checkout of chatctl: it has no functions/store-message", named = named.display())]
    Other {
        /// What was named.
        named: PathBuf,
    },
}

impl SourceMissing {
    pub(super) fn next(&self) -> String {
        "chatctl up --source CHECKOUT".to_owned()
    }
}

impl Source {
    /// Finds the checkout: the one named, else the one around the current folder, else the one
    /// that this program was compiled in.
    pub fn find(named: Option<&Path>, current: &Path) -> Result<Self, SourceMissing> {
        Self::search(named, current, Path::new(env!("CARGO_MANIFEST_DIR")).parent())
    }

    fn search(named: Option<&Path>, current: &Path, compiled_in: Option<&Path>) -> Result<Self, SourceMissing> {
        if let Some(named) = named {
            let root = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
            return is_checkout(&root)
                .then_some(Self { root })
                .ok_or_else(|| SourceMissing::Other { named: named.to_owned() });
        }
        current
            .ancestors()
            .chain(compiled_in)
            .find(|folder| is_checkout(folder))
            .map(|folder| Self { root: folder.to_owned() })
            .ok_or_else(|| SourceMissing::Nowhere { looked: current.to_owned() })
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
        let refused = Source::find(Some(Path::new("/proc")), Path::new("/")).unwrap_err();
        assert!(refused.to_string().starts_with("/proc is no checkout of chatctl"), "{refused}");
    }

    #[test]
    fn an_installed_chatctl_outside_a_checkout_says_how_to_name_one() {
        let refused = Source::search(None, Path::new("/proc"), Some(Path::new("/gone"))).unwrap_err();
        assert!(refused.to_string().contains("/proc is in no checkout"), "{refused}");
        assert_eq!(refused.next(), "chatctl up --source CHECKOUT");
    }
}
