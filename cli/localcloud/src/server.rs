//! The loopback listener: takes the folder and the port, reads each request whole and passes it on to `route`.
//! Knows connections, nothing of what is asked on them.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::wire::{HttpAnswer, Refusal, rest};
use crate::{Cloud, Config, Error, Identity, route};

/// Ports that are tried when none is asked for and none was kept.
const FIRST_PORT: u16 = 4566;
const LAST_PORT: u16 = 4665;
/// The largest body: a function's zip of 50 MB in base64, with room.
const LARGEST_BODY: usize = 80 * 1024 * 1024;
/// How long requests in flight may take to end when the cloud stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs a local cloud until it is told to stop (SIGTERM, Ctrl-C, `POST /_local/stop`).
pub async fn serve(config: Config) -> Result<(), Error> {
    start(config).await?.serve().await
}

/// A local cloud that has its folder and its port, and answers once it is served.
pub struct Started {
    cloud: Arc<Cloud>,
    listener: TcpListener,
    identity: Identity,
    _held: std::fs::File,
}

/// Takes the folder and the port, opens every service, and says to later commands where it is.
pub async fn start(config: Config) -> Result<Started, Error> {
    let held = crate::identity::lock(&config.state)?;
    let listener = listen(&config).await?;
    let port = listener.local_addr()?.port();
    let cloud = Cloud::open(config, port)?;
    cloud.start().await?;
    let identity = Identity::of(&cloud.config, port);
    identity.write(&cloud.config.state)?;
    Ok(Started { cloud, listener, identity, _held: held })
}

impl Started {
    /// Where it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Answers until it is told to stop.
    pub async fn serve(self) -> Result<(), Error> {
        say(&format!("version {} listens on {}", self.identity.version, self.identity.endpoint));
        accept(&self.cloud, self.listener).await?;
        say("stopped");
        Ok(())
    }
}

/// A line in the cloud's own log.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "cloud: {line}");
}

/// The port that is asked for or was kept; without either, the first free one.
async fn listen(config: &Config) -> Result<TcpListener, Error> {
    let kept = Identity::read(&config.state).map(|identity| identity.port);
    if let Some(port) = config.port.or(kept) {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        return bound.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Error::PortTaken { port },
            _ => Error::Io(error),
        });
    }
    for port in FIRST_PORT..=LAST_PORT {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    Err(Error::NoPort { first: FIRST_PORT, last: LAST_PORT })
}

/// Serves connections until the cloud is told to stop, then lets requests in flight end.
async fn accept(cloud: &Arc<Cloud>, listener: TcpListener) -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stopped = cloud.stop.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(Arc::clone(cloud), stream))),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await, // out of file descriptors: not for long
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    cloud.stop.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, ended).await;
    Ok(())
}

/// One connection, until its peer leaves or the cloud stops.
async fn connection(cloud: Arc<Cloud>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut stopped = cloud.stop.subscribe();
    let service = service_fn(move |request| {
        let cloud = Arc::clone(&cloud);
        async move { Ok::<_, Infallible>(respond(&cloud, request).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stopped.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// The answer to a request.
async fn respond(cloud: &Arc<Cloud>, request: http::Request<Incoming>) -> HttpAnswer {
    if let Some(refused) = foreign(cloud, request.headers()) {
        return refused;
    }
    let path = request.uri().path();
    if path == "/" && request.headers().contains_key(http::header::UPGRADE) {
        return cloud.push.browser(cloud, request).await;
    }
    let (head, body) = request.into_parts();
    match read(body).await {
        Ok(body) => route::answer(cloud, head, body).await,
        Err(error) => {
            let message = format!("the request's body: {error}");
            rest::reply(Err(Refusal::new(413, "RequestEntityTooLarge", message)))
        }
    }
}

/// A body, whole and in one piece: packages of 30 MB in thousands of pieces would leave the heap full of holes.
async fn read(body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(LARGEST_BODY).min(LARGEST_BODY);
    let mut whole = BytesMut::with_capacity(announced);
    let mut body = Limited::new(body, LARGEST_BODY);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// Refuses what another site's page sent (its `Origin`), or what reached us by another name (DNS rebinding).
fn foreign(cloud: &Cloud, headers: &http::HeaderMap) -> Option<HttpAnswer> {
    let port = cloud.place.port;
    let ours = |place: &str| place == format!("127.0.0.1:{port}") || place == format!("localhost:{port}");
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or_default());
    if !text(http::header::HOST).is_some_and(ours) {
        return Some(rest::reply(Err(Refusal::new(403, "ForeignHost", "the Host is not this loopback address"))));
    }
    let origin = text(http::header::ORIGIN)?;
    let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("ws://")).unwrap_or_default();
    if ours(place.trim_end_matches('/')) {
        return None;
    }
    Some(rest::reply(Err(Refusal::new(403, "ForeignOrigin", "the Origin is not this cloud's own"))))
}
