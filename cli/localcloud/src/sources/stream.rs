//! A mapping that reads a table's stream: each shard in its order, from a checkpoint that is on disk after each batch.

mod hand_over;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Turn;
use super::mapping::{Mapping, Start};
use super::pieces::{Tried, sequence};
use crate::Cloud;
use crate::wire::Refusal;

/// The kind of the documents that hold checkpoints.
const CHECKPOINTS: &str = "lambda.checkpoint";
/// A read brings at most so many records.
const READ: usize = 1000;
/// After so many records that were for nobody, the checkpoint is moved all the same.
const SKIPPED_MOST: usize = 1000;
/// A stream that is not there is looked for again not sooner than this, when something is written.
const ABSENT: Duration = Duration::from_secs(1);
/// And after this in any case.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What is known of a stream.
pub(crate) struct Stream {
    shards: Vec<Shard>,
}

struct Shard {
    id: String,
    newest: Option<String>,
}

/// Looks at a stream.
pub(crate) async fn describe(cloud: &Arc<Cloud>, arn: &str) -> Result<Stream, Refusal> {
    let answer = cloud.dynamodb.call(cloud, "DescribeStream", json!({ "StreamArn": arn })).await?;
    let shards = answer["StreamDescription"]["Shards"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shards = shards.iter().map(|shard| Shard {
        id: text(&shard["ShardId"]),
        newest: shard["SequenceNumberRange"]["EndingSequenceNumber"].as_str().map(str::to_owned),
    });
    Ok(Stream { shards: shards.collect() })
}

/// Forgets how far a mapping has read.
pub(super) fn forget(cloud: &Cloud, uuid: &str) {
    for kind in [CHECKPOINTS, hand_over::TRIED] {
        for (id, _) in cloud.state.list::<Value>(kind).unwrap_or_default() {
            if id.starts_with(uuid) {
                let _ = cloud.state.remove(kind, &id);
            }
        }
    }
}

/// Reads the stream for as long as the mapping is wanted as it is.
pub(super) async fn run(turn: &mut Turn, mapping: &Arc<Mapping>) {
    let mut written = turn.cloud.dynamodb.changed();
    while !turn.over() {
        written.mark_unchanged();
        match describe(&turn.cloud, &mapping.source_arn).await {
            Ok(stream) => {
                let readers = stream.shards.iter().map(|shard| Reader::new(turn.clone(), mapping, shard).run());
                futures_util::future::join_all(readers).await;
            }
            Err(refusal) => turn.tell(&format!("PROBLEM: {} {}", refusal.code, refusal.message)),
        }
        if !turn.over() {
            // Gone, or not there: nothing to do until something is written, the mapping changes, or some time is over.
            turn.pause(ABSENT).await;
            let mut over = turn.clone();
            tokio::select! {
                _ = written.changed() => {}
                () = over.pause(LOOK_AGAIN) => {}
            }
        }
    }
}

/// Reads one shard.
struct Reader<'a> {
    turn: Turn,
    mapping: &'a Arc<Mapping>,
    shard: String,
    checkpoint: Option<String>,
    iterator: Option<String>,
    /// Read, wanted, not yet done.
    pending: VecDeque<Value>,
    since: Option<Instant>,
    /// The last record that was read.
    seen: Option<String>,
    skipped: usize,
    /// How often an earlier life tried what comes first.
    tried: Option<Tried>,
    /// Whether that, or what this life tried, stands on disk.
    keeps_tried: bool,
}

impl<'a> Reader<'a> {
    fn new(turn: Turn, mapping: &'a Arc<Mapping>, shard: &Shard) -> Self {
        let key = format!("{}/{}", mapping.uuid, shard.id);
        let mut checkpoint: Option<String> = turn.cloud.state.get(CHECKPOINTS, &key).unwrap_or_default();
        if checkpoint.is_none() && mapping.start == Some(Start::Latest) {
            // What is newest now is kept: after a restart it starts here, not at what is newest then (A3).
            checkpoint.clone_from(&shard.newest);
            let _ = turn.cloud.state.put(CHECKPOINTS, &key, &checkpoint.as_deref().unwrap_or_default());
        }
        let tried = hand_over::tried(&turn.cloud, &key);
        Self {
            keeps_tried: tried.is_some(),
            tried,
            turn,
            mapping,
            shard: shard.id.clone(),
            checkpoint: checkpoint.filter(|number| !number.is_empty()),
            iterator: None,
            pending: VecDeque::new(),
            since: None,
            seen: None,
            skipped: 0,
        }
    }

    async fn run(mut self) {
        let mut written = self.turn.cloud.dynamodb.changed();
        while !self.turn.over() {
            written.mark_unchanged();
            let count = match self.read().await {
                Ok(count) => count,
                Err(refusal) => {
                    self.turn.tell(&format!("PROBLEM: {} {}", refusal.code, refusal.message));
                    return;
                }
            };
            let full = self.pending.len() >= self.mapping.batch_size;
            let due = self.since.map(|since| since + self.mapping.window());
            if full || due.is_some_and(|due| due <= Instant::now()) {
                self.hand_over().await;
                continue;
            }
            if count > 0 {
                continue;
            }
            let mut over = self.turn.clone();
            let window = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = written.changed() => {}
                () = window => {}
                () = over.until_over() => {}
            }
        }
        self.pass_skipped();
    }

    /// Reads what comes next; how many records that were.
    async fn read(&mut self) -> Result<usize, Refusal> {
        let cloud = Arc::clone(&self.turn.cloud);
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => {
                let from = self.seen.as_ref().or(self.checkpoint.as_ref());
                let mut input = json!({ "StreamArn": self.mapping.source_arn, "ShardId": self.shard });
                input["ShardIteratorType"] =
                    if from.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" }.into();
                if let Some(from) = from {
                    input["SequenceNumber"] = from.as_str().into();
                }
                text(&cloud.dynamodb.call(&cloud, "GetShardIterator", input).await?["ShardIterator"])
            }
        };
        let room = self.mapping.batch_size.saturating_sub(self.pending.len()).clamp(1, READ);
        let input = json!({ "ShardIterator": iterator, "Limit": room });
        let mut answer = cloud.dynamodb.call(&cloud, "GetRecords", input).await?;
        self.iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
        let records = answer["Records"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let count = records.len();
        for mut record in records {
            self.seen = Some(sequence(&record));
            if !self.mapping.wants(&record) {
                self.skipped += 1;
                continue;
            }
            record["eventSourceARN"] = self.mapping.source_arn.as_str().into();
            self.since.get_or_insert_with(Instant::now);
            self.pending.push_back(record);
        }
        if self.pending.is_empty() && self.skipped >= SKIPPED_MOST {
            self.pass_skipped();
        }
        Ok(count)
    }

    /// Moves the checkpoint over records that are for nobody.
    fn pass_skipped(&mut self) {
        if self.skipped > 0
            && self.pending.is_empty()
            && let Some(seen) = self.seen.clone()
        {
            self.pass(seen);
        }
    }

    /// What stands on disk of this shard is found by this.
    fn key(&self) -> String {
        format!("{}/{}", self.mapping.uuid, self.shard)
    }

    /// Everything up to this record is done: on disk.
    fn pass(&mut self, number: String) {
        let key = self.key();
        let _ = self.turn.cloud.state.put(CHECKPOINTS, &key, &number);
        self.checkpoint = Some(number);
        self.skipped = 0;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
