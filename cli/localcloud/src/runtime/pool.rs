//! How many at once: which process gets an event, when another is started, and when one that waits is ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::launch::Launch;
use super::process::{Event, Outcome, Process, Served, error_payload};
use crate::{Cloud, State};

/// A process that has had nothing to do for so long is ended.
const IDLE: Duration = Duration::from_secs(600);
/// So many processes are tried for one event, when each ends before it takes it.
const TRIES: usize = 3;
/// When the cloud ends, an event that runs may go on for so long.
const FAREWELL: Duration = Duration::from_millis(1500);
/// The processes that were started, kept so that the next life can end those that are left.
const STARTED: &str = "lambda.process";

/// Why an event was not even tried.
#[derive(Debug)]
pub(crate) enum Busy {
    /// As many run as may.
    NoPlace,
    /// The cloud is ending.
    Closing,
}

/// All processes, and who runs.
#[derive(Default)]
pub(crate) struct Pool {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    closing: bool,
    by_token: HashMap<String, Arc<Process>>,
    /// Those that wait, by revision; the last used is used first.
    idle: HashMap<String, Vec<Arc<Process>>>,
    places: HashMap<String, Arc<Places>>,
}

/// The invocations of a function that run now.
#[derive(Default)]
struct Places {
    taken: Mutex<usize>,
    freed: Notify,
}

/// One invocation's place; given back when dropped.
struct Place(Arc<Places>);

