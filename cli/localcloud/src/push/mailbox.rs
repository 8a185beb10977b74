//! What the push service keeps: clients, their channels, and each message until it is acknowledged or too old.
//! Knows neither HTTP nor WebSockets; the time is given to it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{State, random};

/// How many channels one client may have.
pub(super) const MOST_CHANNELS: i64 = 1000;
/// How many messages may wait for one client.
pub(super) const MOST_WAITING: i64 = 5000;
/// How long a channel that is gone is still answered with 410, not 404.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS push_clients (uaid TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS push_channels (
        token TEXT PRIMARY KEY, uaid TEXT NOT NULL, channel TEXT NOT NULL, sender BLOB, gone_at INTEGER
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS push_channels_of ON push_channels (uaid, channel) WHERE gone_at IS NULL;
    CREATE TABLE IF NOT EXISTS push_messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, uaid TEXT NOT NULL, channel TEXT NOT NULL,
        topic TEXT, expires INTEGER NOT NULL, live_only INTEGER NOT NULL, encoding TEXT, body BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS push_messages_of ON push_messages (uaid, number);
    CREATE TABLE IF NOT EXISTS push_codes (code INTEGER PRIMARY KEY, count INTEGER NOT NULL);";

/// The mailbox of all clients.
pub(super) struct Mailbox {
    state: State,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Channel {
    pub(super) uaid: String,
    pub(super) channel: String,
    /// The key that its senders must sign with.
    pub(super) sender: Option<Vec<u8>>,
    pub(super) gone: bool,
}

/// What a sender posted.
#[derive(Debug, Clone)]
pub(super) struct Posted<'a> {
    pub(super) topic: Option<&'a str>,
    pub(super) expires: i64,
    /// For a client that is connected now, or for nobody.
    pub(super) live_only: bool,
    pub(super) encoding: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// A message that waits for its client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) channel: String,
    pub(super) encoding: Option<String>,
    pub(super) body: Vec<u8>,
}

/// What came of a registration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Registered {
    Token(String),
    /// The channel is there already, bound to another key.
    OtherKey,
    /// The client has as many channels as it may.
    Full,
}

/// How much there is of everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) clients: i64,
    pub(super) channels: i64,
    pub(super) pending: i64,
    pub(super) codes: BTreeMap<i64, i64>,
}

impl Mailbox {
    pub(super) fn open(state: &State) -> Result<Self, rusqlite::Error> {
        state.with(|c| c.execute_batch(SCHEMA))?;
        Ok(Self { state: state.clone() })
    }

    /// Forgets what ran out, and clients that have no channel.
    pub(super) fn sweep(&self, now: i64) -> Result<(), rusqlite::Error> {
        self.state.with(|c| {
            c.execute("DELETE FROM push_messages WHERE expires <= ?1 OR live_only", [now])?;
            c.execute("DELETE FROM push_channels WHERE gone_at < ?1", [now - REMEMBERED_MS])?;
            c.execute("DELETE FROM push_clients WHERE uaid NOT IN (SELECT uaid FROM push_channels)", []).map(drop)
        })
    }

    /// A client says hello: it keeps its id when that is known, and gets a new one otherwise.
    pub(super) fn hello(&self, uaid: Option<&str>) -> Result<String, rusqlite::Error> {
        self.state.with(|c| {
            if let Some(uaid) = uaid {
                let known = c.prepare_cached("SELECT 1 FROM push_clients WHERE uaid = ?1")?.exists([uaid])?;
                if known {
                    c.execute("DELETE FROM push_messages WHERE uaid = ?1 AND live_only", [uaid])?;
                    return Ok(uaid.to_owned());
                }
            }
            let uaid = random::hex(&random::bytes::<16>());
            c.execute("INSERT INTO push_clients (uaid) VALUES (?1)", [&uaid])?;
            Ok(uaid)
        })
    }

