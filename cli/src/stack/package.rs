//! What is uploaded as a function's code: its digest at hand, its bytes only when they are needed. It must
//! not know how it was built.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;

type Read = dyn Fn() -> Result<Bytes, Box<dyn Error + Send + Sync>> + Send + Sync;

/// A function's zip. A clone is the same one.
#[derive(Clone)]
pub struct Package {
    sha256_base64: String,
    architecture: &'static str,
    zip: Zip,
}

#[derive(Clone)]
enum Zip {
    There(Bytes),
    Read(Arc<Read>),
}

impl Package {
    /// A zip that is read when it must be uploaded. The digest is Lambda's `CodeSha256`; the architecture
    /// Lambda's word, `x86_64` or `arm64`.
    pub fn new<E: Error + Send + Sync + 'static>(
        sha256_base64: impl Into<String>,
        architecture: &'static str,
        read: impl Fn() -> Result<Bytes, E> + Send + Sync + 'static,
    ) -> Self {
        let read = move || read().map_err(Into::into);
        Self { sha256_base64: sha256_base64.into(), architecture, zip: Zip::Read(Arc::new(read)) }
    }

    /// A zip that is there.
    pub fn of(sha256_base64: impl Into<String>, architecture: &'static str, zip: Bytes) -> Self {
        Self { sha256_base64: sha256_base64.into(), architecture, zip: Zip::There(zip) }
    }

    /// The digest of the zip, as Lambda gives it.
    pub fn sha256_base64(&self) -> &str {
        &self.sha256_base64
    }

    /// The architecture, in Lambda's words.
    pub fn architecture(&self) -> &'static str {
        self.architecture
    }

    /// The zip's bytes; a file is read away from the threads that talk to the cloud.
    pub async fn zip(&self) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        match &self.zip {
            Zip::There(bytes) => Ok(bytes.clone()),
            Zip::Read(read) => {
                let read = read.clone();
                tokio::task::spawn_blocking(move || read()).await?
            }
        }
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Package({})", self.sha256_base64)
    }
}
