//! The loopback port of each HTTP API: chosen once, kept for the API's life, opened again at each start.
//! Knows connections; what is answered on them is `respond.rs`.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::respond::{Caller, respond};
use crate::Cloud;

/// Where ports are chosen from: below those that the system gives to outgoing connections.
const FIRST_PORT: u16 = 18_000;
const PORTS: u16 = 12_000;
/// How many ports are tried before the system is asked for one.
const TRIES: u32 = 200;
/// How many callers an API serves at once.
const CONNECTIONS: usize = 512;
/// How long a caller may stay connected without a request.
const IDLE: Duration = Duration::from_secs(75);
/// How long a port that someone else has is left alone before it is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// The open ports, by API. A port is open until its entry is dropped.
#[derive(Default)]
pub(crate) struct Ports {
    open: Mutex<HashMap<String, watch::Sender<bool>>>,
}

/// What a listener of an API needs. It holds no cloud alive: when that goes, so do its ports.
#[derive(Clone)]
struct Serving {
    cloud: Weak<Cloud>,
    api: Arc<str>,
    port: u16,
    closed: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
}

impl Ports {
    /// Finds a free port that no API has, and takes it.
    pub(crate) fn choose(taken: &BTreeSet<u16>) -> io::Result<(u16, std::net::TcpListener)> {
        for _ in 0..TRIES {
            let port = FIRST_PORT + u16::from_be_bytes(crate::random::bytes()) % PORTS;
            if taken.contains(&port) {
                continue;
            }
            if let Ok(listener) = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                return Ok((port, listener));
            }
        }
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok((listener.local_addr()?.port(), listener))
    }

    /// A port that no API has, for an API that is never served.
    pub(crate) fn unopened(taken: &BTreeSet<u16>) -> u16 {
        (FIRST_PORT..).find(|port| !taken.contains(port)).unwrap_or(FIRST_PORT)
    }

    /// Serves an API on a port that was just chosen.
    pub(crate) fn serve(&self, cloud: &Arc<Cloud>, api: &str, port: u16, listener: std::net::TcpListener) {
        let serving = self.enter(cloud, api, port);
        tokio::spawn(async move {
            let opened = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
            match opened {
                Ok(listener) => accept(serving, listener).await,
                Err(error) => log(&serving, &format!("cannot listen: {error}")),
            }
        });
    }

    /// Serves an API on the port it has; while someone else holds that, says so and tries again.
    pub(crate) fn reopen(&self, cloud: &Arc<Cloud>, api: &str, port: u16) {
        let mut serving = self.enter(cloud, api, port);
        let bound = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        tokio::spawn(async move {
            let opened = bound.and_then(TcpListener::from_std);
            if let Some(listener) = until_free(&mut serving, opened).await {
                accept(serving, listener).await;
            }
        });
    }

    /// Closes the port of an API that is gone.
    pub(crate) fn close(&self, api: &str) {
        self.open().remove(api);
    }

    fn enter(&self, cloud: &Arc<Cloud>, api: &str, port: u16) -> Serving {
        let (opened, closed) = watch::channel(false);
        self.open().insert(api.to_owned(), opened);
        let stopped = cloud.stop.subscribe();
        Serving { cloud: Arc::downgrade(cloud), api: api.into(), port, closed, stopped }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<bool>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serving {
    /// Ends when the API is deleted or the cloud stops.
    async fn ended(&mut self) {
        let Self { closed, stopped, .. } = self;
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
}

/// The API's port, once it is free; `None` when the API or the cloud ended first.
async fn until_free(serving: &mut Serving, first: io::Result<TcpListener>) -> Option<TcpListener> {
    let (mut opened, mut wait) = (first, FIRST_RETRY);
    loop {
        match opened {
            Ok(listener) => return Some(listener),
            Err(error) if wait == FIRST_RETRY => {
                log(serving, &format!("cannot listen: {error}; waiting until the port is free"));
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = serving.ended() => return None,
        }
        wait = (wait * 2).min(LAST_RETRY);
        opened = TcpListener::bind((Ipv4Addr::LOCALHOST, serving.port)).await;
        if opened.is_ok() {
            log(serving, "the port is free again");
        }
    }
}

/// Serves connections until the API is deleted or the cloud stops.
async fn accept(mut serving: Serving, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = serving.ended() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(serving.clone(), stream, peer);
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                log(&serving, &format!("cannot accept: {error}")); // out of file descriptors: not for long
                tokio::time::sleep(FIRST_RETRY).await;
            }
        }
    }
}

/// One connection, kept alive between requests.
async fn connection(mut serving: Serving, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let (cloud, api, port) = (Weak::clone(&serving.cloud), Arc::clone(&serving.api), serving.port);
    let address: Arc<str> = peer.ip().to_string().into();
    let service = service_fn(move |request| {
        let (cloud, api, address) = (cloud.upgrade(), Arc::clone(&api), Arc::clone(&address));
        async move {
            let caller = Caller { api: &api, port, address: &address };
            Ok::<_, Infallible>(respond(cloud.as_ref(), &caller, request).await)
        }
    });
    let serve = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let mut serve = std::pin::pin!(serve);
    tokio::select! {
        _ = serve.as_mut() => return,
        () = serving.ended() => serve.as_mut().graceful_shutdown(),
    }
    let _ = serve.await;
}

/// A line in the cloud's own log.
fn log(serving: &Serving, line: &str) {
    let _ = writeln!(io::stderr(), "api {} on 127.0.0.1:{}: {line}", serving.api, serving.port);
}
