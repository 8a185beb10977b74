//! A queue's visibility timeout that is longer than wanted: shortened when everything else is done, so that a function
//! whose own timeout gets shorter too has got it by then (A10). It must not know what the function does.

use std::{sync::Arc, time::Duration};

use reconcile::{Change, Field, Id, Resource, Visit};

use super::{
    ground::{Ground, Result},
    queue,
};

/// Its kind. The timeout is a part of the queue; a step of its own only where there is something to shorten.
pub(super) const KIND: &str = "visibility";

pub(super) struct Lowering {
    pub(super) ground: Arc<Ground>,
    /// The queue.
    pub(super) which: &'static str,
    /// Its name.
    pub(super) name: String,
    /// What its timeout is to be.
    pub(super) want: Duration,
}

impl Resource for Lowering {
    /// The timeout; without a queue there is none.
    type Seen = Option<Duration>;

    fn id(&self) -> Id {
        Id::new(KIND, self.which)
    }

    fn needs(&self) -> Vec<Id> {
        vec![queue::id(self.which)]
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(50)
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Option<Duration>>> {
        // As the plan has seen it or this walk has set it.
        let noted = visit.noted(&queue::id(self.which), queue::VISIBILITY);
        if visit.planning() || noted.is_some() {
            return Ok(Some(noted.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs)));
        }
        Ok(Some(queue::visibility(&self.ground, &self.name).await?))
    }

    fn diff(&self, seen: Option<&Option<Duration>>, _: &Visit) -> Change {
        let longer = seen.copied().flatten().filter(|seen| *seen > self.want);
        let said = |span: Duration| format!("{} s", span.as_secs());
        let field = longer.map(|seen| Field::new(queue::VISIBILITY, said(seen), said(self.want)));
        Change::update(field.into_iter().collect())
    }

    async fn apply(&self, _: &Change, _: Option<Option<Duration>>, _: &Visit) -> Result<()> {
        queue::set_visibility(&self.ground, &self.name, self.want).await
    }

    /// It goes with its queue.
    async fn delete(&self, _: Option<Duration>, _: &Visit) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};

    #[tokio::test]
    async fn a10_only_a_timeout_that_is_longer_than_wanted_is_shortened_at_the_end() {
        let (name, want) = ("chat-dev-new-messages".to_owned(), Duration::from_secs(180));
        let lowering = Lowering { ground: Arc::new(ground().await), which: "new-messages", name, want };
        let shortened = Field::new(queue::VISIBILITY, "900 s".to_owned(), "180 s".to_owned());
        for (seen, change) in [
            (None, Change::Keep),
            (Some(30), Change::Keep),
            (Some(180), Change::Keep),
            (Some(900), Change::Update(vec![shortened])),
        ] {
            assert_eq!(visiting(&lowering, Some(seen.map(Duration::from_secs))), change);
        }
    }
}
