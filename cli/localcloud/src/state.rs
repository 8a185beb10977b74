//! What the services keep: one SQLite file, and on it a store of documents by kind and id.
//! An answered write is on disk (WAL; a power cut may lose the last moments, kill -9 loses nothing).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::clock::Clock;
use crate::disk;

const ON_DISK: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -2000;
    PRAGMA journal_size_limit = 4000000;";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS documents (
        kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;";

/// How many statements are kept compiled: about as many as all services have.
const STATEMENTS: usize = 128;

/// The journal of all services, and the time that it is written in; shared by clones.
#[derive(Clone)]
pub(crate) struct State {
    /// Nothing in memory.
    folder: Option<PathBuf>,
    clock: Clock,
    connection: Arc<Mutex<Connection>>,
}

impl State {
    /// Opens (or makes) `<state>/cloud/cloud.db`.
    pub(crate) fn open(state: &Path, clock: Clock) -> Result<Self, Error> {
        let folder = state.join("cloud");
        private_folder(&folder)?;
        let path = folder.join("cloud.db");
        let connection = Connection::open(&path)?;
        connection.execute_batch(ON_DISK)?;
        private_file(&path)?;
        Self::with_schema(connection, Some(folder), clock)
    }

    /// One that is gone when it is dropped.
    pub(crate) fn in_memory(clock: Clock) -> Result<Self, Error> {
        Self::with_schema(Connection::open_in_memory()?, None, clock)
    }

    fn with_schema(connection: Connection, folder: Option<PathBuf>, clock: Clock) -> Result<Self, Error> {
        connection.execute_batch(SCHEMA)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { folder, clock, connection: Arc::new(Mutex::new(connection)) })
    }

    /// The folder that the services may keep files of their own in; none where all is in memory.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whose time it is.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Uses the connection, alone. Keep it short: every service waits for it.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, rusqlite::Error> {
        let done = work(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner));
        done.map_err(|error| disk::named(error, self.folder()))
    }

    /// From now on it is as if the disk had no place for one page more: for tests of a disk that is full.
    pub(crate) fn fill_up(&self) -> Result<(), rusqlite::Error> {
        self.with(|c| {
            let pages: i64 = c.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            c.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        })
    }

    /// Keeps a document, in the place of an earlier one of that id.
    pub(crate) fn put(&self, kind: &str, id: &str, value: &impl Serialize) -> Result<(), rusqlite::Error> {
        let body = encode(value)?;
        self.with(|c| {
            c.prepare_cached("INSERT OR REPLACE INTO documents (kind, id, body) VALUES (?1, ?2, ?3)")?
                .execute((kind, id, body))
                .map(drop)
        })
    }

    /// A document, if there is one.
    pub(crate) fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, rusqlite::Error> {
        let body: Option<String> = self.with(|c| {
            c.prepare_cached("SELECT body FROM documents WHERE kind = ?1 AND id = ?2")?
                .query_row((kind, id), |row| row.get(0))
                .optional()
        })?;
        body.as_deref().map(decode).transpose()
    }

    /// All documents of a kind, by id.
    pub(crate) fn list<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, rusqlite::Error> {
        let rows: Vec<(String, String)> = self.with(|c| {
            c.prepare_cached("SELECT id, body FROM documents WHERE kind = ?1 ORDER BY id")?
                .query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        rows.into_iter().map(|(id, body)| Ok((id, decode(&body)?))).collect()
    }

    /// Removes a document; says whether it was there.
    pub(crate) fn remove(&self, kind: &str, id: &str) -> Result<bool, rusqlite::Error> {
        self.with(|c| {
            c.prepare_cached("DELETE FROM documents WHERE kind = ?1 AND id = ?2")?
                .execute((kind, id))
                .map(|count| count > 0)
        })
    }
}

/// A value as a document's text.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// A document's text as a value.
pub(crate) fn decode<T: DeserializeOwned>(body: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(body)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e)))
}

/// Makes a folder that only its owner can read.
pub(crate) fn private_folder(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Error::File {
        what: "cannot make",
        path: path.to_owned(),
        source,
    })
}

/// Lets only its owner read a file.
pub(crate) fn private_file(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|source| Error::File {
        what: "cannot protect",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_there_again_after_reopening() {
        let folder = std::env::temp_dir().join(format!("localcloud-state-{}", crate::random::uuid()));
        State::open(&folder, Clock::System).unwrap().put("things", "a", &[1, 2]).unwrap();
        let state = State::open(&folder, Clock::System).unwrap();
        assert_eq!(state.get::<Vec<u8>>("things", "a").unwrap(), Some(vec![1, 2]));
        assert_eq!(state.list::<Vec<u8>>("things").unwrap(), vec![("a".to_owned(), vec![1, 2])]);
        assert!(state.remove("things", "a").unwrap());
        assert!(!state.remove("things", "a").unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
