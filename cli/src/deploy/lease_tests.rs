//! The life of a lease in virtual time, over the real SDK and a table of one item.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::*;
use crate::aws::{Aws, LocalEndpoint};
use crate::deploy::holder::SILENT_MS;
use crate::deploy::record::{Proof, tests::deploy};
use crate::stage::{Overrides, Stage};

const BEGIN_MS: i64 = 1_800_000_000_000;

/// The lease's table, as DynamoDB keeps it; it can be made to answer nothing.
#[derive(Clone, Debug, Default)]
struct Table {
    item: Arc<Mutex<Option<Value>>>,
    deaf: Arc<Mutex<bool>>,
    calls: Arc<AtomicU32>,
}

impl Table {
    fn answer(&self, target: &str, input: &Value) -> (u16, Value) {
        let mut item = self.item.lock().unwrap();
        let call = target.rsplit('.').next().unwrap();
        // Of a transaction what becomes of the lease; the other write is a deploy.
        let input = if call == "TransactWriteItems" { &input["TransactItems"][1]["Update"] } else { input };
        let values = &input["ExpressionAttributeValues"];
        let condition = input["ConditionExpression"].as_str().unwrap_or_default();
        let now = item.clone().unwrap_or_default();
        let free = now["id"].is_null() && condition.contains("attribute_not_exists");
        let dead = condition.contains(":dead") && now["id"] == values[":dead"] && now["renewed_ms"] == values[":seen"];
        let ours = condition == "#id = :id" && now["id"] == values[":id"];
        if !(condition.is_empty() || free || dead || ours) {
            return refused(call, &item);
        }
        if call == "GetItem" {
            return (200, json!({ "Item": *item }));
        }
        let item = item.get_or_insert_with(|| json!({})).as_object_mut().unwrap();
        let expression = input["UpdateExpression"].as_str().unwrap();
        for (name, value) in [("#id", ":me"), ("#renewed", ":now"), ("#holder", ":holder"), ("#last", ":last")] {
            let attribute = input["ExpressionAttributeNames"][name].as_str().unwrap_or_default();
            if expression.contains(&format!("{name} = {value}")) {
                item.insert(attribute.to_owned(), values[value].clone());
            } else if expression.split_once("REMOVE").is_some_and(|(_, removed)| removed.contains(name)) {
                item.remove(attribute);
            }
        }
        (200, json!({ "Attributes": item }))
    }

    fn is_free(&self) -> bool {
        self.item.lock().unwrap().as_ref().is_none_or(|item| item["id"].is_null() && item["holder"].is_null())
    }

    fn holder(&self) -> Holder {
        let item = self.item.lock().unwrap().clone().expect("somebody holds it");
        let mut holder: Holder = serde_json::from_str(item["holder"]["S"].as_str().unwrap()).unwrap();
        holder.renewed_ms = item["renewed_ms"]["N"].as_str().unwrap().parse().unwrap();
        holder
    }

    /// As if it were held on another computer, for all that can be seen of it.
    fn seems_elsewhere(&self) {
        let mut item = self.item.lock().unwrap();
        let item = item.as_mut().unwrap();
        let mut holder: Value = serde_json::from_str(item["holder"]["S"].as_str().unwrap()).unwrap();
        holder["host"] = "ci".into();
        item["holder"]["S"] = holder.to_string().into();
    }

    /// Somebody elsewhere holds it, who renewed it so long ago.
    fn held_elsewhere(&self, renewed_ms: i64) {
        let holder = Holder {
            host: "ci".to_owned(),
            machine: "m9".to_owned(),
            ..Holder::this("chatctl up --stage prod", "bob@ci", renewed_ms)
        };
        let text = serde_json::to_string(&holder).unwrap();
        *self.item.lock().unwrap() = Some(json!({
            "pk": { "S": "stage" }, "sk": { "S": "lease" }, "id": { "S": holder.id },
            "renewed_ms": { "N": renewed_ms.to_string() }, "holder": { "S": text },
        }));
    }
}

/// A condition that did not hold, in the call's own words.
fn refused(call: &str, item: &Option<Value>) -> (u16, Value) {
    let kind = |name: &str| format!("com.amazonaws.dynamodb.v20120810#{name}");
    let reasons = json!([{ "Code": "None" }, { "Code": "ConditionalCheckFailed" }]);
    let error = match call {
        "TransactWriteItems" => {
            json!({ "__type": kind("TransactionCanceledException"), "message": "no", "CancellationReasons": reasons })
        }
        _ => json!({ "__type": kind("ConditionalCheckFailedException"), "message": "no", "Item": item }),
    };
    (400, error)
}

impl HttpConnector for Table {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if *self.deaf.lock().unwrap() {
            return HttpConnectorFuture::new(std::future::pending());
        }
        let target = request.headers().get("x-amz-target").unwrap().to_owned();
        let input = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let (status, body) = self.answer(&target, &input);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()))))
    }
}

