//! How the stage is, read from the services themselves, all at once: whether what carries messages works, and how much
//! is in it. Must not know how the stack is put together: it looks for what the chat needs, by its derived names.

use aws_sdk_dynamodb::types::{AttributeValue, Select, TableStatus};
use aws_sdk_sqs::types::QueueAttributeName;
use chat::room::RoomRecord;
use chat_aws::layout;
use chat_aws::routes::Function;
use futures_util::future::{join_all, try_join_all};

use crate::aws::{Aws, CallError, call};
use crate::event::{FunctionShown, Queues, ResourceShown, Status};
use crate::failure::Failure;
use crate::stage::{LOBBY, Stage};

use super::rooms;

/// The alias that every caller uses.
const LIVE: &str = "live";
/// The tables, by what is in their names.
const TABLES: [&str; 3] = ["messages", "clients", "stage"];
/// The secrets.
const SECRETS: [&str; 2] = ["vapid-key", "room-key"];

/// How what carries messages is; whether that is all there is, is for whoever knows the stack. `endpoint` is the API's
/// address, where there is one.
pub async fn status(aws: &Aws, stage: &Stage, endpoint: Option<String>) -> Result<Status, Failure> {
    let looks = tokio::join!(
        try_join_all(TABLES.map(|table| table_shown(aws, stage, table))),
        queues(aws, stage),
        try_join_all(Function::ALL.map(|function| function_shown(aws, stage, function))),
        try_join_all(SECRETS.map(|secret| secret_shown(aws, stage, secret))),
        mappings(aws, stage),
    );
    let (tables, (queue_lines, queues), functions, secrets, mappings) =
        (looks.0?, looks.1?, looks.2?, looks.3?, looks.4?);
    let api = ResourceShown {
        id: "api/http".into(),
        healthy: endpoint.is_some(),
        state: if endpoint.is_some() { "active" } else { "absent" }.into(),
        detail: endpoint.clone(),
        ..ResourceShown::default()
    };
    let mut status = Status {
        project: stage.project.clone(),
        stage: stage.name.clone(),
        target: stage.target.to_string(),
        flags: stage.flag().trim_start().to_owned(),
        region: aws.region.clone(),
        account: Some(aws.account.clone()),
        endpoint,
        queues,
        ..Status::default()
    };
    let has_rooms = tables.iter().zip(TABLES).any(|(table, name)| name == "stage" && table.healthy);
    let has_keys = secrets.iter().all(|secret| secret.healthy);
    let functions_shown = functions.iter().map(|function| ResourceShown {
        id: format!("function/{}", function.name),
        healthy: function.state == "Active",
        state: function.state.to_lowercase(),
        detail: function.version.as_ref().map(|version| format!("version {version}")),
        ..ResourceShown::default()
    });
    status.resources = tables
        .into_iter()
        .chain(queue_lines)
        .chain(functions_shown)
        .chain(mappings)
        .chain([api])
        .chain(secrets)
        .collect();
    status.functions = functions;
    if has_rooms {
        people(aws, stage, &mut status, has_keys).await?;
    }
    Ok(status)
}

/// Whether anything runs in this account: a function, an API or a queue, of whatever stage.
pub async fn anything_runs(aws: &Aws) -> Result<bool, CallError> {
    let functions = aws.lambda.list_functions().send().await.map_err(call("Lambda", "ListFunctions", "all"))?;
    let apis = aws.apigateway.get_apis().send().await.map_err(call("API Gateway", "GetApis", "all"))?;
    let queues = aws.sqs.list_queues().send().await.map_err(call("SQS", "ListQueues", "all"))?;
    Ok(!(functions.functions().is_empty() && apis.items().is_empty() && queues.queue_urls().is_empty()))
}

/// The rooms, the lobby's link and how many clients there are.
async fn people(aws: &Aws, stage: &Stage, status: &mut Status, has_keys: bool) -> Result<(), Failure> {
    let records = rooms::records(aws, stage).await?;
    status.rooms = records.iter().map(|room| room.name.to_string()).collect();
    if has_keys
        && let Some(endpoint) = &status.endpoint
        && let Some(lobby) = rooms::list(aws, stage).await?.into_iter().find(|room| room.record.name.as_str() == LOBBY)
    {
        status.page = Some(lobby.link(endpoint));
    }
    let shards = records.iter().flat_map(|room| (0..room.shards).map(move |shard| (room, shard)));
    let counts = join_all(shards.map(|(room, shard)| clients(aws, stage, room, shard))).await;
    status.clients = counts.into_iter().sum::<Result<u64, CallError>>().or_else(absent_is(0))?;
    Ok(())
}

/// How many clients one shard of a room has.
async fn clients(aws: &Aws, stage: &Stage, room: &RoomRecord, shard: u16) -> Result<u64, CallError> {
    let table = stage.names().table("clients");
    let (mut total, mut from) = (0, None);
    loop {
        let page = aws
            .dynamodb
            .query()
            .table_name(&table)
            .select(Select::Count)
            .key_condition_expression("#pk = :shard")
            .expression_attribute_names("#pk", layout::PK)
            .expression_attribute_values(":shard", AttributeValue::S(layout::clients_of(&room.hash, shard)))
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(call("DynamoDB", "Query", &table))?;
        total += u64::try_from(page.count()).unwrap_or_default();
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(total);
        }
    }
}

