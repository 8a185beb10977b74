//! Who holds a state folder, and where it listens: the lock, and the file that a later command reads.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::state::{private_file, private_folder};
use crate::{ACCESS_KEY, ACCOUNT, Config, Error, REGION, SECRET_KEY};

/// What a running local cloud says of itself: `<state>/cloud.json` and `GET /_local/identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The version of this file's shape.
    pub v: u32,
    /// The version of the binary that serves.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Where the SDKs send their calls.
    pub endpoint: String,
    /// Where push clients connect.
    pub push: String,
    /// The region that its ARNs name.
    pub region: String,
    /// The account that its ARNs name.
    pub account: String,
    /// The access key to sign with.
    pub access_key: String,
    /// The secret key to sign with.
    pub secret_key: String,
}

impl Identity {
    /// That of a cloud of this process.
    pub(crate) fn of(config: &Config, port: u16) -> Self {
        Self {
            v: 1,
            version: config.version.clone(),
            pid: std::process::id(),
            port,
            endpoint: format!("http://127.0.0.1:{port}"),
            push: format!("ws://127.0.0.1:{port}/"),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        }
    }

    /// Reads what the last start wrote; `None` when there is nothing, or nothing that can be read.
    #[must_use]
    pub fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(state.join("cloud.json")).ok()?).ok()
    }

    /// Writes it for later commands, whole or not at all.
    pub(crate) fn write(&self, state: &Path) -> Result<(), Error> {
        let (path, fresh) = (state.join("cloud.json"), state.join("cloud.json.new"));
        let file = |source| Error::File { what: "cannot write", path: path.clone(), source };
        let body = serde_json::to_vec_pretty(self).unwrap_or_default();
        std::fs::write(&fresh, body).map_err(file)?;
        private_file(&fresh)?;
        std::fs::rename(&fresh, &path).map_err(file)
    }
}

/// Takes the state folder for this process alone; held until the file is dropped.
pub(crate) fn lock(state: &Path) -> Result<File, Error> {
    private_folder(state)?;
    let path = state.join("cloud.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| Error::File { what: "cannot open", path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Held(state.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::File { what: "cannot lock", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_has_one_holder() {
        let folder = std::env::temp_dir().join(format!("localcloud-lock-{}", crate::random::uuid()));
        let held = lock(&folder).unwrap();
        assert!(matches!(lock(&folder), Err(Error::Held(_))));
        drop(held);
        lock(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let folder = std::env::temp_dir().join(format!("localcloud-identity-{}", crate::random::uuid()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = Config { state: folder.clone(), port: None, version: "1".into() };
        let identity = Identity::of(&config, 4566);
        identity.write(&folder).unwrap();
        assert_eq!(Identity::read(&folder), Some(identity));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
