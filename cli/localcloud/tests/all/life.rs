//! A cloud that can be killed with all that runs in it, as `kill -9` would, and started again on the same folder.

use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::config::Credentials;
use tokio::runtime::Runtime;

/// The folder of several lives; removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("localcloud-life-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    /// One life: the work runs beside the cloud; when it is done, everything is dropped where it stands.
    pub(crate) fn life<F: Future<Output = ()>>(&self, work: impl FnOnce(SdkConfig) -> F) {
        let runtime = Runtime::new().unwrap();
        let sdk = runtime.block_on(serve(&self.0));
        runtime.block_on(work(sdk));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn serve(state: &Path) -> SdkConfig {
    let config = localcloud::Config { state: state.to_owned(), port: Some(0), version: "test".to_owned() };
    let started = localcloud::start(config).await.unwrap();
    let identity = started.identity().clone();
    tokio::spawn(started.serve());
    let credentials = Credentials::new(&identity.access_key, &identity.secret_key, None, None, "test");
    let sdk = aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    sdk.endpoint_url(&identity.endpoint).credentials_provider(credentials).load().await
}
