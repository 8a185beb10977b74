//! Which commit a checkout stands at, and whether anything in it was changed since. Must not know
//! what is built from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::Source;

/// How long git may look through the checkout.
const LOOKED: Duration = Duration::from_secs(5);

/// The commit that something was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Whether the checkout was exactly this commit; `None` where git is not there to tell.
    pub clean: Option<bool>,
}

impl Commit {
    /// The commit of a checkout; `None` where it is no clone.
    pub async fn of(source: &Source) -> Option<Self> {
        let id = head(source.root())?;
        Some(Self { id, clean: clean(source.root()).await })
    }

    /// As it is shown: `1a2b3c4`, with a `+` where there is more than the commit.
    pub fn short(&self) -> String {
        let id: String = self.id.chars().take(7).collect();
        if self.clean == Some(false) { format!("{id}+") } else { id }
    }
}

/// The commit of `HEAD`, read as git keeps it: a detached one, a loose reference, or a packed one.
fn head(root: &Path) -> Option<String> {
    let own = folder(root)?;
    // A worktree has a HEAD of its own, and its references where they all are.
    let shared = fs::read_to_string(own.join("commondir")).map_or_else(|_| own.clone(), |path| own.join(path.trim()));
    let head = fs::read_to_string(own.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else { return an_id(&head) };
    if let Some(id) = fs::read_to_string(shared.join(reference)).ok().and_then(|id| an_id(&id)) {
        return Some(id);
    }
    let packed = fs::read_to_string(shared.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| line.strip_suffix(reference)?.strip_suffix(' ').and_then(an_id))
}

/// Where git keeps what belongs to this checkout.
fn folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let pointer = fs::read_to_string(git).ok()?;
    Some(root.join(pointer.trim().strip_prefix("gitdir: ")?))
}

fn an_id(text: &str) -> Option<String> {
    let id = text.trim();
    let hexadecimal = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| id.to_owned())
}

/// Whether git sees nothing to commit; it takes no lock for it.
async fn clean(root: &Path) -> Option<bool> {
    let mut git = Command::new("git");
    git.args(["--no-optional-locks", "status", "--porcelain"]).current_dir(root);
    git.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let out = tokio::time::timeout(LOOKED, git.output()).await.ok()?.ok()?;
    out.status.success().then_some(out.stdout.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    /// A folder of its own, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("chatctl-commit-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_commit_is_read_wherever_git_keeps_it() {
        let branch = "ref: refs/heads/main\n";
        let packed = format!("# pack-refs with: peeled\nffff{}\trefs/heads/x\n{ID} refs/heads/main\n", &ID[4..]);
        let table: [(&str, &[(&str, &str)], &str); 4] = [
            ("detached", &[(".git/HEAD", ID)], ""),
            ("loose", &[(".git/HEAD", branch), (".git/refs/heads/main", ID)], ""),
            ("packed", &[(".git/HEAD", branch), (".git/packed-refs", &packed)], ""),
            (
                "worktree",
                &[
                    ("main/.git/worktrees/w/HEAD", branch),
                    ("main/.git/worktrees/w/commondir", "../..\n"),
                    ("main/.git/refs/heads/main", ID),
                    ("w/.git", "gitdir: ../main/.git/worktrees/w\n"),
                ],
                "w",
            ),
        ];
        for (name, files, under) in table {
            let folder = Folder::with(name, files);
            assert_eq!(head(&folder.0.join(under)).as_deref(), Some(ID), "{name}");
        }
        assert_eq!(head(&Folder::with("none", &[("Cargo.toml", "")]).0), None);
    }

    #[test]
    fn a_checkout_with_changes_shows_that_it_is_more_than_its_commit() {
        let commit = |clean| Commit { id: ID.to_owned(), clean };
        assert_eq!(commit(Some(true)).short(), "0123456");
        assert_eq!(commit(Some(false)).short(), "0123456+");
        assert_eq!(commit(None).short(), "0123456");
    }
}
