//! One life: a process of a function, from its start to its end, and the one event that it may have at a time.

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

/// How long a process may take until it asks for its first event (AWS: 10 s), and for its next one after an answer.
const INIT: Duration = Duration::from_secs(10);

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
        let day = crate::clock::iso(crate::clock::now_ms());
        let day = day.split('T').next().unwrap_or_default().replace('-', "/");
        let stream = format!("{day}/[{}]{}", self.launch.version, self.token);
        let notes = output::start(cloud, &self.launch.log_group, &stream);
        *self.notes.lock().unwrap_or_else(PoisonError::into_inner) = Some(notes.clone());
        let mut child = match self.launch.start(&self.token, &stream).await {
            Ok(child) => child,
            Err(error) => {
                let line = format!("fork/exec bootstrap: {error} Runtime.InvalidEntrypoint");
                let _ = notes.send(Note::Line(crate::clock::now_ms(), line)).await;
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

    /// Gives it an event, and waits for the answer as long as the function may take.
    pub(super) async fn serve(&self, event: Event) -> Served {
        let id = event.request_id.clone();
        let wants_tail = event.tail;
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let note = |note: Note| {
            let notes = notes.clone();
            async move {
                if let Some(notes) = notes {
                    let _ = notes.send(note).await;
                }
            }
        };
        let first = self.desk().served == 0;
        let (reply, mut answer) = oneshot::channel();
        let (taken, mut was_taken) = oneshot::channel();
        note(Note::Start(format!("START RequestId: {id} Version: {}", self.launch.version))).await;
        self.desk().waiting = Some(Assignment { event, reply, taken });
        self.rang.notify_one();
        let mut ended = self.ended.subscribe();
        let begun = tokio::select! {
            biased;
            _ = &mut was_taken => true,
            _ = ended.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(INIT) => false,
        };
        let from = Instant::now();
        let outcome = if begun {
            tokio::select! {
                biased;
                Ok(reply) = &mut answer => Ok(reply),
                _ = ended.wait_for(Option::is_some) => Err(self.exited(&id)),
                () = tokio::time::sleep(self.launch.timeout) => Err(self.timed_out(&id, self.launch.timeout)),
            }
        } else if self.ended.borrow().is_none() {
            self.desk().waiting = None;
            Err(self.timed_out(&id, INIT))
        } else if first {
            Err(self.exited(&id))
        } else {
            return Served::NotTaken;
        };
        let (payload, failed, said) = match outcome {
            Ok(Reply::Answer(payload)) => (payload, false, None),
            Ok(Reply::Error(payload)) => (payload, true, None),
            Err((payload, said)) => (payload, true, Some(said)),
        };
        let mut lines: Vec<String> = said.into_iter().collect();
        lines.extend(self.report(&id, from.elapsed()));
        let (asked, tail) = if wants_tail { Some(oneshot::channel()).unzip() } else { (None, None) };
        note(Note::End(lines, asked)).await;
        let log_tail = match tail {
            Some(tail) => tail.await.ok(),
            None => None,
        };
        Served::Done(Outcome { payload, failed, log_tail })
    }

    /// The END and REPORT lines of an event.
    fn report(&self, id: &str, took: Duration) -> Vec<String> {
        let mut desk = self.desk();
        desk.served += 1;
        desk.used = Some(Instant::now());
        let ms = took.as_secs_f64() * 1000.0;
        let mut report = format!(
            "REPORT RequestId: {id}\tDuration: {ms:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB",
            ms.ceil(),
            self.launch.memory_mb
        );
        if let Some(peak) = self.pid().and_then(peak_memory_mb) {
            report.push_str(&format!("\tMax Memory Used: {peak} MB"));
        }
        if let (Some(init), false) = (desk.init, desk.reported_init) {
            desk.reported_init = true;
            report.push_str(&format!("\tInit Duration: {:.2} ms", init.as_secs_f64() * 1000.0));
        }
        vec![format!("END RequestId: {id}"), report]
    }

    /// It ran out of its time: it is ended.
    fn timed_out(&self, id: &str, limit: Duration) -> (Bytes, String) {
        self.retire();
        self.kill.notify_one();
        let message = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
        let at = crate::clock::iso(crate::clock::now_ms());
        (
            error_payload("Sandbox.Timedout", &format!("RequestId: {id} Error: {message}")),
            format!("{at} {id} {message}"),
        )
    }

    /// It went away over its event, or before it took any.
    fn exited(&self, id: &str) -> (Bytes, String) {
        let how = self.ended.borrow().clone().unwrap_or_default();
        let said = format!("RequestId: {id} Error: Runtime exited with error: {how}");
        let payload = match self.desk().init_error.clone() {
            Some(told) => told,
            None => error_payload("Runtime.ExitError", &said),
        };
        (payload, format!("{said} Runtime.ExitError"))
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

/// The most memory that a process has had, where the system tells.
fn peak_memory_mb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}
