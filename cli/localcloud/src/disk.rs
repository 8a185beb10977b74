//! A disk that is full: no further try mends it, so it is no `InternalFailure` but an error of its own, which names the
//! folder and the command that shows its disk. Must not know what was to be kept.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::wire::Refusal;

/// The error's code; AWS has none like it.
const FULL: &str = "DiskFull";
/// What SQLite says, also from inside the engine of DynamoDB, which passes on no more than its words.
const IN_SQLITES_WORDS: &str = "database or disk is full";

/// What is told; who reads it types what stands behind the semicolon.
fn words(folder: Option<&Path>) -> String {
    match folder.map(Path::display) {
        Some(folder) => format!("the disk that holds {folder} is full; df -h {folder}"),
        None => "the disk is full; df -h".to_owned(),
    }
}

/// The refusal of a call that found no place in this folder.
pub(crate) fn refusal(folder: Option<&Path>) -> Refusal {
    // The caller's to mend: with a status of 500 every SDK would try it again.
    Refusal::new(400, FULL, words(folder))
}

/// SQLite's error, which names the folder where it is for its disk.
pub(crate) fn named(error: rusqlite::Error, folder: Option<&Path>) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(cause, _) if cause.code == ErrorCode::DiskFull => {
            rusqlite::Error::SqliteFailure(cause, Some(words(folder)))
        }
        other => other,
    }
}

/// The refusal for SQLite's error, if it is for a disk that is full.
pub(crate) fn refused(error: &rusqlite::Error) -> Option<Refusal> {
    match error {
        rusqlite::Error::SqliteFailure(cause, said) if cause.code == ErrorCode::DiskFull => {
            Some(Refusal::new(400, FULL, said.clone().unwrap_or_else(|| words(None))))
        }
        _ => None,
    }
}

/// Whether a file found no place.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether these are SQLite's words for it.
pub(crate) fn says_full(message: &str) -> bool {
    message.contains(IN_SQLITES_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::state::State;

    #[test]
    fn a_full_disk_is_told_with_its_folder_and_what_shows_it_and_what_was_kept_stays() {
        let folder = std::env::temp_dir().join(format!("localcloud-full-{}", crate::random::uuid()));
        let state = State::open(&folder, Clock::System).unwrap();
        state.put("things", "before", &1).unwrap();
        state.fill_up().unwrap();
        let error = state.put("things", "large", &"x".repeat(100_000)).unwrap_err();
        let refusal = Refusal::from(error);
        let cloud = folder.join("cloud").display().to_string();
        assert_eq!((refusal.status, refusal.code.as_str()), (400, FULL));
        assert_eq!(refusal.message, format!("the disk that holds {cloud} is full; df -h {cloud}"));
        assert_eq!(state.get::<i32>("things", "before").unwrap(), Some(1));
        assert_eq!(state.get::<String>("things", "large").unwrap(), None, "nothing is half written");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_what_is_for_a_full_disk_is_told_so() {
        assert!(is_full(&io::Error::from_raw_os_error(28)), "ENOSPC");
        assert!(!is_full(&io::Error::from_raw_os_error(13)), "EACCES");
        assert!(refused(&rusqlite::Error::QueryReturnedNoRows).is_none());
        assert!(says_full("Internal error: database or disk is full"));
        assert!(!says_full("database is locked"));
    }
}
