//! How long the credentials last (A15): seen where the SDK's own chain is asked for them, so that nobody is
//! asked twice. It must not know which kind of credentials they are, nor keep them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

/// When the credentials end, once they have been asked for; a clone is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Life(Arc<Mutex<Option<SystemTime>>>);

impl Life {
    /// `None` where they do not end, or nobody has asked for them yet.
    pub(super) fn ends(&self) -> Option<SystemTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SDK's chain, watched.
#[derive(Debug)]
pub(super) struct Watched {
    inner: SharedCredentialsProvider,
    life: Life,
}

impl Watched {
    pub(super) fn new(inner: SharedCredentialsProvider, life: Life) -> Self {
        Self { inner, life }
    }
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let credentials = self.inner.provide_credentials().await?;
            *self.life.0.lock().unwrap_or_else(PoisonError::into_inner) = credentials.expiry();
            Ok(credentials)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_credentials_is_known_once_they_were_asked_for() {
        let end = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (life, chain) = (Life::default(), Credentials::new("a", "b", None, Some(end), "test"));
        let watched = Watched::new(SharedCredentialsProvider::new(chain), life.clone());
        assert_eq!(life.ends(), None);
        assert_eq!(watched.provide_credentials().await.unwrap().access_key_id(), "a");
        assert_eq!(life.ends(), Some(end));
    }
}
