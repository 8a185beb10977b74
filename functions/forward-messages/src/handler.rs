//! Steps 9–10: what the table's stream shows as a new message is announced on the queue.
//! It must not know the stream's wire form, nor who is told.

use std::time::Duration;

use chat::fanout::{Announcement, Hops, Work};
use chat::ports::{Queue, Queued};
use chat_aws::batch::{Failures, StreamRecord};
use chat_aws::layout::StoredMessage;
use chat_aws::log::Line;
use chat_aws::moment::Moment;

/// Announces the new messages of a batch, in its order. Of a stream, everything from the first failure on comes again,
/// so nothing beyond it is announced.
pub(crate) async fn forward<Q: Queue>(records: Vec<StreamRecord>, queue: &Q, moment: Moment) -> Failures {
    let line = Line::about("forward").with("records", records.len());
    let (mut sequences, mut work, mut failed) = (Vec::new(), Vec::new(), None);
    for record in records {
        match record.message {
            Ok(None) => {}
            Ok(Some(stored)) => {
                sequences.push(record.sequence);
                work.push(Queued { work: Work::Announce(announcement(stored, moment)), delay: Duration::ZERO });
            }
            Err(why) => {
                failed = Some((record.sequence, why));
                break;
            }
        }
    }
    let announced = work.len();
    if let Some(unsent) = send(work, queue).await {
        failed = sequences.into_iter().nth(unsent.0).map(|sequence| (sequence, unsent.1));
    }
    let mut failures = Failures::default();
    let why = failed.map(|(sequence, why)| {
        failures.add(sequence);
        why
    });
    line.with("announced", announced).maybe("error", why).write();
    failures
}

/// The first that the queue did not take, and why.
async fn send<Q: Queue>(work: Vec<Queued>, queue: &Q) -> Option<(usize, String)> {
    if work.is_empty() {
        return None;
    }
    match queue.send(work).await {
        Err(error) => Some((0, error.what)),
        Ok(results) => results.into_iter().enumerate().find_map(|(place, result)| Some((place, result.err()?.what))),
    }
}

fn announcement(stored: StoredMessage, moment: Moment) -> Announcement {
    let StoredMessage { room, message, trace } = stored;
    let hops = match trace {
        // Its id was made just before the write.
        true => Hops { stored: Some(message.at_ms * 1_000), forwarded: Some(moment.micros), notified: None },
        false => Hops::default(),
    };
    Announcement { room, room_name: None, message, hops, hop: 0 }
}

#[cfg(test)]
mod tests {
    use chat::contract::{author, post, room};
    use chat::memory::{Memory, Port};

    use super::*;

    const NOW: Moment = Moment::at_ms(1_700_000_000_500);

    fn stored(text: &str, trace: bool) -> StoredMessage {
        let post = post(&room(0), &author(), "k", text, 1_700_000_000_000);
        StoredMessage { room: post.room, message: post.message, trace }
    }

    fn record(sequence: &str, message: Result<Option<StoredMessage>, String>) -> StreamRecord {
        StreamRecord { sequence: sequence.into(), message }
    }

    fn texts(queue: &Memory) -> Vec<String> {
        let text = |queued: Queued| match queued.work {
            Work::Announce(announcement) => announcement.message.text,
            other => panic!("{other:?}"),
        };
        queue.take_queued().into_iter().map(text).collect()
    }

    #[tokio::test]
    async fn new_messages_are_announced_in_their_order_and_nothing_else_is() {
        let queue = Memory::new();
        let records = vec![
            record("1", Ok(Some(stored("a", false)))),
            record("2", Ok(None)),
            record("3", Ok(Some(stored("b", false)))),
        ];
        assert_eq!(forward(records, &queue, NOW).await, Failures::default());
        assert_eq!(texts(&queue), ["a", "b"]);
    }

    #[tokio::test]
    async fn a20_a_record_that_cant_be_read_stops_the_batch_there() {
        let queue = Memory::new();
        let records = vec![
            record("1", Ok(Some(stored("a", false)))),
            record("2", Err("broken".into())),
            record("3", Ok(Some(stored("b", false)))),
        ];
        let failures = forward(records, &queue, NOW).await;
        assert!(failures.has("2") && failures.count() == 1);
        assert_eq!(texts(&queue), ["a"], "what comes after it comes again");
    }

    #[tokio::test]
    async fn a20_what_the_queue_refuses_comes_again_from_there() {
        let queue = Memory::new();
        queue.refuse_queued([1]);
        let records = vec![
            record("1", Ok(Some(stored("a", false)))),
            record("2", Ok(Some(stored("b", false)))),
            record("3", Err("broken".into())),
        ];
        let failures = forward(records, &queue, NOW).await;
        assert!(failures.has("2") && failures.count() == 1);
    }

    #[tokio::test]
    async fn a20_a_queue_that_does_not_answer_fails_the_first_message() {
        let queue = Memory::new();
        queue.break_port(Port::Queue);
        let records = vec![record("1", Ok(None)), record("2", Ok(Some(stored("a", false))))];
        assert!(forward(records, &queue, NOW).await.has("2"));
    }

    #[tokio::test]
    async fn only_a_traced_rooms_message_carries_its_times() {
        let queue = Memory::new();
        let records = vec![record("1", Ok(Some(stored("a", true)))), record("2", Ok(Some(stored("b", false))))];
        forward(records, &queue, NOW).await;
        let hops = |queued: &Queued| match &queued.work {
            Work::Announce(announcement) => announcement.hops,
            other => panic!("{other:?}"),
        };
        let queued = queue.take_queued();
        let traced =
            Hops { stored: Some(1_700_000_000_000_000), forwarded: Some(1_700_000_000_500_000), notified: None };
        assert_eq!((hops(&queued[0]), hops(&queued[1])), (traced, Hops::default()));
    }
}
