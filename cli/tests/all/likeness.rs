//! What a cloud keeps, in words that two worlds share: ids that a service drew become the names of what they stand for,
//! times and secrets go, and what refers to something that is not there keeps a raw id that no other world has.

use std::collections::BTreeMap;
use std::time::Duration;

use localcloud::InProcess;
use serde_json::{Map, Value};

/// What differs between two worlds that are alike: when, in which order, under which revision.
const FORGOTTEN: &[&str] = &[
    "modified",
    "revision",
    "created_at",
    "modified_at",
    "changed_at",
    "createdDate",
    "lastUpdatedDate",
    "deploymentId",
    "CreationDateTime",
    "since",
    "TableSizeBytes",
    "ItemCount",
    "events",
    "at",
    "updated_at",
    "deleted_at",
    "state_at",
    "reason",
];

/// No operation on a stack takes longer in any weather; nothing waits for one that an `up` began.
const OPERATION: Duration = Duration::from_secs(30);

/// The likeness of a world when what was begun in it has ended: a line a thing, in order.
pub(crate) async fn of(cloud: &InProcess) -> Vec<String> {
    tokio::time::sleep(OPERATION).await;
    let world = cloud.snapshot().await.unwrap();
    let mut text = world.to_string();
    for (id, name) in names(&world) {
        text = text.replace(&id, &name);
    }
    let Value::Object(world) = serde_json::from_str(&text).unwrap() else { panic!("a world is an object") };
    let mut lines = Vec::new();
    for (kind, things) in world {
        match things {
            Value::Array(mut rows) => {
                rows.retain(is_there);
                lines.extend(rows.into_iter().map(|row| format!("{kind} {}", told(row))));
            }
            Value::Object(tables) => lines.extend(tables.into_iter().map(|(name, table)| of_table(&name, table))),
            other => panic!("{kind} is {other}"),
        }
    }
    lines.sort();
    lines
}

/// Ends the test with what one world has and the other has not.
pub(crate) fn assert_alike(is: &[String], should: &[String], what: &str) {
    assert!(is == should, "{what}:\n{}", difference(is, should));
}

/// What one world has and the other has not.
pub(crate) fn difference(is: &[String], should: &[String]) -> String {
    let lacks = should.iter().filter(|line| !is.contains(line)).map(|line| format!("- {line}"));
    let has = is.iter().filter(|line| !should.contains(line)).map(|line| format!("+ {line}"));
    let twice = is.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("twice {}", pair[0]));
    lacks.chain(has).chain(twice).collect::<Vec<_>>().join("\n")
}

/// Each id that a service drew, and what it stands for.
fn names(world: &Value) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // A second thing of one meaning is not the first one.
    let mut name = |id: &Value, mut meaning: String| {
        while names.values().any(|known| *known == meaning) {
            meaning.push_str(" again");
        }
        names.insert(text(id), meaning);
    };
    // What is gone leaves its name to what came after it.
    let documents = world["documents"].as_array().into_iter().flatten().filter(|row| is_there(row));
    for (kind, body) in documents.map(|row| (row["kind"].as_str().unwrap_or_default(), &row["body"])) {
        match kind {
            "apigateway.api" => {
                name(
                    &body["api"]["apiId"],
                    format!("<API {} {}>", text(&body["api"]["name"]), body["api"]["tags"]).replace('"', ""),
                );
                for one in body["integrations"].as_object().into_iter().flat_map(Map::values) {
                    name(&one["integrationId"], format!("<to {}>", text(&one["integrationUri"])));
                }
                for one in body["routes"].as_object().into_iter().flat_map(Map::values) {
                    name(&one["routeId"], format!("<route {}>", text(&one["routeKey"])));
                }
            }
            "cloudformation-stack" => name(&body["id"], format!("<stack {}>", text(&body["name"]))),
            "iam-role" => name(&body["id"], format!("<id of {}>", text(&body["name"]))),
            "lambda.mapping" => {
                // Of a stream its table, for the stream's own label is drawn too.
                let source = text(&body["source_arn"]);
                let source = source.split("/stream/").next().unwrap_or_default().to_owned();
                name(&body["uuid"], format!("<mapping {source} {}>", text(&body["function"])));
            }
            "ssm-parameter" => {
                let of = text(&body["name"]);
                name(&body["tags"]["chatctl:public"], format!("<public half of {of}>"));
                name(&body["value"], format!("<value of {of}>"));
            }
            _ => {}
        }
    }
    for (table, described) in world["dynamodb"].as_object().into_iter().flatten() {
        name(&described["table"]["TableId"], format!("<id of {table}>"));
        name(&described["table"]["LatestStreamLabel"], format!("<stream of {table}>"));
    }
    names.remove("");
    names
}

/// A version that is not live may name a role that was there before: it is history too.
fn without_earlier_roles(row: &mut Value) {
    let live = row.pointer("/body/aliases/live/version").and_then(Value::as_str).map(str::to_owned);
    let versions = row.pointer_mut("/body/versions").and_then(Value::as_array_mut).into_iter().flatten();
    for version in versions.filter(|version| live != Some(version["number"].to_string())) {
        if let Some(role) = version.pointer_mut("/settings/environment/CHAT_ROLE_ID") {
            *role = Value::Null;
        }
    }
}

fn told(mut thing: Value) -> String {
    forget(&mut thing);
    without_earlier_roles(&mut thing);
    if let Some(row) = thing.as_object_mut() {
        // Rows are numbered as they come, and those of `documents` named by what is in them.
        row.remove("id");
    }
    thing.to_string()
}

fn of_table(name: &str, mut table: Value) -> String {
    if let Some(items) = table["items"].as_array_mut() {
        items.retain(is_kept);
        items.iter_mut().for_each(without_values);
        items.sort_by_key(Value::to_string);
    }
    for list in ["tags", "AttributeDefinitions"] {
        if let Some(list) = table[list].as_array_mut() {
            list.sort_by_key(Value::to_string);
        }
    }
    format!("table {name} {}", told(table))
}

/// Deleted stacks are remembered; what was, is history too.
fn is_there(row: &Value) -> bool {
    row["kind"] != "cloudformation-stack" || row["body"]["status"] != "DELETE_COMPLETE"
}

/// The history tells of runs, not of the world, and so does a lease that nobody holds or whose process is gone. A proof's
/// room that could not be removed ends by itself.
fn is_kept(item: &Value) -> bool {
    let (pk, sk) = (&item["pk"]["S"], &item["sk"]["S"]);
    let held = || item["holder"]["S"].as_str().is_some_and(|holder| !holder.contains("4294967295"));
    let ends_by_itself = *pk == "rooms" && item["ttl"]["N"].is_string();
    *pk != "deploys" && (*sk != "lease" || held()) && !ends_by_itself
}

/// Items hold keys that are drawn, and when they were made: which ones there are is what counts.
fn without_values(item: &mut Value) {
    let Some(attributes) = item.as_object_mut() else { return };
    for (name, value) in attributes.iter_mut() {
        if name != "pk" && name != "kind" && !(name == "sk" && value["S"].as_str().is_some_and(|key| key.len() < 20)) {
            *value = Value::Null;
        }
    }
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !FORGOTTEN.contains(&name.as_str()));
            members.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}
