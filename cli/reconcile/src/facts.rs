//! What was learned of each resource: values that only the cloud knows. It knows no resource kind.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::Id;

type Values = BTreeMap<String, String>;

/// Facts by resource and name; a clone is the same book.
#[derive(Clone, Default)]
pub struct Facts(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    facts: BTreeMap<Id, Values>,
    /// What was noted for who comes after the walk: nothing in the walk rests on it.
    notes: BTreeMap<Id, Values>,
}

impl Facts {
    /// What is known under this name of that resource.
    pub fn get(&self, of: &Id, name: &str) -> Option<String> {
        self.book().facts.get(of)?.get(name).cloned()
    }

    /// All that is known of one resource.
    pub fn of(&self, id: &Id) -> BTreeMap<String, String> {
        self.book().facts.get(id).cloned().unwrap_or_default()
    }

    /// Writes one down.
    pub fn learn(&self, of: &Id, name: &str, value: String) {
        self.book().facts.entry(of.clone()).or_default().insert(name.to_owned(), value);
    }

    /// What was noted under this name of that resource: for who comes after the walk.
    pub fn noted(&self, of: &Id, name: &str) -> Option<String> {
        self.book().notes.get(of)?.get(name).cloned()
    }

    pub(crate) fn note(&self, of: &Id, name: &str, value: String) {
        self.book().notes.entry(of.clone()).or_default().insert(name.to_owned(), value);
    }

    pub(crate) fn forget(&self, of: &Id) {
        let mut book = self.book();
        book.facts.remove(of);
        book.notes.remove(of);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Each write is one insert: a thread that died in the middle left the book whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
