//! The logs' tables: groups, streams, events.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use crate::state::decode;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS log_groups (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, retention INTEGER, tags TEXT NOT NULL,
        created_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS log_streams (
        id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL,
        first_at INTEGER, last_at INTEGER, ingested_at INTEGER, UNIQUE (grp, name)
    );
    CREATE TABLE IF NOT EXISTS log_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, stream INTEGER NOT NULL, at INTEGER NOT NULL,
        ingested_at INTEGER NOT NULL, message TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS log_by_group ON log_events (grp, at, id);
    CREATE INDEX IF NOT EXISTS log_by_stream ON log_events (stream, at, id);";

/// A log group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) retention: Option<i64>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_at: i64,
}

pub(super) fn group(c: &Connection, name: &str) -> Result<Option<Group>, rusqlite::Error> {
    c.prepare_cached("SELECT id, name, retention, tags, created_at FROM log_groups WHERE name = ?1")?
        .query_row([name], read_group)
        .optional()
}

pub(super) fn read_group(row: &rusqlite::Row<'_>) -> Result<Group, rusqlite::Error> {
    Ok(Group {
        id: row.get(0)?,
        name: row.get(1)?,
        retention: row.get(2)?,
        tags: decode(&row.get::<_, String>(3)?)?,
        created_at: row.get(4)?,
    })
}

/// The id of a group's stream.
pub(super) fn stream(c: &Connection, group: i64, name: &str) -> Result<Option<i64>, rusqlite::Error> {
    c.prepare_cached("SELECT id FROM log_streams WHERE grp = ?1 AND name = ?2")?
        .query_row((group, name), |row| row.get(0))
        .optional()
}

/// Makes a stream.
pub(super) fn new_stream(c: &Connection, group: i64, name: &str, now: i64) -> Result<i64, rusqlite::Error> {
    c.prepare_cached("INSERT INTO log_streams (grp, name, created_at) VALUES (?1, ?2, ?3)")?
        .execute((group, name, now))?;
    Ok(c.last_insert_rowid())
}

pub(super) fn stream_or_new(c: &Connection, group: i64, name: &str, now: i64) -> Result<i64, rusqlite::Error> {
    match stream(c, group, name)? {
        Some(id) => Ok(id),
        None => new_stream(c, group, name, now),
    }
}

/// Adds events to a stream.
pub(super) fn insert(
    c: &Connection,
    group: i64,
    stream: i64,
    lines: &[(i64, String)],
    now: i64,
) -> Result<(), rusqlite::Error> {
    let mut insert =
        c.prepare_cached("INSERT INTO log_events (grp, stream, at, ingested_at, message) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (at, message) in lines {
        insert.execute((group, stream, at, now, message))?;
    }
    let first = lines.iter().map(|line| line.0).min();
    let last = lines.iter().map(|line| line.0).max();
    c.prepare_cached(
        "UPDATE log_streams SET first_at = MIN(COALESCE(first_at, ?2), ?2), last_at = MAX(COALESCE(last_at, ?3), ?3),
                ingested_at = ?4 WHERE id = ?1",
    )?
    .execute((stream, first, last, now))
    .map(drop)
}

/// Removes what is past its group's retention, what is too much in all, and streams that became empty long ago.
pub(super) fn prune(c: &Connection, now: i64, most: i64) -> Result<(), rusqlite::Error> {
    const DAY: i64 = 86_400_000;
    c.execute(
        "DELETE FROM log_events WHERE id IN (
            SELECT e.id FROM log_groups g JOIN log_events e ON e.grp = g.id AND e.at < ?1 - g.retention * ?2
            WHERE g.retention IS NOT NULL)",
        (now, DAY),
    )?;
    c.execute("DELETE FROM log_events WHERE id <= (SELECT MAX(id) FROM log_events) - ?1", [most])?;
    c.execute(
        "DELETE FROM log_streams WHERE COALESCE(ingested_at, created_at) < ?1 - 7 * ?2
            AND NOT EXISTS (SELECT 1 FROM log_events e WHERE e.stream = log_streams.id)",
        (now, DAY),
    )
    .map(drop)
}
