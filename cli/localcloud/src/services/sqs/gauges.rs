//! What a queue is like at this moment, for metrics.

use super::{Sqs, tables};
use crate::Refusal;

/// A queue's messages, by what can be done with them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauges {
    pub(crate) visible: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
    /// The age of the oldest one, in seconds.
    pub(crate) oldest_s: i64,
}

impl Sqs {
    /// What a queue is like; `None` without the queue.
    pub(crate) fn gauges(&self, name: &str) -> Result<Option<Gauges>, Refusal> {
        let now = self.state.now_ms();
        Ok(self.state.with(|c| {
            let Some(queue) = tables::find(c, name)? else { return Ok(None) };
            let [visible, in_flight, delayed] = super::attributes::count(c, queue.id, now)?;
            let oldest: Option<i64> = c
                .prepare_cached("SELECT MIN(sent_at) FROM sqs_messages WHERE queue = ?1 AND expires_at > ?2")?
                .query_row((queue.id, now), |row| row.get(0))?;
            let oldest_s = oldest.map_or(0, |sent_at| (now - sent_at).max(0) / 1000);
            Ok(Some(Gauges { visible, in_flight, delayed, oldest_s }))
        })?)
    }

    /// Every queue's name.
    pub(crate) fn names(&self) -> Result<Vec<String>, Refusal> {
        Ok(self.state.with(|c| {
            c.prepare_cached("SELECT name FROM sqs_queues ORDER BY name")?.query_map([], |row| row.get(0))?.collect()
        })?)
    }
}
