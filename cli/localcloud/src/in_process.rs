//! A cloud without a port: it answers in process, keeps all in memory and lives in tokio's time, so that a test which
//! pauses that is exact. Nothing runs by itself here: no function, no mapping, no sweep, no listener.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::wire::Refusal;
use crate::{Cloud, Config, Error, State, Wait, Weather, route};

/// The port that its addresses name; nobody listens there.
const NOWHERE: u16 = 1;

/// A cloud that answers in process.
pub struct InProcess {
    cloud: Arc<Cloud>,
}

/// Opens an empty one, in fair weather. Its time is tokio's, and begins now.
pub fn open() -> Result<InProcess, Error> {
    let config = Config { state: PathBuf::new(), port: None, version: String::new() };
    let cloud = Cloud::on(State::in_memory(Clock::beginning())?, config, NOWHERE, false)?;
    Ok(InProcess { cloud })
}

impl InProcess {
    /// Where its addresses point to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{NOWHERE}")
    }

    /// Milliseconds since 1970, by its own clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.cloud.now_ms()
    }

    /// From now on the weather is this one; what was drawn before is forgotten.
    pub fn turn(&self, weather: Weather) {
        self.cloud.weather.turn(weather);
    }

    /// From now on its disk is full.
    pub fn fill_up(&self) -> Result<(), Error> {
        Ok(self.cloud.state.fill_up()?)
    }

    /// Every wait that the weather has drawn since it turned, in order.
    #[must_use]
    pub fn waits(&self) -> Vec<Wait> {
        self.cloud.weather.waits()
    }

    /// Answers a request, as over its port; `None` where it was done and its answer is lost.
    pub async fn answer(&self, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let (head, body) = request.into_parts();
        let (head, body) = route::answer(&self.cloud, head, body).await.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        (!self.cloud.weather.lose_an_answer()).then(|| http::Response::from_parts(head, body))
    }

    /// All that it keeps, for tests that compare two worlds: the rows of every table of its journal, and the tables
    /// of DynamoDB with their settings, tags and items.
    pub async fn snapshot(&self) -> Result<Value, Error> {
        let mut all = self.cloud.state.with(|c| {
            let names: Vec<String> = c
                .prepare(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
                )?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            names.into_iter().map(|name| Ok((name.clone(), rows(c, &name)?))).collect::<Result<Map<_, _>, _>>()
        })?;
        let tables = self.tables().await.map_err(|refusal| Error::Engine(refusal.message))?;
        all.insert("dynamodb".to_owned(), tables);
        Ok(Value::Object(all))
    }

    async fn tables(&self) -> Result<Value, Refusal> {
        let (cloud, engine) = (&self.cloud, &self.cloud.dynamodb);
        let mut tables = Map::new();
        let names = engine.call(cloud, "ListTables", json!({})).await?;
        for name in names["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let of = json!({ "TableName": name });
            let described = engine.call(cloud, "DescribeTable", of.clone()).await?["Table"].take();
            let tags = json!({ "ResourceArn": described["TableArn"] });
            tables.insert(
                name.to_owned(),
                json!({
                    "tags": engine.call(cloud, "ListTagsOfResource", tags).await?["Tags"],
                    "ttl": engine.call(cloud, "DescribeTimeToLive", of.clone()).await?["TimeToLiveDescription"],
                    "items": engine.call(cloud, "Scan", of).await?["Items"],
                    "table": described,
                }),
            );
        }
        Ok(Value::Object(tables))
    }
}

/// The rows of a table of the journal; texts that are JSON as what they are.
fn rows(c: &rusqlite::Connection, table: &str) -> Result<Value, rusqlite::Error> {
    let mut query = c.prepare(&format!("SELECT * FROM {table}"))?;
    let columns: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
    let rows = query.query_map([], |row| {
        let value = |at: usize| -> Result<Value, rusqlite::Error> {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    let text = String::from_utf8_lossy(text);
                    serde_json::from_str(&text).unwrap_or_else(|_| text.into_owned().into())
                }
            })
        };
        columns.iter().enumerate().map(|(at, name)| Ok((name.clone(), value(at)?))).collect::<Result<Map<_, _>, _>>()
    })?;
    rows.map(|row| row.map(Value::Object)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}
