//! A shard's batch on its way through the function: again and again, in pieces, until each record is done or given up.
//! The checkpoint moves only after a record's fate is settled, so a kill repeats and never skips.

use serde_json::Value;

use super::super::batch::{self, Call, Verdict, backoff, fitting};
use super::super::given_up::{GivenUp, Why};
use super::super::pieces::{Pieces, Tried, sequence};
use super::Reader;
use crate::Cloud;

/// The kind of the documents that hold how often a shard's next piece was tried.
pub(super) const TRIED: &str = "lambda.tried";

/// How often an earlier life tried a shard's next piece.
pub(super) fn tried(cloud: &Cloud, key: &str) -> Option<Tried> {
    cloud.state.get(TRIED, key).unwrap_or_default()
}

impl Reader<'_> {
    /// Hands a batch over until nothing of it is left, or the mapping is wanted otherwise.
    pub(super) async fn hand_over(&mut self) {
        let count = fitting(self.pending.iter(), self.mapping.batch_size);
        let batch: Vec<Value> = self.pending.drain(..count).collect();
        self.since = (!self.pending.is_empty()).then(tokio::time::Instant::now);
        let mut pieces = Pieces::of(batch, self.tried.take());
        let (mut last, mut not_called) = (None, 0);
        while !self.turn.over() {
            self.give_up_old(&mut pieces, last.as_ref()).await;
            let Some(records) = pieces.next() else { return };
            let ids: Vec<String> = records.iter().map(sequence).collect();
            let (verdict, call) = batch::deliver(&self.turn.cloud, self.mapping, records, &ids, None).await;
            last = call.or(last);
            let came = pieces.judge(&verdict, self.mapping);
            self.tell(&verdict);
            if !came.done.is_empty() {
                self.pass_records(&came.done, &pieces);
            }
            if !came.given_up.is_empty() {
                self.give_up(&came.given_up, Why::Tries, came.calls, last.as_ref()).await;
                self.pass_records(&came.given_up, &pieces);
            }
            not_called = if matches!(verdict, Verdict::NotCalled(_)) { not_called + 1 } else { 0 };
            if came.failures > 0 {
                self.keep_tried(pieces.tried().as_ref());
            }
            if came.failures + not_called > 0 {
                self.turn.pause(backoff(came.failures + not_called)).await;
            }
        }
    }

    fn tell(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Done => self.turn.tell("OK"),
            Verdict::Failed(_) | Verdict::AllFailed => self.turn.tell("PROBLEM: Function call failed"),
            Verdict::NotCalled(why) => self.turn.tell(&format!("PROBLEM: Function call failed: {why}")),
        }
    }

    async fn give_up_old(&mut self, pieces: &mut Pieces, last: Option<&Call>) {
        let Some(most) = self.mapping.most_age_s else { return };
        loop {
            let (old, calls) = pieces.older(self.turn.cloud.now_ms() - most * 1000);
            if old.is_empty() {
                return;
            }
            self.give_up(&old, Why::Age, calls, last.filter(|_| calls > 0)).await;
            self.pass_records(&old, pieces);
        }
    }

    async fn give_up(&self, records: &[Value], why: Why, calls: u32, call: Option<&Call>) {
        GivenUp { mapping: self.mapping, shard: &self.shard, records, why, calls, call }.tell(&self.turn.cloud).await;
    }

    /// These records are settled: the checkpoint moves behind them, and behind what was read for nobody after them.
    fn pass_records(&mut self, records: &[Value], pieces: &Pieces) {
        let number = match &self.seen {
            Some(seen) if pieces.next().is_none() && self.pending.is_empty() => Some(seen.clone()),
            _ => records.last().map(sequence),
        };
        if let Some(number) = number {
            self.pass(number);
        }
        if self.keeps_tried {
            self.keep_tried(None);
        }
    }

    /// Keeps how often the next piece was tried, beside the checkpoint.
    fn keep_tried(&mut self, tried: Option<&Tried>) {
        let (state, key) = (&self.turn.cloud.state, self.key());
        let _ = match tried {
            Some(tried) => state.put(TRIED, &key, tried),
            None => state.remove(TRIED, &key).map(drop),
        };
        self.keeps_tried = tried.is_some();
    }
}
