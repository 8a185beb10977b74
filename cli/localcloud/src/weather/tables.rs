//! Tables: found late, being made, changed and deleted for seconds; times to live and backups with rules of their own.

use serde_json::{Value, json};

use super::drawn::{Drawn, Table};
use super::{Asked, Met, Outcome, Weather, name_of};
use crate::wire::Refusal;

/// The calls that use what is in a table.
const ITEMS: &[&str] = &["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"];
/// Those that use many tables at once: one that is not ready is enough to refuse them.
const MANY: &[&str] = &["TransactWriteItems", "TransactGetItems", "BatchGetItem", "BatchWriteItem"];
/// The calls that change a table, one after the other.
const CHANGES: &[&str] = &["UpdateTable", "DeleteTable", "UpdateTimeToLive"];

fn table_of(asked: &Asked) -> &str {
    match asked.text("TableName") {
        "" => name_of(asked.text("ResourceArn")),
        name => name_of(name),
    }
}

/// The tables of a transaction or a batch.
fn tables_of(asked: &Asked) -> impl Iterator<Item = &str> {
    let actions = asked.input["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let transacted = actions.flat_map(|action| action.values()).filter_map(|action| action["TableName"].as_str());
    let batched = asked.input["RequestItems"].as_object().into_iter().flat_map(|items| items.keys());
    transacted.chain(batched.map(String::as_str)).map(name_of)
}

/// Whether a table, as it is now, takes nothing in and gives nothing out.
fn is_not_ready(drawn: &Drawn, now: i64, name: &str) -> bool {
    let making = drawn.tables.get(name).is_some_and(|table| now < table.busy && table.status == "CREATING");
    making || drawn.leaves(now, &format!("table {name}")).is_some()
}

pub(super) fn before(drawn: &Drawn, weather: &Weather, now: i64, asked: &Asked) -> Met {
    if MANY.contains(&asked.call.as_str()) {
        return tables_of(asked).find(|name| is_not_ready(drawn, now, name)).map_or(Met::Passed, missing);
    }
    let name = table_of(asked);
    if let Some(shown) = drawn.leaves(now, &format!("table {name}")) {
        return leaving(shown, asked, name);
    }
    let Some(table) = drawn.tables.get(name) else { return Met::Passed };
    match asked.call.as_str() {
        "DescribeTable" | "DescribeTimeToLive" | "ListTagsOfResource" if now < table.found => missing(name),
        call if ITEMS.contains(&call) && now < table.busy && table.status == "CREATING" => missing(name),
        call if CHANGES.contains(&call) && now < table.busy => in_use(name, table.status),
        "UpdateTimeToLive" if within(table.ttl_set, now, weather) => {
            refused("ValidationException", "Time to live has been modified multiple times within a fixed interval")
        }
        "UpdateContinuousBackups" if now < table.backups => refused(
            "ContinuousBackupsUnavailableException",
            &format!("Backups are being enabled for the table: {name}. Please retry later"),
        ),
        _ => Met::Passed,
    }
}

/// One that is being deleted is shown so, and its name is taken.
fn leaving(shown: &Value, asked: &Asked, name: &str) -> Met {
    match asked.call.as_str() {
        "DescribeTable" => Met::Answered(json!({ "Table": shown })),
        "DeleteTable" => Met::Answered(json!({ "TableDescription": shown })),
        "CreateTable" => in_use(name, "DELETING"),
        call if CHANGES.contains(&call) => in_use(name, "DELETING"),
        call if ITEMS.contains(&call) => missing(name),
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    let name = table_of(asked).to_owned();
    let Ok(answer) = outcome else { return };
    match asked.call.as_str() {
        "CreateTable" => {
            let found = drawn.lasts(now, &weather.reads, "table found", &name);
            let busy = drawn.lasts(now, &weather.tables, "table made", &name);
            let backups = drawn.lasts(busy, &weather.backups, "table backed up", &name);
            let table = Table { found, busy, status: "CREATING", backups, ttl_set: None };
            drawn.tables.insert(name, table);
        }
        "UpdateTable" => {
            let busy = drawn.until(now, &weather.tables);
            let table = drawn.tables.entry(name).or_default();
            (table.busy, table.status) = (busy, "UPDATING");
            answer["TableDescription"]["TableStatus"] = "UPDATING".into();
        }
        "UpdateTimeToLive" => drawn.tables.entry(name).or_default().ttl_set = Some(now),
        "DescribeTable" => {
            if let Some(table) = drawn.tables.get(&name).filter(|table| now < table.busy) {
                answer["Table"]["TableStatus"] = table.status.into();
            }
        }
        "DeleteTable" => {
            let until = drawn.until(now, &weather.tables);
            let mut shown = answer["TableDescription"].clone();
            shown["TableStatus"] = "DELETING".into();
            drawn.tables.remove(&name);
            drawn.leaving.insert(format!("table {name}"), (until, shown));
        }
        _ => {}
    }
}

fn within(set: Option<i64>, now: i64, weather: &Weather) -> bool {
    let pause = i64::try_from(weather.ttl_again.as_millis()).unwrap_or(i64::MAX);
    set.is_some_and(|set| now < set.saturating_add(pause))
}

fn refused(code: &str, message: &str) -> Met {
    Met::Refused(Refusal::new(400, code, message))
}

fn missing(name: &str) -> Met {
    refused("ResourceNotFoundException", &format!("Requested resource not found: Table: {name} not found"))
}

fn in_use(name: &str, status: &str) -> Met {
    refused(
        "ResourceInUseException",
        &format!("Attempt to change a resource which is still in use: {name} is {status}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_or_a_batch_is_refused_for_each_of_its_tables_that_is_being_made_or_deleted() {
        let mut drawn = Drawn::default();
        drawn.tables.insert("new".into(), Table { busy: 10, status: "CREATING", ..Table::default() });
        drawn.tables.insert("old".into(), Table { busy: 10, status: "UPDATING", ..Table::default() });
        drawn.leaving.insert("table gone".into(), (10, Value::Null));
        let met = |now: i64, call: &str, input: &Value| {
            let asked = Asked::json("dynamodb", call, input);
            match before(&drawn, &Weather::fair(), now, &asked) {
                Met::Refused(refusal) => Some(refusal.code),
                _ => None,
            }
        };
        for (table, refused) in [("new", true), ("gone", true), ("old", false), ("other", false)] {
            let of = |action: &str| json!({ "TransactItems": [{ "Put": { "TableName": "other" } }, { action: { "TableName": table } }] });
            let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}");
            for (call, input) in [
                ("TransactWriteItems", of("ConditionCheck")),
                ("TransactGetItems", of("Get")),
                ("BatchGetItem", json!({ "RequestItems": { "other": {}, table: {} } })),
                ("BatchWriteItem", json!({ "RequestItems": { "other": [], arn.as_str(): [] } })),
            ] {
                let why = refused.then(|| "ResourceNotFoundException".to_owned());
                assert_eq!(met(5, call, &input), why, "{call} {table}");
                assert!(met(10, call, &input).is_none(), "{call} {table}: it is ready");
            }
        }
    }
}
