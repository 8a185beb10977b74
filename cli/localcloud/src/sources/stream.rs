//! A mapping that reads a table's stream: each shard in its order, from a checkpoint that is on disk after each batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Turn;
use super::batch::{self, Verdict, backoff, fitting};
use super::mapping::{Mapping, Start};
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
    for (id, _) in cloud.state.list::<String>(CHECKPOINTS).unwrap_or_default() {
        if id.starts_with(uuid) {
            let _ = cloud.state.remove(CHECKPOINTS, &id);
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
        Self {
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

    /// Everything up to this record is done: on disk.
    fn pass(&mut self, number: String) {
        let key = format!("{}/{}", self.mapping.uuid, self.shard);
        let _ = self.turn.cloud.state.put(CHECKPOINTS, &key, &number);
        self.checkpoint = Some(number);
        self.skipped = 0;
    }

    /// Hands a batch over, again and again, until it is done or given up.
    async fn hand_over(&mut self) {
        let count = fitting(self.pending.iter(), self.mapping.batch_size);
        let mut batch: Vec<Value> = self.pending.drain(..count).collect();
        self.since = (!self.pending.is_empty()).then(Instant::now);
        let (mut failures, mut tries) = (0, 0);
        while !batch.is_empty() && !self.turn.over() {
            let ids: Vec<String> = batch.iter().map(sequence).collect();
            let verdict = batch::deliver(&self.turn.cloud, self.mapping, &batch, &ids).await;
            let first = match &verdict {
                Verdict::Done => batch.len(),
                Verdict::Failed(failed) => failed.first().copied().unwrap_or_default(),
                Verdict::AllFailed | Verdict::NotCalled(_) => 0,
            };
            if first > 0 {
                self.done(&mut batch, first);
                (failures, tries) = (0, 0);
            }
            if batch.is_empty() {
                self.turn.tell("OK");
                return;
            }
            failures += 1;
            if let Verdict::NotCalled(why) = &verdict {
                self.turn.tell(&format!("PROBLEM: Function call failed: {why}"));
            } else {
                self.turn.tell("PROBLEM: Function call failed");
                tries += 1;
                if self.mapping.retries.is_some_and(|retries| tries > retries) {
                    // Where the function told which record failed only that one is left, else the whole batch.
                    let left = if matches!(verdict, Verdict::Failed(_)) { 1 } else { batch.len() };
                    self.leave(&mut batch, left);
                    (failures, tries) = (0, 0);
                    continue;
                }
            }
            self.turn.pause(backoff(failures)).await;
        }
    }

    /// The first records of a batch are done.
    fn done(&mut self, batch: &mut Vec<Value>, count: usize) {
        let mut done = batch.drain(..count);
        let last = done.next_back().map(|record| sequence(&record));
        drop(done);
        let last = match &self.seen {
            Some(seen) if batch.is_empty() && self.pending.is_empty() => Some(seen.clone()),
            _ => last,
        };
        if let Some(last) = last {
            self.pass(last);
        }
    }

    /// Gives up the first records of a batch, with a line in the function's log.
    fn leave(&mut self, batch: &mut Vec<Value>, count: usize) {
        let numbers: Vec<String> = batch.iter().take(count).map(sequence).collect();
        let tries = self.mapping.retries.unwrap_or_default() + 1;
        let line = format!("left after {tries} tries: {} of {}", numbers.join(" "), self.mapping.source_arn);
        let group = format!("/aws/lambda/{}", self.mapping.function);
        let stream = format!("event-source-mapping/{}", self.mapping.uuid);
        let _ = self.turn.cloud.logs.append(&group, &stream, vec![(crate::clock::now_ms(), line)]);
        self.done(batch, count);
    }
}

fn sequence(record: &Value) -> String {
    text(&record["dynamodb"]["SequenceNumber"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
