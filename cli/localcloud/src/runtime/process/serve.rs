//! An event at a process: handed over, waited for as long as it may take, and reported in the log as Lambda does.
//! Must not know how a process starts or asks.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Assignment, Event, Outcome, Process, Reply, Served, error_payload};
use crate::runtime::output::{Note, Notes};

/// How long a process may take until it asks for its first event (AWS: 10 s), and for its next one after an answer.
const INIT: Duration = Duration::from_secs(10);

/// No answer: what the caller is given instead, and the line that the log says it with.
type Lost = (Bytes, String);

impl Process {
    /// Gives it an event, and waits for the answer as long as the function may take.
    pub(in crate::runtime) async fn serve(&self, event: Event) -> Served {
        let id = event.request_id.clone();
        let wants_tail = event.tail;
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        note(notes.as_ref(), Note::Start(format!("START RequestId: {id} Version: {}", self.launch.version))).await;
        let Some((outcome, took)) = self.outcome(event).await else { return Served::NotTaken };
        let (payload, failed, said) = match outcome {
            Ok(Reply::Answer(payload)) => (payload, false, None),
            Ok(Reply::Error(payload)) => (payload, true, None),
            Err((payload, said)) => (payload, true, Some(said)),
        };
        let mut lines: Vec<String> = said.into_iter().collect();
        lines.extend(self.report(&id, took));
        let (asked, tail) = if wants_tail { Some(oneshot::channel()).unzip() } else { (None, None) };
        note(notes.as_ref(), Note::End(lines, asked)).await;
        let log_tail = match tail {
            Some(tail) => tail.await.ok(),
            None => None,
        };
        Served::Done(Outcome { payload, failed, log_tail })
    }

    /// What came of an event and how long it took; `None` where a process that had served before ended without taking it.
    async fn outcome(&self, event: Event) -> Option<(Result<Reply, Lost>, Duration)> {
        let id = event.request_id.clone();
        let first = self.desk().served == 0;
        let (reply, mut answer) = oneshot::channel();
        let (taken, mut was_taken) = oneshot::channel();
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
            return None;
        };
        Some((outcome, from.elapsed()))
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
    fn timed_out(&self, id: &str, limit: Duration) -> Lost {
        self.retire();
        self.kill.notify_one();
        let message = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
        let at = crate::clock::iso(crate::clock::Clock::System.now_ms());
        (
            error_payload("Sandbox.Timedout", &format!("RequestId: {id} Error: {message}")),
            format!("{at} {id} {message}"),
        )
    }

    /// It went away over its event, or before it took any.
    fn exited(&self, id: &str) -> Lost {
        let how = self.ended.borrow().clone().unwrap_or_default();
        let said = format!("RequestId: {id} Error: Runtime exited with error: {how}");
        let payload = match self.desk().init_error.clone() {
            Some(told) => told,
            None => error_payload("Runtime.ExitError", &said),
        };
        (payload, format!("{said} Runtime.ExitError"))
    }
}

/// Says something in the log of a process that has one still.
async fn note(notes: Option<&Notes>, note: Note) {
    if let Some(notes) = notes {
        let _ = notes.send(note).await; // nobody writes any more: the process is gone
    }
}

/// The most memory that a process has had, where the system tells.
fn peak_memory_mb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}
