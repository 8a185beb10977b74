//! Queues: found late, and their names blocked after they were deleted.

use super::drawn::Drawn;
use super::{Asked, Met, Outcome, Weather, name_of};
use crate::wire::Refusal;

fn queue_of(asked: &Asked) -> &str {
    match asked.text("QueueName") {
        "" => name_of(asked.text("QueueUrl")),
        name => name,
    }
}

pub(super) fn before(drawn: &Drawn, now: i64, asked: &Asked) -> Met {
    let name = queue_of(asked);
    match asked.call.as_str() {
        "CreateQueue" if drawn.blocked.get(name).is_some_and(|until| now < *until) => Met::Refused(Refusal::new(
            400,
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )),
        "GetQueueUrl" | "GetQueueAttributes" | "ListQueueTags"
            if drawn.queues.get(name).is_some_and(|found| now < *found) =>
        {
            Met::Refused(Refusal::new(400, "QueueDoesNotExist", "The specified queue does not exist."))
        }
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    if outcome.is_err() {
        return;
    }
    let name = queue_of(asked).to_owned();
    match asked.call.as_str() {
        // The same create again finds the same queue.
        "CreateQueue" if !drawn.queues.contains_key(&name) => {
            let found = drawn.lasts(now, &weather.reads, "queue found", &name);
            drawn.queues.insert(name, found);
        }
        "DeleteQueue" => {
            drawn.queues.remove(&name);
            let until = drawn.until(now, &(weather.queue_names..=weather.queue_names));
            drawn.blocked.insert(name, until);
        }
        _ => {}
    }
}
