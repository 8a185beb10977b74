//! What Lambda keeps: its functions and mappings, in memory for reading, on disk before a change is answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::function::Function;
use super::invoke::no_function;
use crate::runtime::launch::Launch;
use crate::runtime::pool::Pool;
use crate::sources::Sources;
use crate::sources::mapping::Mapping;
use crate::wire::Refusal;
use crate::{Cloud, Error, State};

const FUNCTIONS: &str = "lambda.function";
const MAPPINGS: &str = "lambda.mapping";

/// The service.
pub(crate) struct Lambda {
    state: State,
    functions: Mutex<BTreeMap<String, Function>>,
    mappings: Mutex<BTreeMap<String, Arc<Mapping>>>,
    /// How each revision is started, made once.
    pub(super) launches: Mutex<BTreeMap<String, Arc<Launch>>>,
    pub(super) pool: Pool,
    sources: Sources,
    changed: watch::Sender<u64>,
}

impl Lambda {
    /// Opens it on what it kept; nothing runs yet.
    pub(crate) fn open(state: &State) -> Result<Self, Error> {
        if let Some(folder) = state.folder() {
            crate::state::private_folder(&folder.join("code"))?;
        }
        let mappings = state.list::<Mapping>(MAPPINGS)?;
        Ok(Self {
            functions: Mutex::new(state.list(FUNCTIONS)?.into_iter().collect()),
            mappings: Mutex::new(mappings.into_iter().map(|(uuid, mapping)| (uuid, Arc::new(mapping))).collect()),
            launches: Mutex::default(),
            pool: Pool::default(),
            sources: Sources::default(),
            changed: watch::Sender::new(0),
            state: state.clone(),
        })
    }

    /// Starts what runs by itself: the mappings, and events that were taken and not yet done.
    pub(crate) fn start(cloud: &Arc<Cloud>) {
        let lambda = &cloud.lambda;
        lambda.pool.end_earlier(&lambda.state);
        for mapping in lambda.mappings() {
            lambda.sources.start(cloud, (*mapping).clone());
        }
        super::events::resume(cloud);
        let (mut stop, cloud) = (cloud.stop.subscribe(), Arc::clone(cloud));
        tokio::spawn(async move {
            let _ = stop.wait_for(|stop| *stop).await;
            cloud.lambda.pool.close().await;
        });
    }

    /// Reads a function.
    pub(super) fn read<T>(&self, name: &str, read: impl FnOnce(&Function) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let functions = locked(&self.functions);
        functions.get(name).ok_or_else(|| no_function(name, None)).and_then(read)
    }

    /// Changes a function: whole and on disk, or not at all.
    pub(super) fn edit<T>(
        &self,
        name: &str,
        edit: impl FnOnce(&mut Function) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut functions = locked(&self.functions);
        let kept = functions.get_mut(name).ok_or_else(|| no_function(name, None))?;
        let mut changed = kept.clone();
        let outcome = edit(&mut changed)?;
        self.state.put(FUNCTIONS, name, &changed)?;
        *kept = changed;
        drop(functions);
        self.tell_changed();
        Ok(outcome)
    }

    /// Keeps a new function.
    pub(super) fn insert(&self, function: Function) -> Result<(), Refusal> {
        let mut functions = locked(&self.functions);
        if functions.contains_key(&function.name) {
            return Err(super::refusals::conflict(format!("Function already exist: {}", function.name)));
        }
        self.state.put(FUNCTIONS, &function.name, &function)?;
        functions.insert(function.name.clone(), function);
        drop(functions);
        self.tell_changed();
        Ok(())
    }

    /// Removes a function; the revisions that it had.
    pub(super) fn remove(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let mut functions = locked(&self.functions);
        let function = functions.get(name).ok_or_else(|| no_function(name, None))?;
        let revisions = std::iter::once(&function.latest).chain(&function.versions);
        let revisions = revisions.map(|version| version.revision.clone()).collect();
        self.state.remove(FUNCTIONS, name)?;
        functions.remove(name);
        drop(functions);
        self.tell_changed();
        Ok(revisions)
    }

    /// All functions, by name.
    pub(super) fn all(&self) -> Vec<Function> {
        locked(&self.functions).values().cloned().collect()
    }

    /// Where unpacked code stands; nowhere in memory, where no function runs.
    pub(super) fn codes(&self) -> Option<PathBuf> {
        Some(self.state.folder()?.join("code"))
    }

    /// Removes code that no version has any more.
    pub(super) fn sweep_code(&self) {
        let Some(codes) = self.codes() else { return };
        let functions = locked(&self.functions);
        let versions =
            functions.values().flat_map(|function| std::iter::once(&function.latest).chain(&function.versions));
        let used: Vec<&str> = versions.map(|version| version.code.folder.as_str()).collect();
        let folders = std::fs::read_dir(codes).into_iter().flatten().flatten();
        for folder in folders {
            let name = folder.file_name();
            let young = folder.metadata().and_then(|data| data.modified()).is_ok_and(|at| {
                at.elapsed().is_ok_and(|age| age < YOUNG) // a call may be about to name it
            });
            if !young && !used.iter().any(|used| name.to_str() == Some(used)) {
                let _ = std::fs::remove_dir_all(folder.path());
            }
        }
    }

    /// All mappings.
    pub(super) fn mappings(&self) -> Vec<Arc<Mapping>> {
        locked(&self.mappings).values().cloned().collect()
    }

    /// A mapping, by its id.
    pub(super) fn mapping(&self, uuid: &str) -> Option<Arc<Mapping>> {
        locked(&self.mappings).get(uuid).cloned()
    }

    /// Keeps a mapping, in the place of its earlier state.
    pub(super) fn keep_mapping(&self, mapping: Mapping) -> Result<(), Refusal> {
        self.state.put(MAPPINGS, &mapping.uuid, &mapping)?;
        locked(&self.mappings).insert(mapping.uuid.clone(), Arc::new(mapping));
        Ok(())
    }

    /// Removes a mapping.
    pub(super) fn forget_mapping(&self, uuid: &str) -> Result<(), Refusal> {
        self.state.remove(MAPPINGS, uuid)?;
        locked(&self.mappings).remove(uuid);
        Ok(())
    }

    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The processes of all functions.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Says, by a growing number, that a function was made, changed or removed.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Code younger than this is never swept.
const YOUNG: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
