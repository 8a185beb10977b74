//! One life: a process of a function, from its start to its end, and the one event that it may have at a time.
//! How an event is waited for is in `process/serve.rs`.

mod serve;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::process::Child;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::launch::Launch;
use super::output::{self, Note, Notes};
use crate::Cloud;

/// Something a function is called with.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
    /// Whether the end of the log is wanted with the answer.
    pub(crate) tail: bool,
}

/// What came of an event.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) payload: Bytes,
    /// Whether the payload is an error.
    pub(crate) failed: bool,
    pub(crate) log_tail: Option<String>,
}

/// How serving an event ended.
pub(super) enum Served {
    /// It was carried out, well or not.
    Done(Outcome),
    /// The process ended before it took the event: another may have it.
    NotTaken,
}

/// What a process sends for its event.
pub(super) enum Reply {
    Answer(Bytes),
    Error(Bytes),
}

/// A process, and its desk: the event that waits for it and the one that it works on.
pub(crate) struct Process {
    pub(crate) token: String,
    pub(super) launch: Arc<Launch>,
    desk: Mutex<Desk>,
    rang: Notify,
    pub(super) kill: Notify,
    ended: watch::Sender<Option<String>>,
    notes: Mutex<Option<Notes>>,
    pid: OnceLock<u32>,
    started: Instant,
}

#[derive(Default)]
struct Desk {
    waiting: Option<Assignment>,
    current: Option<(String, oneshot::Sender<Reply>)>,
    init_error: Option<Bytes>,
    /// When it first asked for an event; how long its start took.
    init: Option<Duration>,
    reported_init: bool,
    served: u64,
    used: Option<Instant>,
    retired: bool,
}

struct Assignment {
    event: Event,
    reply: oneshot::Sender<Reply>,
    taken: oneshot::Sender<()>,
}

impl Process {
    /// One that is about to start: it can be known by its token before it runs.
    pub(super) fn new(launch: &Arc<Launch>) -> Arc<Self> {
        Arc::new(Self {
            token: crate::random::hex(&crate::random::bytes::<16>()),
            launch: Arc::clone(launch),
            desk: Mutex::default(),
            rang: Notify::new(),
            kill: Notify::new(),
            ended: watch::Sender::new(None),
            notes: Mutex::new(None),
            pid: OnceLock::new(),
            started: Instant::now(),
        })
    }

    /// Runs its program; an error is why it could not be run.
    pub(super) async fn start(&self, cloud: &Arc<Cloud>) -> std::io::Result<Child> {
        let day = crate::clock::iso(crate::clock::Clock::System.now_ms());
        let day = day.split('T').next().unwrap_or_default().replace('-', "/");
        let stream = format!("{day}/[{}]{}", self.launch.version, self.token);
        let notes = output::start(cloud, &self.launch.log_group, &stream);
        *self.notes.lock().unwrap_or_else(PoisonError::into_inner) = Some(notes.clone());
        let mut child = match self.launch.start(&self.token, &stream).await {
            Ok(child) => child,
            Err(error) => {
                let line = format!("fork/exec bootstrap: {error} Runtime.InvalidEntrypoint");
                let _ = notes.send(Note::Line(crate::clock::Clock::System.now_ms(), line)).await;
                return Err(error);
            }
        };
        if let Some(pid) = child.id() {
            let _ = self.pid.set(pid);
        }
        if let Some(pipe) = child.stdout.take() {
            tokio::spawn(output::read(pipe, notes.clone()));
        }
        if let Some(pipe) = child.stderr.take() {
            tokio::spawn(output::read(pipe, notes));
        }
        Ok(child)
    }

    /// Its number in the system, and that of its group.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid.get().copied()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when it has nothing to do.
    pub(super) fn idle_since(&self) -> Instant {
        self.desk().used.unwrap_or(self.started)
    }

    /// Marks it: it ends after what it does now.
    pub(super) fn retire(&self) {
        self.desk().retired = true;
    }

    /// Whether it may have another event.
    pub(super) fn usable(&self) -> bool {
        !self.desk().retired && self.ended.borrow().is_none()
    }

    /// Told by who watches it: the process is gone, and how.
    pub(super) fn has_ended(&self, how: String) {
        self.ended.send_replace(Some(how));
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The process asks for its next event: waits until there is one.
    pub(super) async fn next(&self) -> Event {
        loop {
            {
                let mut desk = self.desk();
                if desk.init.is_none() {
                    desk.init = Some(self.started.elapsed());
                }
                // Asking again instead of answering: that event has come to nothing.
                if let Some((id, reply)) = desk.current.take() {
                    let message =
                        format!("RequestId: {id} Error: the function asked for another event without an answer");
                    let _ = reply.send(Reply::Error(error_payload("Runtime.NoAnswer", &message)));
                }
                if let Some(Assignment { event, reply, taken }) = desk.waiting.take() {
                    desk.current = Some((event.request_id.clone(), reply));
                    let _ = taken.send(());
                    return event;
                }
            }
            self.rang.notified().await;
        }
    }

    /// The process answers its event; `false` when it has none of that id.
    pub(super) fn reply(&self, id: &str, reply: Reply) -> bool {
        let mut desk = self.desk();
        match desk.current.take() {
            Some((current, waiting)) if current == id => waiting.send(reply).is_ok(),
            other => {
                desk.current = other;
                false
            }
        }
    }

    /// The process says why it cannot start: it is ended, if it does not end by itself.
    pub(super) fn init_failed(&self, why: Bytes) {
        self.desk().init_error = Some(why);
        self.kill.notify_one();
    }
}

/// An error as Lambda gives it to a caller.
pub(super) fn error_payload(kind: &str, message: &str) -> Bytes {
    json!({ "errorType": kind, "errorMessage": message }).to_string().into()
}
