//! forward-messages: wires the handler to the queue and the Lambda runtime.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod handler;

use chat_aws::batch::Batch;
use chat_aws::env::Settings;
use chat_aws::moment::Moment;
use chat_aws::queue::SqsQueue;
use chat_aws::start::{Handles, StartFailed};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartFailed> {
    let settings = Settings::of_process();
    let url = settings.queue_url()?;
    let queue = SqsQueue::new(Handles::load(&settings).await.sqs(), url);
    let forward = async |event: LambdaEvent<Batch>| {
        Ok::<_, Error>(handler::forward(event.payload.stream(), &queue, Moment::present()).await)
    };
    Ok(run(service_fn(forward)).await?)
}
