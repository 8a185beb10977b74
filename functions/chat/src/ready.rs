//! Drives futures that never wait, as those of the ports in memory: for tests, which need no runtime then.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a future answers that is ready at once.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a port in memory never waits"),
    }
}
