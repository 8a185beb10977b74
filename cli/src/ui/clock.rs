//! When something is said: the one place of `ui` that reads the time, for the stamp of a line and for what is today.

use jiff::Timestamp;

/// Now.
#[allow(
    clippy::disallowed_methods,
    reason = "the face's clock: an event carries its own times, this is when it is shown"
)]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