impl Places {
    async fn take(self: &Arc<Self>, limit: usize, patience: Duration) -> Result<Place, Busy> {
        let until = Instant::now() + patience;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable(); // in the line before it looks: no free place is missed
            {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                if *taken < limit {
                    *taken += 1;
                    return Ok(Place(Arc::clone(self)));
                }
            }
            if limit == 0 || tokio::time::timeout_at(until, freed).await.is_err() {
                return Err(Busy::NoPlace);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

impl Pool {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process that a token belongs to.
    pub(super) fn process(&self, token: &str) -> Option<Arc<Process>> {
        self.books().by_token.get(token).cloned()
    }

    /// Runs an event in a process of that launch, when one of the function's places is free.
    pub(crate) async fn run(
        &self,
        cloud: &Arc<Cloud>,
        launch: Arc<Launch>,
        limit: usize,
        patience: Duration,
        event: Event,
    ) -> Result<Outcome, Busy> {
        let places = Arc::clone(self.books().places.entry(launch.function.clone()).or_default());
        let _place = places.take(limit, patience).await?;
        for _ in 0..TRIES {
            let waiting = self.books().idle.get_mut(&launch.revision).and_then(Vec::pop);
            let process = match waiting {
                Some(process) => process,
                None => match self.start(cloud, &launch).await? {
                    Ok(process) => process,
                    Err(error) => return Ok(not_started(&event, &error)),
                },
            };
            match process.serve(event.clone()).await {
                Served::Done(outcome) => {
                    self.give_back(process);
                    return Ok(outcome);
                }
                Served::NotTaken => {}
            }
        }
        let message =
            format!("RequestId: {} Error: {TRIES} processes ended before they took the event", event.request_id);
        Ok(Outcome { payload: error_payload("Runtime.ExitError", &message), failed: true, log_tail: None })
    }

    /// Starts a process ahead of demand, unless one waits.
    pub(crate) fn warm(&self, cloud: &Arc<Cloud>, launch: &Arc<Launch>) {
        if self.books().by_token.values().any(|process| process.launch.revision == launch.revision) {
            return;
        }
        let (cloud, launch) = (Arc::clone(cloud), Arc::clone(launch));
        tokio::spawn(async move {
            if let Ok(Ok(process)) = cloud.lambda.pool().start(&cloud, &launch).await {
                cloud.lambda.pool().give_back(process);
            }
        });
    }

    async fn start(&self, cloud: &Arc<Cloud>, launch: &Arc<Launch>) -> Result<std::io::Result<Arc<Process>>, Busy> {
        if self.books().closing {
            return Err(Busy::Closing);
        }
        let process = Process::new(launch);
        self.books().by_token.insert(process.token.clone(), Arc::clone(&process));
        let child = match process.start(cloud).await {
            Ok(child) => child,
            Err(error) => {
                self.forget(&process);
                return Ok(Err(error));
            }
        };
        if let Some(pid) = process.pid() {
            let _ = cloud.state.put(STARTED, &process.token, &pid);
        }
        tokio::spawn(watch(Arc::clone(cloud), Arc::clone(&process), child));
        Ok(Ok(process))
    }

    /// Puts a process back among those that wait, or ends it.
    fn give_back(&self, process: Arc<Process>) {
        let mut books = self.books();
        if books.closing || !process.usable() {
            process.kill.notify_one();
            return;
        }
        books.idle.entry(process.launch.revision.clone()).or_default().push(process);
    }

    /// Ends the processes of a revision: those that wait now, those that run after what they do.
    pub(crate) fn retire(&self, revision: &str) {
        let mut books = self.books();
        for process in books.by_token.values().filter(|process| process.launch.revision == revision) {
            process.retire();
        }
        for process in books.idle.remove(revision).unwrap_or_default() {
            process.kill.notify_one();
        }
    }

    /// Takes a process out of those that wait, if it has waited too long.
    fn expire(&self, process: &Arc<Process>) -> bool {
        let mut books = self.books();
        let Some(idle) = books.idle.get_mut(&process.launch.revision) else { return false };
        let waits = idle.iter().position(|one| Arc::ptr_eq(one, process));
        match waits {
            Some(at) if process.idle_since().elapsed() >= IDLE => {
                idle.remove(at);
                true
            }
            _ => false,
        }
    }

    fn forget(&self, process: &Arc<Process>) {
        let mut books = self.books();
        books.by_token.remove(&process.token);
        if let Some(idle) = books.idle.get_mut(&process.launch.revision) {
            idle.retain(|one| !Arc::ptr_eq(one, process));
            if idle.is_empty() {
                books.idle.remove(&process.launch.revision);
            }
        }
    }

    /// Ends all processes: those that wait at once, those that run after a moment.
    pub(crate) async fn close(&self) {
        let idle: Vec<_> = {
            let mut books = self.books();
            books.closing = true;
            books.idle.drain().flat_map(|(_, processes)| processes).collect()
        };
        idle.iter().for_each(|process| process.kill.notify_one());
        tokio::time::sleep(FAREWELL).await;
        let left: Vec<_> = self.books().by_token.values().cloned().collect();
        left.iter().for_each(|process| process.kill.notify_one());
    }

    /// Ends what an earlier life left running: processes whose environment names a token of that life.
    pub(crate) fn end_earlier(&self, state: &State) {
        for (token, pid) in state.list::<u32>(STARTED).unwrap_or_default() {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let ours = format!("/_runtime/{token}");
            if environment.windows(ours.len()).any(|part| part == ours.as_bytes()) {
                kill_group(pid);
            }
            let _ = state.remove(STARTED, &token);
        }
    }
}

/// Watches a process to its end, and ends it when it is told to or has waited too long.
async fn watch(cloud: Arc<Cloud>, process: Arc<Process>, mut child: Child) {
    let pool = cloud.lambda.pool();
    let status = loop {
        let expiry = process.idle_since() + IDLE;
        tokio::select! {
            status = child.wait() => break status,
            () = process.kill.notified() => {}
            () = tokio::time::sleep_until(expiry) => {
                if !pool.expire(&process) {
                    tokio::time::sleep(Duration::from_secs(1)).await; // it runs, or just did
                    continue;
                }
            }
        }
        if let Some(pid) = process.pid() {
            kill_group(pid);
        }
        break child.wait().await;
    };
    pool.forget(&process);
    let how = status
        .map_or_else(|error| error.to_string(), |status| status.to_string().replace("exit status: ", "exit status "));
    process.has_ended(how);
    let _ = cloud.state.remove(STARTED, &process.token);
}

fn kill_group(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn not_started(event: &Event, error: &std::io::Error) -> Outcome {
    let message = format!("RequestId: {} Error: fork/exec bootstrap: {error}", event.request_id);
    Outcome { payload: error_payload("Runtime.InvalidEntrypoint", &message), failed: true, log_tail: None }
}
