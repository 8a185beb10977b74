//! A stage in a local cloud in process: no port, no disk, no build, in a time that is paused, so that a wait of a minute
//! takes none. Every call can be counted and broken (`Faults`); what is left can be compared (`likeness.rs`).

use std::future::Future;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chat_aws::routes::Function;
use chatctl::aws::faults::Faults;
use chatctl::aws::{Aws, LocalEndpoint, Surroundings};
use chatctl::deploy::{self, Deploying, DownOptions, DownOutcome, RollbackOptions, UpOptions, UpOutcome};
use chatctl::event::Event;
use chatctl::failure::Failure;
use chatctl::stack::{Package, Packages};
use chatctl::stage::{Stage, Target};
use localcloud::InProcess;
use serde_json::Value;

use crate::forecast;

/// How long a request is on its way where nothing else is said.
const ON_ITS_WAY: Duration = Duration::from_millis(5);
/// A process that is not there: the highest number of one is far lower.
const NOBODY: u32 = u32::MAX;

/// A cloud, and what is deployed in it.
pub(crate) struct Sky {
    pub(crate) cloud: Arc<InProcess>,
    pub(crate) stage: Stage,
    /// Which code is deployed.
    pub(crate) code: &'static str,
    /// The one function whose code is another one.
    pub(crate) only: Option<&'static str>,
    /// How long a request is on its way, and an answer: in that time others are under way too.
    pub(crate) way: Duration,
    /// Whether what a process did just before it died may not be seen yet: a plan can say more than is left to do.
    pub(crate) lags: bool,
    /// Whether calls are paced and tried again as on AWS.
    pub(crate) as_on_aws: bool,
    /// The SDK's handles of whoever else is there.
    pub(crate) others: Aws,
    /// What goes over the wire, whoever sends it.
    pub(crate) wire: Arc<Wire>,
    /// What the commands told.
    pub(crate) told: Arc<Mutex<Vec<Event>>>,
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: tokio::time::Instant,
    /// The task that sent it; none is the test itself, and what it awaits.
    pub(crate) task: Option<tokio::task::Id>,
    /// Method, path, call and body, in a row.
    pub(crate) text: String,
}

/// What is answered in the cloud's place; `None` where the cloud answers.
type Instead = Box<dyn Fn(&str) -> Option<(u16, String)> + Send>;

/// The way to a cloud: every request is written down, and a test may answer in the cloud's place.
#[derive(Default)]
pub(crate) struct Wire {
    heard: Mutex<Vec<Heard>>,
    instead: Mutex<Option<Instead>>,
}

impl Wire {
    /// What was sent since the last time.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// From now on this is asked before the cloud.
    pub(crate) fn answers(&self, instead: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) {
        *self.instead.lock().unwrap() = Some(Box::new(instead));
    }

    fn hear(&self, request: &http::Request<Bytes>) -> Option<http::Response<SdkBody>> {
        let call = request.headers().get("x-amz-target").map(|call| call.to_str().unwrap()).unwrap_or_default();
        let body = String::from_utf8_lossy(request.body());
        let text = format!("{} {} {call} {body}", request.method(), request.uri());
        let instead = self.instead.lock().unwrap().as_ref().and_then(|instead| instead(&text));
        self.heard.lock().unwrap().push(Heard { at: tokio::time::Instant::now(), task: tokio::task::try_id(), text });
        let (status, body) = instead?;
        Some(http::Response::builder().status(status).body(SdkBody::from(body)).unwrap())
    }
}

/// Runs a test in a time that is paused, on a thread of its own. A port of this computer can be asked: closed, it answers
/// at once.
pub(crate) fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test)
}

/// How a command ended.
pub(crate) type Ended<T> = Result<T, Failure>;

