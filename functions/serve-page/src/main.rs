//! serve-page: wires the page's handler to the Lambda runtime.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod handler;

use chat_aws::env::Settings;
use chat_aws::http;
use chat_aws::start::StartFailed;

use crate::handler::{Facts, answer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartFailed> {
    let settings = Settings::of_process();
    let facts = Facts { version: settings.version()?, vapid_public: settings.vapid_public()? };
    http::serve(&facts.version, |call, _| std::future::ready(answer(&call, &facts))).await
}
