//! Who `chatctl` is as a member, kept on this computer: the member's secret, which makes its author
//! id, and the inbox that `tail` takes up again. Must not know what is posted or received.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chat::base64url;
use chat::client::InstallId;
use chat::message::MemberSecret;
use serde::{Deserialize, Serialize};

use super::inbox::Kept;
use crate::failure::{Exit, Explain};
use crate::stage::Stage;

const FOLDER: &str = "member";

/// The kept identity cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep who chatctl is in {path}", path = path.display())]
pub struct IdentityError {
    path: PathBuf,
    source: Error,
}

impl Explain for IdentityError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn next(&self) -> Option<String> {
        Some(format!("ls -ld {}", self.path.display()))
    }
}

/// A member's secret and the name of this installation.
#[derive(Clone)]
pub struct Identity {
    secret: MemberSecret,
    install: InstallId,
}

/// The same as it is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    secret: String,
    install: InstallId,
}

impl Identity {
    /// A new one that nobody keeps.
    pub fn throwaway() -> Self {
        let install = format!("chatctl-{}", base64url::encode(chat::random::bytes::<12>()));
        let Ok(install) = InstallId::parse(&install) else { unreachable!("base64url is what install ids are made of") };
        Self { secret: MemberSecret::generate(), install }
    }

    /// The one of this stage, made and kept the first time.
    pub fn of(stage: &Stage) -> Result<Self, IdentityError> {
        let path = place(stage, "member");
        let failed = |source| IdentityError { path: path.clone(), source };
        if let Some(kept) = read::<Written>(&path).map_err(failed)?.and_then(Self::of_written) {
            return Ok(kept);
        }
        let made = Self::throwaway();
        write(&path, &made.written()).map_err(failed)?;
        Ok(made)
    }

    /// What makes the author id.
    pub fn secret(&self) -> &MemberSecret {
        &self.secret
    }

    /// The install id: a subscription of the same install replaces the old one.
    pub fn install(&self) -> &InstallId {
        &self.install
    }

    fn written(&self) -> Written {
        Written { secret: self.secret.expose(), install: self.install.clone() }
    }

    fn of_written(written: Written) -> Option<Self> {
        Some(Self { secret: MemberSecret::parse(&written.secret).ok()?, install: written.install })
    }
}

/// The place of `tail`'s subscription. Held by one process at a time: a second `tail` gets none,
/// and uses a subscription and an install of its own.
pub struct KeptInbox {
    path: PathBuf,
    _held: File,
}

impl KeptInbox {
    /// Takes the place, unless another process has it.
    pub fn take(stage: &Stage) -> Result<Option<Self>, IdentityError> {
        let path = place(stage, "inbox");
        let failed = |source| IdentityError { path: path.clone(), source };
        folder(&path).map_err(failed)?;
        let lock = path.with_extension("lock");
        let held = OpenOptions::new().create(true).append(true).mode(0o600).open(lock).map_err(failed)?;
        match held.try_lock() {
            Ok(()) => Ok(Some(Self { path, _held: held })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The subscription that was kept; none when there is none, or it cannot be read.
    pub fn read(&self) -> Option<Kept> {
        read(&self.path).ok().flatten()
    }

    /// Keeps it.
    pub fn write(&self, kept: &Kept) -> Result<(), IdentityError> {
        write(&self.path, kept).map_err(|source| IdentityError { path: self.path.clone(), source })
    }

    /// Forgets it, when it was given back.
    pub fn forget(&self) {
        // A subscription that is gone is found out at the next hello too.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn place(stage: &Stage, what: &str) -> PathBuf {
    let names = stage.names();
    stage.state.join(FOLDER).join(format!("{}-{}-{}.{what}.json", stage.target, stage.region, names.prefix()))
}

fn folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, Error> {
    match std::fs::read(path) {
        // Damaged is as good as absent: a new one is made.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    folder(path)?;
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("chatctl-identity-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder.join("member").join("local.member.json")
    }

    #[test]
    fn an_identity_is_kept_for_its_owner_only() {
        let path = scratch("kept");
        assert!(read::<Written>(&path).unwrap().is_none());
        let made = Identity::throwaway();
        write(&path, &made.written()).unwrap();
        let kept = read::<Written>(&path).unwrap().and_then(Identity::of_written).unwrap();
        assert!(kept.secret() == made.secret() && kept.install() == made.install());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_identity_is_made_anew() {
        let path = scratch("damaged");
        folder(&path).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(read::<Written>(&path).unwrap().is_none());
    }

    #[test]
    fn every_push_must_reach_an_inbox_of_chatctl() {
        assert!(!Identity::throwaway().install().collapses());
    }
}
