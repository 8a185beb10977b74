//! notify-clients: wires the handler to the tables, the queue, the push services and the Lambda runtime.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod handler;

use std::time::Duration;

use chat_aws::clients::DynamoClients;
use chat_aws::env::Settings;
use chat_aws::push::HttpsGate;
use chat_aws::queue::SqsQueue;
use chat_aws::rooms::DynamoRooms;
use chat_aws::secrets::SsmSecrets;
use chat_aws::start::{Handles, StartFailed};
use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use tokio::time::sleep;

use crate::handler::{Event, Ports, Turn, answer};

/// By then the first event is asked for; on one processor, whatever begins before that would hold it up.
const ASKED: Duration = Duration::from_millis(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartFailed> {
    let settings = Settings::of_process();
    let (clients, stage, url) = (settings.clients_table()?, settings.stage_table()?, settings.queue_url()?);
    let (parameter, subject, services) =
        (settings.vapid_parameter()?, settings.vapid_subject()?, settings.push_services()?);
    let handles = Handles::load(&settings).await;
    let dynamodb = handles.dynamodb();
    let ports = Ports {
        rooms: DynamoRooms::new(dynamodb.clone(), stage),
        clients: DynamoClients::new(dynamodb, clients),
        queue: SqsQueue::new(handles.sqs(), url),
        gate: HttpsGate::new(services),
        secrets: SsmSecrets::new(handles.ssm(), parameter, subject),
    };
    let notify = async |event: LambdaEvent<Event>| {
        let outcome = answer(event.payload, &ports, Turn::until(event.context.deadline)).await;
        outcome.map_err(|why| Diagnostic { error_type: "Undone".to_owned(), error_message: why })
    };
    // The key is read while the first event is waited for, and shared with it: neither holds up the other.
    let prepare = async {
        sleep(ASKED).await;
        ports.secrets.prepare().await;
    };
    let (ended, ()) = tokio::join!(run(service_fn(notify)), prepare);
    Ok(ended?)
}