async fn table_shown(aws: &Aws, stage: &Stage, which: &str) -> Result<ResourceShown, CallError> {
    let name = stage.names().table(which);
    let seen =
        aws.dynamodb.describe_table().table_name(&name).send().await.map_err(call("DynamoDB", "DescribeTable", &name));
    let table = seen.map(|seen| seen.table).or_else(absent_is(None))?;
    let state = table.as_ref().and_then(|table| table.table_status.as_ref());
    Ok(ResourceShown {
        id: format!("table/{which}"),
        healthy: state == Some(&TableStatus::Active),
        state: state.map_or_else(|| "absent".into(), |state| state.as_str().to_lowercase()),
        detail: table.and_then(|table| table.item_count).map(|items| format!("about {items} items")),
        ..ResourceShown::default()
    })
}

async fn queues(aws: &Aws, stage: &Stage) -> Result<(Vec<ResourceShown>, Queues), CallError> {
    let names = stage.names();
    let (new, dead) = (names.queue(), names.dead_letters());
    let (new, dead) = tokio::join!(depth(aws, &new), depth(aws, &dead));
    // What is given up stays so while somebody looks at it.
    let (new, dead) = (new?, dead?.map(|(waiting, taken)| (waiting + taken, 0)));
    let shown = |id: &str, depth: Option<(u64, u64)>| ResourceShown {
        id: format!("queue/{id}"),
        healthy: depth.is_some(),
        state: if depth.is_some() { "active" } else { "absent" }.into(),
        detail: depth.filter(|(waiting, _)| *waiting > 0).map(|(waiting, _)| format!("{waiting} waiting")),
        ..ResourceShown::default()
    };
    let lines = vec![shown("new-messages", new), shown("dead-letters", dead)];
    let ((new_messages, in_flight), (dead_letters, _)) = (new.unwrap_or_default(), dead.unwrap_or_default());
    Ok((lines, Queues { new_messages, in_flight, dead_letters }))
}

/// How many messages wait, and how many are being worked on; `None` without the queue.
async fn depth(aws: &Aws, name: &str) -> Result<Option<(u64, u64)>, CallError> {
    let url = aws.sqs.get_queue_url().queue_name(name).send().await.map_err(call("SQS", "GetQueueUrl", name));
    let Some(url) = url.map(|answer| answer.queue_url).or_else(absent_is(None))? else { return Ok(None) };
    let (waiting, taken) =
        (QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    let asked =
        aws.sqs.get_queue_attributes().queue_url(url).attribute_names(waiting.clone()).attribute_names(taken.clone());
    let asked = asked.send().await.map_err(call("SQS", "GetQueueAttributes", name));
    let Some(attributes) = asked.map(|answer| answer.attributes).or_else(absent_is(None))? else { return Ok(None) };
    let number = |name| attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or_default();
    Ok(Some((number(&waiting), number(&taken))))
}

async fn function_shown(aws: &Aws, stage: &Stage, function: Function) -> Result<FunctionShown, CallError> {
    let name = stage.names().function(function.name());
    let asked = aws.lambda.get_function_configuration().function_name(&name).qualifier(LIVE).send().await;
    let seen = asked.map(Some).map_err(call("Lambda", "GetFunctionConfiguration", &name)).or_else(absent_is(None))?;
    let Some(seen) = seen else {
        let state = "absent".into();
        return Ok(FunctionShown {
            name: function.name().into(),
            version: None,
            state,
            code_bytes: 0,
            memory_mb: 0,
            timeout_s: 0,
        });
    };
    Ok(FunctionShown {
        name: function.name().into(),
        state: seen.state().map_or_else(|| "Active".into(), |state| state.as_str().to_string()),
        code_bytes: seen.code_size(),
        memory_mb: seen.memory_size().unwrap_or_default(),
        timeout_s: seen.timeout().unwrap_or_default(),
        version: seen.version,
    })
}

/// The mappings of the two functions that are behind a source.
async fn mappings(aws: &Aws, stage: &Stage) -> Result<Vec<ResourceShown>, CallError> {
    let both = [("stream", Function::ForwardMessages), ("queue", Function::NotifyClients)];
    try_join_all(both.map(|(source, function)| mapping(aws, stage, source, function))).await
}

async fn mapping(aws: &Aws, stage: &Stage, source: &str, function: Function) -> Result<ResourceShown, CallError> {
    let name = format!("{}:{LIVE}", stage.names().function(function.name()));
    let asked = aws.lambda.list_event_source_mappings().function_name(&name).send().await;
    let listed = asked
        .map(|answer| answer.event_source_mappings)
        .map_err(call("Lambda", "ListEventSourceMappings", &name))
        .or_else(absent_is(None))?;
    let state = listed.unwrap_or_default().into_iter().next().map(|mapping| mapping.state.unwrap_or_default());
    Ok(ResourceShown {
        id: format!("mapping/{source}"),
        healthy: state.as_deref() == Some("Enabled"),
        state: state.map_or_else(|| "absent".into(), |state| state.to_lowercase()),
        detail: None,
        ..ResourceShown::default()
    })
}

async fn secret_shown(aws: &Aws, stage: &Stage, which: &str) -> Result<ResourceShown, CallError> {
    let name = stage.names().parameter(which);
    let asked = aws.ssm.get_parameter().name(&name).with_decryption(false).send().await;
    let there = asked.map(|_| true).map_err(call("SSM", "GetParameter", &name)).or_else(absent_is(false))?;
    let state = if there { "active" } else { "absent" }.into();
    Ok(ResourceShown {
        id: format!("parameter/{which}"),
        healthy: there,
        state,
        detail: None,
        ..ResourceShown::default()
    })
}

/// What is not there is no failure here, but this.
fn absent_is<T>(value: T) -> impl FnOnce(CallError) -> Result<T, CallError> {
    move |error| if error.is_missing() { Ok(value) } else { Err(error) }
}
