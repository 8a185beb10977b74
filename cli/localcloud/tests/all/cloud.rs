//! A local cloud of its own for a test: a folder, a free port, the SDK's settings, and requests as bytes.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use localcloud::{Config, Error, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A cloud that runs until it is dropped; its folder goes with it.
pub(crate) struct TestCloud {
    state: PathBuf,
    pub(crate) identity: Identity,
    serving: JoinHandle<Result<(), Error>>,
    /// All that runs in it, so that all of it can end at once.
    runtime: Option<Runtime>,
}

impl TestCloud {
    /// Starts one on an empty folder.
    pub(crate) async fn start() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let state = std::env::temp_dir().join(format!("localcloud-test-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&state);
        Self::start_on(state).await
    }

    async fn start_on(state: PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = Config { state: state.clone(), port: Some(0), version: "test".to_owned() };
        let started = runtime.spawn(localcloud::start(config)).await.unwrap().unwrap();
        let identity = started.identity().clone();
        Self { state, identity, serving: runtime.spawn(started.serve()), runtime: Some(runtime) }
    }

    /// Ends everything that runs in it where it stands, as `kill -9` would, and starts another one on the same folder.
    pub(crate) async fn kill_and_start(mut self) -> Self {
        let (runtime, state) = (self.runtime.take().unwrap(), std::mem::take(&mut self.state));
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10))).await.unwrap();
        Self::start_on(state).await
    }

    /// The folder of its state.
    pub(crate) fn state(&self) -> &PathBuf {
        &self.state
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        (&mut self.serving).await.unwrap()
    }

    /// The SDK's settings for it.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::new(&self.identity.access_key, &self.identity.secret_key, None, None, "test");
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.identity.endpoint)
            .credentials_provider(credentials)
            .load()
            .await
    }

    /// Sends a request head and body as they are, and returns the whole answer as text.
    pub(crate) async fn raw(&self, head: &[&str], body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.identity.port)).await.unwrap();
        let length = format!("content-length: {}", body.len());
        let lines = [head, &["connection: close", length.as_str(), "", body]].concat();
        stream.write_all(lines.join("\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// A JSON call as the SDKs send it, for services and errors that no SDK here has.
    pub(crate) async fn json(
        &self,
        service: &str,
        target: &str,
        input: &serde_json::Value,
    ) -> (String, serde_json::Value) {
        let host = format!("host: 127.0.0.1:{}", self.identity.port);
        let signed = format!(
            "authorization: AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let target = format!("x-amz-target: {target}");
        let answer = self.raw(&["POST / HTTP/1.1", &host, &signed, &target], &input.to_string()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for TestCloud {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if !self.state.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.state);
        }
    }
}
