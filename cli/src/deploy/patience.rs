//! Patience with what was made a moment before: a new API's name resolves late, a new function's calls may be denied for
//! seconds (A2, A29). Must not know what is asked, nor what is looked at meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::member::MemberError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Asks until it is answered for good, for so long at most, and only while `meanwhile` says to go on.
pub(super) async fn patiently<T, F>(
    limit: Duration,
    mut ask: impl FnMut() -> F,
    mut meanwhile: impl AsyncFnMut(Duration) -> bool,
) -> Result<T, MemberError>
where
    F: Future<Output = Result<T, MemberError>>,
{
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        match ask().await {
            Err(error) if error.passes() && began.elapsed() < limit && meanwhile(began.elapsed()).await => {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::Refusal;

    const LIMIT: Duration = Duration::from_secs(90);

    fn refused(status: u16, code: &str) -> MemberError {
        let source = Refusal { status, code: code.to_owned(), detail: String::new(), retry_after: None };
        MemberError::Refused { what: "register a client", source }
    }

    /// For how long it is asked of an API that answers so until then; whether it was answered in the end.
    async fn asked(status: u16, code: &str, until: Duration) -> (Duration, bool) {
        let began = Instant::now();
        let ask = || async { if began.elapsed() < until { Err(refused(status, code)) } else { Ok(()) } };
        let ended = patiently(LIMIT, ask, async |_| true).await;
        (began.elapsed(), ended.is_ok())
    }

    /// A2, A29
    #[tokio::test(start_paused = true)]
    async fn a29_a_new_api_that_answers_late_is_asked_again_for_a_bounded_time_and_only_then() {
        for (status, code) in [(404, ""), (500, ""), (503, "unavailable")] {
            let (took, answered) = asked(status, code, Duration::from_secs(40)).await;
            assert!(answered && took >= Duration::from_secs(40) && took <= Duration::from_secs(42), "{took:?}");
            let (took, answered) = asked(status, code, LIMIT * 10).await;
            assert!(!answered && took >= LIMIT && took <= LIMIT + LONGEST_PAUSE, "{took:?}");
        }
        assert_eq!(asked(404, "unknown_room", LIMIT).await, (Duration::ZERO, false), "the chat's own word");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_meanwhile_ends_it() {
        let began = Instant::now();
        let ended =
            patiently(LIMIT, || async { Err::<(), _>(refused(500, "")) }, async |waited| waited.is_zero()).await;
        assert!(ended.is_err() && began.elapsed() == FIRST_PAUSE, "{:?}", began.elapsed());
    }
}
