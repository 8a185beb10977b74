//! What a process of a function is started with: its program, its folder and a clean environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::{ACCESS_KEY, REGION, SECRET_KEY};

/// A program that was just written may still be open in a child that is being started: tried so often again.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// One revision of a function, as its processes need it.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) function: String,
    pub(crate) version: String,
    pub(crate) revision: String,
    pub(crate) folder: PathBuf,
    pub(crate) handler: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) log_group: String,
    pub(crate) port: u16,
}

impl Launch {
    /// Starts a process that knows itself by a token.
    pub(super) async fn start(&self, token: &str, log_stream: &str) -> std::io::Result<Child> {
        let mut command = Command::new(self.folder.join("bootstrap"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment(token, log_stream))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut tries = 0;
        loop {
            match command.spawn() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                    tries += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                started => return started,
            }
        }
    }

    fn environment(&self, token: &str, log_stream: &str) -> BTreeMap<String, String> {
        let address = format!("127.0.0.1:{}", self.port);
        let mut all: BTreeMap<String, String> =
            [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "en_US.UTF-8"), ("TZ", ":UTC")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        all.extend(self.variables.clone());
        let own = [
            ("_HANDLER", self.handler.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_mb.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.function.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", self.version.clone()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", self.log_group.clone()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned()),
            // With its scheme: the runtime reads it as a URI, and one with a path has to have one. The token tells the
            // processes apart, and keeps another user's programs from taking what is meant for a function.
            ("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/_runtime/{token}")),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("LAMBDA_TASK_ROOT", self.folder.to_string_lossy().into_owned()),
        ];
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all.entry("AWS_ENDPOINT_URL".to_owned()).or_insert(format!("http://{address}"));
        all
    }
}
