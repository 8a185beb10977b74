//! The queues' tables, and the queue as a row; SQL about messages stands with the calls that use it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use super::attributes::Attributes;
use crate::state::{decode, encode};

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sqs_queues (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL,
        tags TEXT NOT NULL, created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sqs_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
        attributes TEXT, system TEXT NOT NULL, sent_at INTEGER NOT NULL, visible_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0, first_received INTEGER, receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS sqs_visible ON sqs_messages (queue, visible_at, id);
    CREATE INDEX IF NOT EXISTS sqs_expires ON sqs_messages (queue, expires_at);";

/// A queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
}

/// The queue of a name.
pub(super) fn find(c: &Connection, name: &str) -> Result<Option<Queue>, rusqlite::Error> {
    c.prepare_cached("SELECT id, name, attributes, tags, created_at, modified_at FROM sqs_queues WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(Queue {
                id: row.get(0)?,
                name: row.get(1)?,
                attributes: decode(&row.get::<_, String>(2)?)?,
                tags: decode(&row.get::<_, String>(3)?)?,
                created_at: row.get(4)?,
                modified_at: row.get(5)?,
            })
        })
        .optional()
}

/// Makes a queue.
pub(super) fn insert(
    c: &Connection,
    name: &str,
    attributes: &Attributes,
    tags: &BTreeMap<String, String>,
    now: i64,
) -> Result<(), rusqlite::Error> {
    c.prepare_cached(
        "INSERT INTO sqs_queues (name, attributes, tags, created_at, modified_at) VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute((name, encode(attributes)?, encode(tags)?, now))
    .map(drop)
}

/// Keeps a queue's changed attributes and tags.
pub(super) fn update(c: &Connection, queue: &Queue, now: i64) -> Result<(), rusqlite::Error> {
    c.prepare_cached("UPDATE sqs_queues SET attributes = ?2, tags = ?3, modified_at = ?4 WHERE id = ?1")?
        .execute((queue.id, encode(&queue.attributes)?, encode(&queue.tags)?, now))
        .map(drop)
}

/// Takes out of a queue what it has kept too long.
pub(super) fn expire(c: &Connection, queue: i64, now: i64) -> Result<(), rusqlite::Error> {
    c.prepare_cached("DELETE FROM sqs_messages WHERE queue = ?1 AND expires_at <= ?2")?.execute((queue, now)).map(drop)
}