    /// Makes a channel of a client; the same again has the same token.
    pub(super) fn register(
        &self,
        uaid: &str,
        channel: &str,
        sender: Option<&[u8]>,
    ) -> Result<Registered, rusqlite::Error> {
        self.state.with(|c| {
            let known: Option<(String, Option<Vec<u8>>)> = c
                .prepare_cached(
                    "SELECT token, sender FROM push_channels WHERE uaid = ?1 AND channel = ?2 AND gone_at IS NULL",
                )?
                .query_row([uaid, channel], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((token, bound)) = known {
                let same = bound.as_deref() == sender;
                return Ok(if same { Registered::Token(token) } else { Registered::OtherKey });
            }
            let count: i64 = c
                .prepare_cached("SELECT count(*) FROM push_channels WHERE uaid = ?1 AND gone_at IS NULL")?
                .query_row([uaid], |row| row.get(0))?;
            if count >= MOST_CHANNELS {
                return Ok(Registered::Full);
            }
            let token = URL_SAFE_NO_PAD.encode(random::bytes::<24>());
            c.prepare_cached("INSERT INTO push_channels (token, uaid, channel, sender) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![token, uaid, channel, sender])?;
            Ok(Registered::Token(token))
        })
    }

    /// Ends a channel; its endpoint is gone from then on.
    pub(super) fn unregister(&self, uaid: &str, channel: &str, now: i64) -> Result<(), rusqlite::Error> {
        self.state.with(|c| {
            let change = c.transaction()?;
            change.execute(
                "UPDATE push_channels SET gone_at = ?3 WHERE uaid = ?1 AND channel = ?2 AND gone_at IS NULL",
                params![uaid, channel, now],
            )?;
            change.execute("DELETE FROM push_messages WHERE uaid = ?1 AND channel = ?2", [uaid, channel])?;
            change.commit()
        })
    }

    /// The channel of an endpoint's token.
    pub(super) fn channel(&self, token: &str) -> Result<Option<Channel>, rusqlite::Error> {
        self.state.with(|c| {
            c.prepare_cached("SELECT uaid, channel, sender, gone_at IS NOT NULL FROM push_channels WHERE token = ?1")?
                .query_row([token], |row| {
                    Ok(Channel { uaid: row.get(0)?, channel: row.get(1)?, sender: row.get(2)?, gone: row.get(3)? })
                })
                .optional()
        })
    }

    /// Keeps a message, in the place of a waiting one of the same topic; `None` when too many wait.
    pub(super) fn keep(&self, to: &Channel, posted: &Posted<'_>, now: i64) -> Result<Option<String>, rusqlite::Error> {
        self.state.with(|c| {
            let change = c.transaction()?;
            change
                .prepare_cached("DELETE FROM push_messages WHERE uaid = ?1 AND expires <= ?2")?
                .execute(params![to.uaid, now])?;
            if let Some(topic) = posted.topic {
                change
                    .prepare_cached("DELETE FROM push_messages WHERE uaid = ?1 AND channel = ?2 AND topic = ?3")?
                    .execute([&to.uaid, &to.channel, topic])?;
            }
            let id = insert(&change, to, posted)?;
            change.commit()?;
            Ok(id)
        })
    }

    /// The next messages of a client after a number, oldest first.
    pub(super) fn after(&self, uaid: &str, number: i64, most: i64, now: i64) -> Result<Vec<Waiting>, rusqlite::Error> {
        self.state.with(|c| {
            c.prepare_cached(
                "SELECT number, id, channel, encoding, body FROM push_messages
                 WHERE uaid = ?1 AND number > ?2 AND expires > ?3 ORDER BY number LIMIT ?4",
            )?
            .query_map(params![uaid, number, now, most], |row| {
                Ok(Waiting {
                    number: row.get(0)?,
                    id: row.get(1)?,
                    channel: row.get(2)?,
                    encoding: row.get(3)?,
                    body: row.get(4)?,
                })
            })?
            .collect()
        })
    }

    /// A client has a message (or cannot use it: the code says so); it is not kept any longer.
    pub(super) fn acknowledge(&self, uaid: &str, id: &str, code: i64) -> Result<(), rusqlite::Error> {
        self.state.with(|c| {
            let change = c.transaction()?;
            let known =
                change.prepare_cached("DELETE FROM push_messages WHERE uaid = ?1 AND id = ?2")?.execute([uaid, id])?;
            if known > 0 {
                count_code(&change, code)?;
            }
            change.commit()
        })
    }

    /// Counts a code that ends nothing.
    pub(super) fn note(&self, code: i64) -> Result<(), rusqlite::Error> {
        self.state.with(|c| count_code(c, code))
    }

    /// Takes a message back that was not delivered; says whether it still waited.
    pub(super) fn withdraw(&self, id: &str) -> Result<bool, rusqlite::Error> {
        self.state.with(|c| c.execute("DELETE FROM push_messages WHERE id = ?1", [id]).map(|count| count > 0))
    }

    pub(super) fn counts(&self) -> Result<Counts, rusqlite::Error> {
        self.state.with(|c| {
            let one = |sql: &str| c.query_row(sql, [], |row| row.get::<_, i64>(0));
            let mut codes = c.prepare("SELECT code, count FROM push_codes")?;
            Ok(Counts {
                clients: one("SELECT count(*) FROM push_clients")?,
                channels: one("SELECT count(*) FROM push_channels WHERE gone_at IS NULL")?,
                pending: one("SELECT count(*) FROM push_messages")?,
                codes: codes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?,
            })
        })
    }
}

fn insert(change: &Connection, to: &Channel, posted: &Posted<'_>) -> Result<Option<String>, rusqlite::Error> {
    let waiting: i64 = change
        .prepare_cached("SELECT count(*) FROM push_messages WHERE uaid = ?1")?
        .query_row([&to.uaid], |row| row.get(0))?;
    if waiting >= MOST_WAITING {
        return Ok(None);
    }
    let id = URL_SAFE_NO_PAD.encode(random::bytes::<18>());
    change
        .prepare_cached(
            "INSERT INTO push_messages (id, uaid, channel, topic, expires, live_only, encoding, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id,
            to.uaid,
            to.channel,
            posted.topic,
            posted.expires,
            posted.live_only,
            posted.encoding,
            posted.body
        ])?;
    Ok(Some(id))
}

fn count_code(c: &Connection, code: i64) -> Result<(), rusqlite::Error> {
    c.prepare_cached("INSERT INTO push_codes VALUES (?1, 1) ON CONFLICT (code) DO UPDATE SET count = count + 1")?
        .execute([code])
        .map(drop)
}
