//! DynamoDB and its streams: the published engine, behind AWS's names and errors.

mod backups;
mod engine;
mod names;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dynoxide::Database;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::disk;
use crate::wire::json::Dialect;
use crate::{Cloud, Error, Refusal, State};

pub(crate) const DIALECT: Dialect =
    Dialect { version: "1.0", prefix: "com.amazonaws.dynamodb.v20120810#", query_error: |_| None };

/// How often items past their time to live are removed.
const SWEEP: Duration = Duration::from_secs(60);
/// How long a stream keeps its records, as AWS's do.
const STREAM_KEEPS: i64 = 24 * 60 * 60;

/// DynamoDB's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| [engine::TABLE_CALLS, backups::CALLS].concat());
    &NAMES
}

/// Those of its streams.
pub(crate) fn stream_calls() -> &'static [&'static str] {
    engine::STREAM_CALLS
}

/// The tables of the cloud.
pub(crate) struct DynamoDb {
    engine: Database,
    /// Nothing in memory.
    file: Option<std::path::PathBuf>,
    changed: watch::Sender<u64>,
}

impl DynamoDb {
    /// Opens the engine on its file.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        let failed = |error: dynoxide::DynoxideError| Error::Engine(error.to_string());
        let Some(folder) = state.folder() else {
            let engine = Database::memory_with_clock(Arc::new(EngineClock(state.clock()))).map_err(failed)?;
            return Ok(Self { engine, file: None, changed: watch::Sender::new(0) });
        };
        let file = folder.join("dynamodb.db");
        let engine = Database::new(&file.to_string_lossy()).map_err(failed)?;
        // The name of this call hides what it is here for: synchronous = NORMAL (the engine opens with FULL,
        // a wait for the disk at each write) and a cache of 2 MB.
        engine.disable_bulk_loading().map_err(failed)?;
        let keeper = rusqlite::Connection::open(&file)?;
        // The engine looks for a stream's last position at each write, without an index to find it by.
        keeper.execute_batch(
            "CREATE INDEX IF NOT EXISTS local_stream_position
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
        )?;
        crate::state::private_file(&file)?;
        Ok(Self { engine, file: Some(file), changed: watch::Sender::new(0) })
    }

    /// Starts the sweep of what has passed its time: items by their TTL, stream records by their age.
    pub(crate) fn start(cloud: &Arc<Cloud>) {
        let Some(file) = cloud.dynamodb.file.clone() else { return };
        let (engine, changed, clock) =
            (cloud.dynamodb.engine.clone(), cloud.dynamodb.changed.clone(), cloud.state.clock());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let (engine, file, changed) = (engine.clone(), file.clone(), changed.clone());
                let _ = tokio::task::spawn_blocking(move || {
                    if engine.sweep_ttl().is_ok_and(|removed| removed > 0) {
                        changed.send_modify(|count| *count += 1);
                    }
                    trim_streams(&file, clock.now_ms())
                })
                .await;
            }
        });
    }

    /// Says, by a growing number, that something was written.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Does a call of DynamoDB or of its streams.
    pub(crate) async fn call(&self, cloud: &Cloud, action: &str, mut input: Value) -> Result<Value, Refusal> {
        if backups::CALLS.contains(&action) {
            return backups::call(self, cloud, action, input).await;
        }
        let Some(call) = engine::find(action) else { return Err(Refusal::unknown_call("DynamoDB", action)) };
        let local = names::Names { region: cloud.place.region, account: cloud.place.account };
        local.inward(&mut input)?;
        let deleted = (action == "DeleteTable").then(|| input["TableName"].as_str().unwrap_or_default().to_owned());
        let (engine, changed) = (self.engine.clone(), self.changed.clone());
        let work = move || {
            if let Some(stream) = input.get("StreamArn").and_then(Value::as_str) {
                engine::current_stream(&engine, stream)?;
            }
            let output = (call.run)(&engine, input).map_err(|error| engine::refusal(call.name, error));
            if call.writes && output.is_ok() {
                changed.send_modify(|count| *count += 1);
            }
            output
        };
        match self.carry_out(work).await {
            Ok(mut output) => {
                if let Some(table) = deleted {
                    backups::forget(&cloud.state, &table)?;
                }
                local.outward(call.names, &mut output);
                Ok(output)
            }
            Err(refusal) if disk::says_full(&refusal.message) => {
                Err(disk::refusal(self.file.as_deref().and_then(std::path::Path::parent)))
            }
            Err(mut refusal) => {
                refusal.message = local.text_outward(&refusal.message);
                Err(refusal)
            }
        }
    }

    /// Away from the threads that serve; in memory at once, for there is no disk to wait for.
    async fn carry_out(
        &self,
        work: impl FnOnce() -> Result<Value, Refusal> + Send + 'static,
    ) -> Result<Value, Refusal> {
        if self.file.is_none() {
            return work();
        }
        let broken = |error| Refusal::new(500, "InternalServerError", format!("the DynamoDB engine: {error}"));
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }
}

/// The engine keeps its streams and its times to live by the same clock.
struct EngineClock(Clock);

impl dynoxide::storage_backend::Clock for EngineClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now_ms() / 1000).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        crate::clock::seconds(self.0.now_ms())
    }
}

/// Removes stream records that are older than a stream keeps them.
fn trim_streams(file: &std::path::Path, now_ms: i64) -> Result<(), rusqlite::Error> {
    let oldest = now_ms / 1000 - STREAM_KEEPS;
    let keeper = rusqlite::Connection::open(file)?;
    let old = "SELECT EXISTS (SELECT 1 FROM _stream_records WHERE id = (SELECT MIN(id) FROM _stream_records) AND created_at < ?1)";
    if keeper.query_row(old, [oldest], |row| row.get(0))? {
        keeper.execute("DELETE FROM _stream_records WHERE created_at < ?1", [oldest])?;
    }
    Ok(())
}
