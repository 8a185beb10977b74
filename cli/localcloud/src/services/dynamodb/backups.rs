//! Point-in-time recovery: kept beside the engine, which does not know it. What is kept is whether a table has it, since
//! when and for how long; nothing is ever restored here, and those calls are refused by their names.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::DynamoDb;
use crate::{Cloud, Refusal, State};

pub(super) const CALLS: &[&str] = &["DescribeContinuousBackups", "UpdateContinuousBackups"];

/// The kind of the documents that say of a table that it has it.
const RECOVERY: &str = "dynamodb.recovery";
/// For how many days a table can be brought back.
const LEAST_DAYS: i64 = 1;
const MOST_DAYS: i64 = 35;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The latest moment that a table can be brought back to is about five minutes ago.
const LAG_MS: i64 = 5 * 60 * 1000;

/// A table: another one of the same name is another table.
struct Table {
    name: String,
    id: String,
}

/// Since when, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recovery {
    table_id: String,
    since: i64,
    days: i64,
}

/// Does one of the calls.
pub(super) async fn call(dynamodb: &DynamoDb, cloud: &Cloud, action: &str, input: Value) -> Result<Value, Refusal> {
    let table = table(dynamodb, cloud, &input).await?;
    if action == "UpdateContinuousBackups" {
        update(&cloud.state, &table, &input)?;
    }
    let recovery = cloud.state.get::<Recovery>(RECOVERY, &table.name)?;
    let recovery = recovery.filter(|recovery| recovery.table_id == table.id);
    Ok(json!({ "ContinuousBackupsDescription": shown(recovery.as_ref(), cloud.now_ms()) }))
}

/// A table that is gone takes it along.
pub(super) fn forget(state: &State, table: &str) -> Result<(), Refusal> {
    state.remove(RECOVERY, table)?;
    Ok(())
}

/// The table that is meant, which must be there, and no longer on its way (A28).
async fn table(dynamodb: &DynamoDb, cloud: &Cloud, input: &Value) -> Result<Table, Refusal> {
    let asked = input["TableName"].as_str().ok_or_else(|| {
        Refusal::new(
            400,
            "ValidationException",
            "The parameter 'TableName' is required but was not present in the request",
        )
    })?;
    // By way of the call that every table answers, so that it is seen as a caller sees it.
    let described = Box::pin(dynamodb.call(cloud, "DescribeTable", json!({ "TableName": asked }))).await;
    let described = described.map_err(|refusal| match refusal.code.rsplit('#').next() {
        Some("ResourceNotFoundException") => {
            Refusal::new(400, "TableNotFoundException", format!("Table not found: {asked}"))
        }
        _ => refusal,
    })?;
    let table = &described["Table"];
    let name = table["TableName"].as_str().unwrap_or(asked).to_owned();
    if table["TableStatus"] == "CREATING" {
        let message = format!("Backups are being enabled for the table: {name}. Please retry later");
        return Err(Refusal::new(400, "ContinuousBackupsUnavailableException", message));
    }
    Ok(Table { name, id: table["TableId"].as_str().unwrap_or_default().to_owned() })
}

fn update(state: &State, table: &Table, input: &Value) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new(400, "ValidationException", message);
    let asked = &input["PointInTimeRecoverySpecification"];
    let on = asked["PointInTimeRecoveryEnabled"].as_bool().ok_or_else(|| {
        invalid("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled must be true or false".to_owned())
    })?;
    if !on {
        return forget(state, &table.name);
    }
    let before = state.get::<Recovery>(RECOVERY, &table.name)?.filter(|before| before.table_id == table.id);
    let days = match &asked["RecoveryPeriodInDays"] {
        Value::Null => before.as_ref().map_or(MOST_DAYS, |before| before.days),
        days => days.as_i64().filter(|days| (LEAST_DAYS..=MOST_DAYS).contains(days)).ok_or_else(|| {
            invalid(format!("RecoveryPeriodInDays is {days}; it must be between {LEAST_DAYS} and {MOST_DAYS}"))
        })?,
    };
    let since = before.map_or_else(|| state.now_ms(), |before| before.since);
    state.put(RECOVERY, &table.name, &Recovery { table_id: table.id.clone(), since, days })?;
    Ok(())
}

/// Continuous backups are always on; whether one can go back to a moment is what is set.
fn shown(recovery: Option<&Recovery>, now: i64) -> Value {
    let status = if recovery.is_some() { "ENABLED" } else { "DISABLED" };
    let mut shown = json!({ "PointInTimeRecoveryStatus": status });
    if let Some(&Recovery { since, days, .. }) = recovery {
        shown["RecoveryPeriodInDays"] = days.into();
        let earliest = since.max(now - days * DAY_MS);
        shown["EarliestRestorableDateTime"] = crate::clock::seconds(earliest).into();
        shown["LatestRestorableDateTime"] = crate::clock::seconds((now - LAG_MS).max(earliest)).into();
    }
    json!({ "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_can_be_brought_back_as_far_as_it_is_kept_and_no_further() {
        let now = 100 * DAY_MS;
        let described = |since| {
            let recovery = Recovery { table_id: String::new(), since, days: 35 };
            shown(Some(&recovery), now)["PointInTimeRecoveryDescription"].clone()
        };
        let seconds = |day: i64| json!(crate::clock::seconds(day * DAY_MS));
        assert_eq!(described(90 * DAY_MS)["EarliestRestorableDateTime"], seconds(90));
        assert_eq!(described(0)["EarliestRestorableDateTime"], seconds(65));
        assert_eq!(described(now)["LatestRestorableDateTime"], seconds(100));
        assert_eq!(
            shown(None, now)["PointInTimeRecoveryDescription"],
            json!({ "PointInTimeRecoveryStatus": "DISABLED" })
        );
    }
}
