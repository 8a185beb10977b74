//! retrieve-messages: wires the handler to the tables and the Lambda runtime.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod handler;

use chat_aws::env::Settings;
use chat_aws::http;
use chat_aws::messages::DynamoMessages;
use chat_aws::rooms::DynamoRooms;
use chat_aws::start::{Handles, StartFailed};

use crate::handler::{Ports, answer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartFailed> {
    let settings = Settings::of_process();
    let (version, key) = (settings.version()?, settings.room_key()?);
    let (messages, stage) = (settings.messages_table()?, settings.stage_table()?);
    let dynamodb = Handles::load(&settings).await.dynamodb();
    let ports = Ports {
        rooms: DynamoRooms::new(dynamodb.clone(), stage),
        messages: DynamoMessages::new(dynamodb, messages),
        key,
    };
    http::serve(&version, |call, moment| answer(call, &ports, moment)).await
}