/// A deploy at this table, in virtual time; `clock_off_ms` is how far its wall clock is ahead.
#[allow(clippy::disallowed_methods, reason = "a handle whose answers the test gives")]
async fn deploying(table: &Table, clock_off_ms: i64) -> Deploying {
    let variables = |name: &str| (name == "CHATCTL_STATE_DIR").then(|| "/nowhere".to_owned());
    let stage = Stage::load(&Overrides::default(), &variables, std::path::Path::new("/")).unwrap();
    let text = |text: &str| text.to_owned();
    let local = LocalEndpoint {
        endpoint: text("http://127.0.0.1:9"),
        account: text("000000000000"),
        access_key: text("a"),
        secret_key: text("b"),
    };
    let mut aws = Aws::open(&stage, Some(&local)).await.unwrap();
    let connector = SharedHttpConnector::new(table.clone());
    let config = aws.dynamodb.config().to_builder().http_client(http_client_fn(move |_, _| connector.clone()));
    aws.dynamodb = crate::aws::DynamoDb::from_conf(config.build());
    let began = Instant::now();
    let now = move || (BEGIN_MS + clock_off_ms + i64::try_from(began.elapsed().as_millis()).unwrap()) * 1000;
    let (_, stop) = watch::channel(false);
    Deploying::new(aws, stage, String::new(), crate::event::nobody(), Arc::new(now), stop)
}

