//! How a stack was shown before a call that changes it: a look just after the call may still show it so (A21). Must not
//! know who looks, or at which stack.

use std::time::Duration;

use aws_sdk_cloudformation::types::Stack;
use aws_smithy_types::DateTime;
use tokio::time::Instant;

/// So long after the call a look is not believed that shows how it was before.
const LATE: Duration = Duration::from_secs(20);
const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

/// How a stack was shown before a call, and when that was.
#[derive(Clone, Debug)]
pub struct Before {
    status: String,
    /// When its last update began, and its last deletion: by these an update of what was updated before is seen.
    updated: Option<DateTime>,
    deleted: Option<DateTime>,
    seen: Instant,
}

impl Before {
    /// Before a call that is made now.
    pub fn of(stack: &Stack) -> Self {
        let (status, updated, deleted) = (super::state(stack), stack.last_updated_time, stack.deletion_time);
        Self { status, updated, deleted, seen: Instant::now() }
    }

    /// Of a stack of which there is no more than a change set yet.
    pub fn in_review() -> Self {
        Self { status: IN_REVIEW.to_owned(), updated: None, deleted: None, seen: Instant::now() }
    }

    /// Whether it is shown as it was.
    pub fn is(&self, stack: &Stack) -> bool {
        let same_times = (self.updated, self.deleted) == (stack.last_updated_time, stack.deletion_time);
        super::state(stack) == self.status && (same_times || self.status == IN_REVIEW)
    }

    /// Whether this may be a look that came too early. What stays as it was is believed in the end.
    pub fn may_be(&self, stack: &Stack) -> bool {
        self.is(stack) && self.is_recent()
    }

    /// Whether looks may still come too early.
    pub fn is_recent(&self) -> bool {
        self.seen.elapsed() < LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: &str, updated: Option<i64>, deleted: Option<i64>) -> Stack {
        let stack = Stack::builder().stack_name("s").stack_status(status.into());
        let stack = stack.set_last_updated_time(updated.map(DateTime::from_secs));
        stack.set_deletion_time(deleted.map(DateTime::from_secs)).build()
    }

    /// A21
    #[tokio::test(start_paused = true)]
    async fn a21_a_stack_that_is_shown_as_it_was_is_believed_only_after_a_while() {
        let (was, failed) = (shown("UPDATE_COMPLETE", Some(1), None), shown("DELETE_FAILED", Some(1), Some(2)));
        for (before, now, same) in [
            (&was, shown("UPDATE_COMPLETE", Some(1), None), true),
            (&was, shown("UPDATE_COMPLETE", Some(5), None), false),
            (&was, shown("UPDATE_ROLLBACK_COMPLETE", Some(1), None), false),
            (&failed, shown("DELETE_FAILED", Some(1), Some(2)), true),
            (&failed, shown("DELETE_FAILED", Some(1), Some(9)), false),
        ] {
            let before = Before::of(before);
            assert_eq!((before.is(&now), before.may_be(&now)), (same, same), "{before:?} {now:?}");
            tokio::time::advance(LATE).await;
            assert_eq!((before.is(&now), before.may_be(&now)), (same, false), "{before:?} {now:?}");
        }
        assert!(Before::in_review().may_be(&shown(IN_REVIEW, Some(1), None)));
    }
}
