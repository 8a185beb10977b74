//! One rate limit a service, on our side of the line (A19): a control plane that is asked slower than
//! it throttles answers sooner. It must not know what is asked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use tokio::time::{Instant, sleep_until};

/// A service with a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    ApiGateway,
    CloudFormation,
    DynamoDb,
    Iam,
    Lambda,
    Logs,
    Sqs,
    Ssm,
    Sts,
}

impl Service {
    /// Calls a second that last, and how many may come at once before that: below the documented quotas.
    fn rate(self) -> (u32, u32) {
        match self {
            Self::ApiGateway => (8, 20),
            Self::CloudFormation => (4, 8),
            Self::DynamoDb => (40, 40),
            Self::Iam => (12, 20),
            Self::Lambda => (12, 30),
            Self::Logs => (8, 10),
            Self::Sqs => (50, 50),
            Self::Ssm => (8, 10),
            Self::Sts => (20, 20),
        }
    }
}

/// When the next call may go (the generic cell rate algorithm).
#[derive(Debug)]
struct Pace {
    interval: Duration,
    burst: Duration,
    due: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(rate: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / rate;
        Self { interval, burst: interval * burst, due: Mutex::new(None) }
    }

    /// Takes a place in the row.
    fn reserve(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.map_or(now, |due| due.max(now)) + self.interval;
        *due = Some(next);
        next.checked_sub(self.burst).map_or(now, |from| from.max(now))
    }

    async fn turn(&self) {
        let now = Instant::now();
        let at = self.reserve(now);
        if at > now {
            sleep_until(at).await;
        }
    }
}

/// An HTTP client that waits its turn.
#[derive(Debug)]
pub(super) struct Paced {
    inner: SharedHttpClient,
    pace: Arc<Pace>,
}

impl Paced {
    pub(super) fn new(inner: SharedHttpClient, service: Service) -> Self {
        let (rate, burst) = service.rate();
        Self { inner, pace: Arc::new(Pace::new(rate, burst)) }
    }
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, pace: self.pace.clone() })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    pace: Arc<Pace>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, pace) = (self.inner.clone(), self.pace.clone());
        HttpConnectorFuture::new(async move {
            pace.turn().await;
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a19_a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let (pace, start) = (Pace::new(10, 5), Instant::now());
        let mut at = Vec::new();
        for _ in 0..8 {
            pace.turn().await;
            at.push(start.elapsed().as_millis());
        }
        assert_eq!(at, [0, 0, 0, 0, 0, 100, 200, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn a19_a_pause_earns_the_burst_again() {
        let pace = Pace::new(10, 2);
        for _ in 0..4 {
            pace.turn().await;
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        let start = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