fn failed(error: LeaseError) -> Failure {
    error.into()
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_holder_works_and_gone_when_it_is_given_back() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let lease = Lease::take(&cx).await.unwrap();
    let holder = table.holder();
    assert_eq!((holder.pid, holder.command.as_str(), holder.since_ms), (std::process::id(), "chatctl up", BEGIN_MS));
    let worked = lease.guard(async {
        sleep(Duration::from_secs(600)).await;
        Ok(table.holder().renewed_ms)
    });
    let renewed = worked.await.unwrap();
    assert!(renewed >= BEGIN_MS + 600_000 - 11_000, "renewed at {renewed}");
    lease.release().await.unwrap();
    assert!(table.is_free());
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_nothing_follows_is_written_down_in_the_call_that_gives_the_lease_back() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let (first, second) = (deploy(1, 1, Proof::Proved), deploy(2, 2, Proof::Skipped));
    let lease = Lease::take(&cx).await.unwrap();
    let done = lease.over(async |lease| {
        lease.write(&first, Then::Held).await?;
        assert_eq!((table.holder().pid, lease.last(&cx).await?), (std::process::id(), Some(first.clone())));
        lease.write(&second, Then::GivenBack).await?;
        // Not taken for one who lost it, however long it takes to end.
        sleep(Duration::from_secs(120)).await;
        Ok(())
    });
    done.await.unwrap();
    assert_eq!((table.is_free(), table.calls.load(Ordering::Relaxed)), (true, 3), "take, write, write");
    let next = Lease::take(&cx).await.unwrap();
    assert_eq!(next.last(&cx).await.unwrap(), Some(second), "without asking the history");
    assert_eq!(table.calls.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn who_has_lost_the_lease_writes_no_history() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let lease = Lease::take(&cx).await.unwrap();
    table.held_elsewhere(BEGIN_MS);
    for then in [Then::Held, Then::GivenBack] {
        let error = lease.write(&deploy(1, 1, Proof::Proved), then).await.unwrap_err();
        assert!(matches!(&error, LeaseError::Lost { by: Some(by), .. } if by.host == "ci"), "{error}");
    }
    assert_eq!(table.holder().host, "ci");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_could_not_renew_for_40_s_makes_no_further_call_and_exits_with_four() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let lease = Lease::take(&cx).await.unwrap();
    *table.deaf.lock().unwrap() = true;
    let (began, beats) = (Instant::now(), AtomicU32::new(0));
    let work = async {
        loop {
            sleep(Duration::from_millis(500)).await;
            beats.fetch_add(1, Ordering::Relaxed);
        }
    };
    let failure = lease.guard::<()>(work).await.unwrap_err();
    let (stopped, calls) = (beats.load(Ordering::Relaxed), table.calls.load(Ordering::Relaxed));
    assert_eq!((failure.exit, began.elapsed().as_secs()), (Exit::Held, 40), "{failure:?}");
    assert_eq!(failure.next, ["chatctl up"]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(beats.load(Ordering::Relaxed), stopped, "its work was dropped");
    assert_eq!(table.calls.load(Ordering::Relaxed), calls, "nor is the lease asked for again");
    assert_eq!(failed(lease.release().await.unwrap_err()).exit, Exit::Held);
    assert_eq!(table.calls.load(Ordering::Relaxed), calls, "what is another's by now is not given back");
}

#[tokio::test(start_paused = true)]
async fn a_computer_that_slept_wakes_up_without_its_lease() {
    let table = Table::default();
    let mut cx = deploying(&table, 0).await;
    let asleep_ms = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let (before, slept) = (cx.now.clone(), asleep_ms.clone());
    cx.now = Arc::new(move || before() + slept.load(Ordering::Relaxed) * 1000);
    let lease = Lease::take(&cx).await.unwrap();
    asleep_ms.store(3_600_000, Ordering::Relaxed);
    let began = Instant::now();
    let failure = lease.guard::<()>(std::future::pending()).await.unwrap_err();
    assert_eq!((failure.exit, began.elapsed() <= LOOK), (Exit::Held, true), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_taken_over_stops_and_says_by_whom() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let lease = Lease::take(&cx).await.unwrap();
    table.held_elsewhere(BEGIN_MS);
    let failure = lease.guard::<()>(std::future::pending()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Held);
    let by = format!("chatctl up --stage prod by bob@ci, process {}", std::process::id());
    assert_eq!(failure.error, format!("another deploy has taken the lease of stage dev over: {by}"));
}

#[tokio::test(start_paused = true)]
async fn one_who_is_refused_is_told_by_whom_since_when_and_what_to_do() {
    let table = Table::default();
    table.held_elsewhere(BEGIN_MS - 12_000);
    let failure = failed(Lease::take(&deploying(&table, 0).await).await.err().unwrap());
    let pid = std::process::id();
    assert_eq!(
        failure.error,
        format!("another deploy is changing stage dev: chatctl up --stage prod by bob@ci, process {pid}")
    );
    assert_eq!(failure.why.unwrap(), "it began 12 s ago, at 2027-01-15T07:59:48.000Z, and renewed its lease 12 s ago");
    assert_eq!(failure.next, [format!("wait until it has ended (or end process {pid} on ci), then: chatctl up")]);
    assert_eq!(failure.exit, Exit::Held);
}

#[tokio::test(start_paused = true)]
async fn a_holder_elsewhere_is_taken_over_when_it_has_not_renewed_for_60_s() {
    for (silent_ms, taken) in [(SILENT_MS - 1, false), (SILENT_MS, true)] {
        let table = Table::default();
        table.held_elsewhere(BEGIN_MS - silent_ms);
        let taken_over = Lease::take(&deploying(&table, 0).await).await;
        assert_eq!(taken_over.is_ok(), taken, "silent for {silent_ms} ms");
        assert_eq!(table.holder().host == "ci", !taken);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ten_minutes_ahead_takes_nobody_over_who_is_at_work() {
    let table = Table::default();
    let theirs = deploying(&table, 0).await;
    let lease = Lease::take(&theirs).await.unwrap();
    table.seems_elsewhere();
    let refused = Lease::take(&deploying(&table, 600_000).await).await.err().unwrap();
    assert!(matches!(refused, LeaseError::Held { .. }), "{refused}");
    lease.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_it_over_begins_after_the_other_one_has_ended_whatever_the_clocks_say() {
    for ahead_ms in [-50_000, 0, 50_000, 600_000] {
        let table = Table::default();
        // The same item by another way, which can be cut off alone.
        let theirs = Table { item: table.item.clone(), ..Table::default() };
        let lease = Lease::take(&deploying(&theirs, 0).await).await.unwrap();
        table.seems_elsewhere();
        *theirs.deaf.lock().unwrap() = true;
        let ends = async {
            let failure = lease.guard::<()>(std::future::pending()).await.unwrap_err();
            assert_eq!(failure.exit, Exit::Held);
            Instant::now()
        };
        let me = deploying(&table, ahead_ms).await;
        let begins = async {
            while Lease::take(&me).await.is_err() {
                sleep(Duration::from_secs(1)).await;
            }
            Instant::now()
        };
        let (ended, began) = tokio::join!(ends, begins);
        assert!(began >= ended + Duration::from_secs(4), "ahead by {ahead_ms} ms: {:?}", began.duration_since(ended));
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_here_whose_process_is_gone_is_taken_over_at_once() {
    let table = Table::default();
    let cx = deploying(&table, 0).await;
    let mut dead = Holder::this("chatctl up", "ann@laptop", BEGIN_MS);
    dead.started += 1;
    let text = serde_json::to_string(&dead).unwrap();
    *table.item.lock().unwrap() = Some(json!({
        "id": { "S": dead.id }, "renewed_ms": { "N": BEGIN_MS.to_string() }, "holder": { "S": text },
    }));
    let began = Instant::now();
    let lease = Lease::take(&cx).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(table.holder().pid, std::process::id());
    lease.release().await.unwrap();
}