impl Sky {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        Self::of(localcloud::open().unwrap())
    }

    /// This one.
    pub(crate) fn of(cloud: InProcess) -> Self {
        let stage = Stage {
            project: "chat".into(),
            name: "dev".into(),
            target: Target::Aws,
            region: localcloud::REGION.into(),
            account: None,
            memory: None,
            retention_days: 30,
            backups: true,
            push_hosts: vec!["fcm.googleapis.com".into()],
            push_service: None,
            contact: None,
            architecture: Default::default(),
            said: String::new(),
            origins: Default::default(),
            state: PathBuf::from("/nowhere"),
        };
        let (cloud, wire) = (Arc::new(cloud), Arc::new(Wire::default()));
        let way = InTheSky { cloud: cloud.clone(), wire: wire.clone(), way: ON_ITS_WAY };
        let others = handles(way, &stage, &Faults::none(), true);
        let told = Arc::default();
        Self {
            others,
            cloud,
            stage,
            code: "one",
            only: None,
            way: ON_ITS_WAY,
            lags: false,
            as_on_aws: true,
            wire,
            told,
        }
    }

    pub(crate) fn deploying(&self, faults: &Faults, command: &str) -> Deploying {
        let cloud = self.cloud.clone();
        let now = Arc::new(move || cloud.now_ms() * 1000);
        let (_, never) = tokio::sync::watch::channel(false);
        let told = self.told.clone();
        let way = InTheSky { cloud: self.cloud.clone(), wire: self.wire.clone(), way: self.way };
        let push_service = "ws://127.0.0.1:1/".to_owned();
        let mut cx = Deploying::new(
            handles(way, &self.stage, faults, self.as_on_aws),
            self.stage.clone(),
            push_service,
            Arc::new(move |event| told.lock().unwrap().push(event)),
            now,
            never,
        );
        cx.packages = Some(packages(self.code, self.only));
        cx.command = self.stage.command(command);
        cx
    }

    /// `up --no-proof --yes`; `None` where the process died.
    pub(crate) async fn up(&self, faults: &Faults) -> Option<Ended<UpOutcome>> {
        self.upped(faults, false).await
    }

    /// `up --yes`, whose proof fails at once: nobody listens at the push service.
    pub(crate) async fn up_unproven(&self, faults: &Faults) -> Option<Ended<UpOutcome>> {
        self.upped(faults, true).await
    }

    async fn upped(&self, faults: &Faults, prove: bool) -> Option<Ended<UpOutcome>> {
        let cx = self.deploying(faults, "up");
        let options = UpOptions { prove, confirm: &|_| Ok(()), asks: false };
        self.to_its_end(faults, deploy::up(&cx, options)).await
    }

    /// `rollback 1 --no-proof --yes`; `None` where the process died.
    pub(crate) async fn rollback(&self, faults: &Faults) -> Option<Ended<UpOutcome>> {
        let cx = self.deploying(faults, "rollback 1");
        let options = RollbackOptions { to: Some(1), prove: false, confirm: &|_| Ok(()), asks: false };
        self.to_its_end(faults, deploy::rollback(&cx, options)).await
    }

    /// `down --delete-data --yes`; `None` where the process died.
    pub(crate) async fn down(&self, faults: &Faults) -> Option<Ended<DownOutcome>> {
        let cx = self.deploying(faults, "down --delete-data=dev");
        let options = DownOptions { delete_data: true, confirm: &|_| Ok(()), asks: false };
        self.to_its_end(faults, deploy::down(&cx, options)).await
    }

    /// Runs it; what ends well has done what its plan said.
    async fn to_its_end<T>(&self, faults: &Faults, run: impl Future<Output = Ended<T>>) -> Option<Ended<T>> {
        let told_before = self.told.lock().unwrap().len();
        let ended = tokio::select! {
            ended = run => Some(ended),
            () = faults.died() => None,
        };
        if matches!(ended, Some(Ok(_))) {
            let told = self.told.lock().unwrap().split_at(told_before).1.iter().map(as_json).collect::<Vec<_>>();
            if self.lags { forecast::does_no_more(&told) } else { forecast::comes_true(&told) }
        }
        self.bury().await;
        ended
    }

    /// The process of the command before is gone, as it is when a command has ended in whatever way: a lease that it
    /// could not give back names a process that is not there.
    async fn bury(&self) {
        let (aws, table) = (&self.others, self.stage.names().table("stage"));
        let key = chat_aws::layout::lease_key().attributes();
        let found = aws.dynamodb.get_item().table_name(&table).set_key(Some(key)).send().await;
        let Some(mut item) = found.ok().and_then(|found| found.item) else { return };
        let Some(Ok(holder)) = item.get("holder").map(|holder| holder.as_s()) else { return };
        let mut holder: Value = serde_json::from_str(holder).unwrap();
        holder["pid"] = NOBODY.into();
        item.insert("holder".into(), aws_sdk_dynamodb::types::AttributeValue::S(holder.to_string()));
        aws.dynamodb.put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
    }
}

fn as_json(event: &Event) -> Value {
    serde_json::to_value(event).unwrap()
}

/// The SDK's handles, with these faults between them and the cloud.
fn handles(way: InTheSky, stage: &Stage, faults: &Faults, as_on_aws: bool) -> Aws {
    let cloud = way.cloud.clone();
    let local = LocalEndpoint {
        endpoint: cloud.endpoint(),
        account: localcloud::ACCOUNT.into(),
        access_key: localcloud::ACCESS_KEY.into(),
        secret_key: localcloud::SECRET_KEY.into(),
    };
    let connector = SharedHttpConnector::new(way);
    let surroundings = Surroundings {
        http: faults.over(SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()))),
        time: SharedTimeSource::new(SkyTime(cloud.clone())),
        as_on_aws,
    };
    Aws::over(stage, &local, &surroundings)
}

/// A zip of less than 1 KB for each function.
fn packages(code: &str, only: Option<&str>) -> Packages {
    let package = |function: Function| {
        let code = if only == Some(function.name()) { "another" } else { code };
        let zip = Bytes::from(zip_of(&format!("{} {code}", function.name())));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &zip);
        (function.name().to_owned(), Package::of(BASE64_STANDARD.encode(digest), "x86_64", zip))
    };
    Function::ALL.into_iter().map(package).collect()
}

/// A zip whose `bootstrap` holds this text.
pub(crate) fn zip_of(text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(
        "bootstrap",
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
    )
    .unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The SDK's clock: the cloud's own.
struct SkyTime(Arc<InProcess>);

impl TimeSource for SkyTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.now_ms().unsigned_abs())
    }
}

impl std::fmt::Debug for SkyTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SkyTime")
    }
}

/// The SDK's way to the cloud.
#[derive(Clone)]
struct InTheSky {
    cloud: Arc<InProcess>,
    wire: Arc<Wire>,
    way: Duration,
}

impl std::fmt::Debug for InTheSky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InTheSky")
    }
}

impl HttpConnector for InTheSky {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let InTheSky { cloud, wire, way } = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| Bytes::copy_from_slice(body.bytes().expect("bodies are in memory")));
            tokio::time::sleep(way).await;
            if let Some(answer) = wire.hear(&request) {
                return HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None));
            }
            let response = cloud.answer(request).await;
            tokio::time::sleep(way).await;
            let lost = || ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into());
            let response = response.ok_or_else(lost)?.map(SdkBody::from);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
