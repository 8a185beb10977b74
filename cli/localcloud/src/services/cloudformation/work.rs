//! What is pending of a stack, carried out: resources made, changed and removed in order, and put back when one fails.
//! Each resource is written down as the stack's before it is made, so that a life that ends in the middle leaves none behind.

use super::evaluate::{Evaluated, Wanted};
use super::record::{OnFailure, Pending, Resource, Source, Stack};
use super::{CloudFormation, kinds};
use crate::{Cloud, Refusal};

/// What the reasons of failed stacks begin with.
const FAILED: &str = "The following resource(s) failed to";
const BEGUN: &str = "CREATE_IN_PROGRESS";

/// Does all that is pending, and keeps the stack as it then is.
pub(super) fn carry_out(own: &CloudFormation, cloud: &Cloud, stack: &mut Stack) -> Result<(), Refusal> {
    let Some(pending) = stack.pending.clone() else { return Ok(()) };
    let mut work = Work { own, cloud, stack };
    work.clear_begun();
    match pending {
        Pending::Create(wanted) => work.create(wanted)?,
        Pending::Update { to, source, from } => work.update(&to, source, &from)?,
        Pending::Delete { retain } => work.delete(&retain),
        Pending::ContinueRollback { skip } => work.continue_rollback(&skip),
    }
    stack.pending = None;
    own.keep(stack)?;
    if stack.is_deleted() {
        own.prune(&stack.name)?;
    }
    Ok(())
}

/// How the making or setting of a resource ends when it does not succeed.
enum Ended {
    /// The resource failed, by its logical name: the stack is put back.
    Failed(String),
    /// The store failed: all of it stays pending.
    Broken(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Broken(refusal)
    }
}

struct Work<'a> {
    own: &'a CloudFormation,
    cloud: &'a Cloud,
    stack: &'a mut Stack,
}

impl Work<'_> {
    fn enter(&mut self, status: &str, reason: Option<&str>) {
        self.stack.enter(status, reason, self.cloud.now_ms());
    }

    fn happened(&mut self, logical: &str, physical: &str, kind: &str, status: &str, reason: Option<&str>) {
        self.stack.happened((logical, physical, kind), status, reason, self.cloud.now_ms());
    }

    /// What the last life had begun to make is made again from the start.
    fn clear_begun(&mut self) {
        let begun: Vec<Resource> = self.stack.resources.iter().filter(|one| one.status == BEGUN).cloned().collect();
        for one in begun {
            let _ = kinds::delete(self.cloud, &one.kind, &one.physical);
            self.stack.resources.retain(|other| other.logical != one.logical);
        }
    }

    fn create(&mut self, wanted: Evaluated) -> Result<(), Refusal> {
        for one in &wanted.resources {
            if self.stack.resources.iter().any(|made| made.logical == one.logical) {
                continue; // by the last life
            }
            match self.make(one) {
                Ok(()) => {}
                Err(Ended::Broken(refusal)) => return Err(refusal),
                Err(Ended::Failed(logical)) => {
                    self.failed_creation(&format!("{FAILED} create: [{logical}]. "));
                    return Ok(());
                }
            }
        }
        self.stack.outputs = wanted.outputs;
        self.enter("CREATE_COMPLETE", None);
        Ok(())
    }

    fn failed_creation(&mut self, reason: &str) {
        match self.stack.on_failure {
            OnFailure::DoNothing => self.enter("CREATE_FAILED", Some(reason)),
            OnFailure::Delete => {
                self.enter("DELETE_IN_PROGRESS", Some(&format!("{reason}Delete requested by user.")));
                self.delete(&[]);
            }
            OnFailure::Rollback => {
                self.enter("ROLLBACK_IN_PROGRESS", Some(&format!("{reason}Rollback requested by user.")));
                match self.remove_all(&[]) {
                    Ok(()) => self.enter("ROLLBACK_COMPLETE", None), // can only be deleted (A16)
                    Err(left) => self.enter("ROLLBACK_FAILED", Some(&format!("{FAILED} delete: [{left}]. "))),
                }
            }
        }
    }

    /// Makes one resource, with its events.
    fn make(&mut self, wanted: &Wanted) -> Result<(), Ended> {
        let Wanted { logical, kind, physical, properties } = wanted;
        self.happened(logical, "", kind, BEGUN, None);
        let free = kinds::must_be_free(self.cloud, kind, physical);
        if free.is_ok() {
            self.put(resource(wanted, BEGUN, self.cloud.now_ms()));
            self.own.keep(self.stack)?;
        }
        let tags = self.stack.tags();
        let made = free.and_then(|()| kinds::create(self.cloud, kind, physical, properties, &tags));
        let reason = made.as_ref().err().map(|refusal| refusal.message.clone());
        let status = if made.is_ok() { "CREATE_COMPLETE" } else { "CREATE_FAILED" };
        self.happened(logical, physical, kind, status, reason.as_deref());
        if made.is_ok() {
            self.put(resource(wanted, status, self.cloud.now_ms()));
            return Ok(());
        }
        self.stack.resources.retain(|one| one.logical != *logical || one.status != BEGUN);
        Err(Ended::Failed(logical.clone()))
    }

    /// In the place of the resource of that logical name, if there was one.
    fn put(&mut self, resource: Resource) {
        match self.stack.resources.iter_mut().find(|one| one.logical == resource.logical) {
            Some(former) => *former = resource,
            None => self.stack.resources.push(resource),
        }
    }

    fn update(&mut self, to: &Evaluated, source: Source, from: &[Resource]) -> Result<(), Refusal> {
        let former = std::mem::replace(&mut self.stack.source, source);
        let retagged = former.tags != self.stack.source.tags;
        let mut replaced = Vec::new();
        for wanted in &to.resources {
            let before = from.iter().find(|one| one.logical == wanted.logical);
            let alike = before.filter(|one| one.kind == wanted.kind);
            let renamed = alike.and_then(|one| kinds::must_be_renamed(&one.kind, &one.properties, &wanted.properties));
            let done = match (before, renamed) {
                (Some(there), Some(refusal)) => Err(self.refused(there, refusal)),
                (Some(there), None) if there.kind == wanted.kind && there.physical == wanted.physical => {
                    let same = there.properties == wanted.properties && !retagged;
                    if same { Ok(()) } else { self.set(wanted) }
                }
                (before, _) => {
                    replaced.extend(before.cloned());
                    let made = self
                        .stack
                        .resources
                        .iter()
                        .any(|one| one.physical == wanted.physical && one.kind == wanted.kind);
                    if made { Ok(()) } else { self.make(wanted) }
                }
            };
            match done {
                Ok(()) => {}
                Err(Ended::Broken(refusal)) => return Err(refusal),
                Err(Ended::Failed(logical)) => {
                    self.stack.source = former;
                    self.enter("UPDATE_ROLLBACK_IN_PROGRESS", Some(&format!("{FAILED} update: [{logical}]. ")));
                    self.restore(from, &[], retagged);
                    return Ok(());
                }
            }
        }
        self.stack.outputs.clone_from(&to.outputs);
        self.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        let gone = from.iter().filter(|one| !to.resources.iter().any(|wanted| wanted.logical == one.logical));
        for old in gone.chain(&replaced) {
            // What cannot be cleaned up is left behind, as AWS leaves it; its event says so.
            let _ = self.remove(old);
        }
        self.stack.resources.retain(|one| to.resources.iter().any(|wanted| wanted.logical == one.logical));
        self.enter("UPDATE_COMPLETE", None);
        Ok(())
    }

    /// Leaves one resource as it is, failed.
    fn refused(&mut self, there: &Resource, refusal: Refusal) -> Ended {
        let (logical, physical, kind) = (&there.logical, &there.physical, &there.kind);
        self.happened(logical, physical, kind, "UPDATE_FAILED", Some(&refusal.message));
        let (status, at) = ("UPDATE_FAILED".to_owned(), self.cloud.now_ms());
        self.put(Resource { status, reason: Some(refusal.message), at, ..there.clone() });
        Ended::Failed(logical.clone())
    }

    /// Sets one resource in place.
    fn set(&mut self, wanted: &Wanted) -> Result<(), Ended> {
        let Wanted { logical, kind, physical, properties } = wanted;
        self.happened(logical, physical, kind, "UPDATE_IN_PROGRESS", None);
        let done = kinds::update(self.cloud, kind, physical, properties, &self.stack.tags());
        let reason = done.as_ref().err().map(|refusal| refusal.message.clone());
        let status = if done.is_ok() { "UPDATE_COMPLETE" } else { "UPDATE_FAILED" };
        self.happened(logical, physical, kind, status, reason.as_deref());
        let mut set = resource(wanted, status, self.cloud.now_ms());
        set.reason = reason;
        self.put(set);
        done.map_err(|_| Ended::Failed(logical.clone()))
    }

    /// Puts the resources back to what they were; `again` sets even those that look as they did.
    fn restore(&mut self, from: &[Resource], skip: &[String], again: bool) {
        let now = self.stack.resources.clone();
        for old in from.iter().filter(|old| !skip.contains(&old.logical)) {
            let same = now.iter().any(|one| {
                one.logical == old.logical && one.properties == old.properties && one.status != "UPDATE_FAILED"
            });
            let Resource { logical, kind, physical, properties, .. } = old.clone();
            if !same || again {
                let _ = self.set(&Wanted { logical, kind, physical, properties }); // how it went stands in its status
            }
        }
        for new in &now {
            let is_old = from.iter().any(|old| old.physical == new.physical && old.kind == new.kind);
            if !is_old {
                let _ = self.remove(new);
            }
        }
        self.stack.resources.retain(|one| from.iter().any(|old| old.logical == one.logical));
        let failed = |one: &&Resource| one.status == "UPDATE_FAILED" && !skip.contains(&one.logical);
        let left: Vec<&str> = self.stack.resources.iter().filter(failed).map(|one| one.logical.as_str()).collect();
        if left.is_empty() {
            self.enter("UPDATE_ROLLBACK_COMPLETE", None);
        } else {
            let reason = format!("{FAILED} update: [{}]. ", left.join(", "));
            self.enter("UPDATE_ROLLBACK_FAILED", Some(&reason));
        }
    }

    /// Tries again to put back what could not be (A30).
    fn continue_rollback(&mut self, skip: &[String]) {
        for one in self.stack.resources.iter_mut().filter(|one| skip.contains(&one.logical)) {
            "UPDATE_COMPLETE".clone_into(&mut one.status);
        }
        let from = self.stack.resources.clone();
        self.restore(&from, skip, false);
    }

    fn delete(&mut self, retain: &[String]) {
        match self.remove_all(retain) {
            Ok(()) => {
                self.enter("DELETE_COMPLETE", None);
                self.stack.deleted_at = Some(self.cloud.now_ms());
            }
            Err(left) => self.enter("DELETE_FAILED", Some(&format!("{FAILED} delete: [{left}]. "))),
        }
    }

    /// Removes every resource, the last made first; the names of those that could not be.
    fn remove_all(&mut self, retain: &[String]) -> Result<(), String> {
        let mut left = Vec::new();
        for one in self.stack.resources.clone().iter().rev() {
            let removed = match retain.contains(&one.logical) {
                true => {
                    self.happened(&one.logical, &one.physical, &one.kind, "DELETE_SKIPPED", None);
                    Ok(())
                }
                false => self.remove(one),
            };
            match removed {
                Ok(()) => self.stack.resources.retain(|other| other.logical != one.logical),
                Err(refusal) => {
                    let mut kept = one.clone();
                    (kept.status, kept.reason) = ("DELETE_FAILED".to_owned(), Some(refusal.message));
                    self.put(kept);
                    left.push(one.logical.clone());
                }
            }
        }
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    }

    fn remove(&mut self, one: &Resource) -> Result<(), Refusal> {
        self.happened(&one.logical, &one.physical, &one.kind, "DELETE_IN_PROGRESS", None);
        let removed = kinds::delete(self.cloud, &one.kind, &one.physical);
        let reason = removed.as_ref().err().map(|refusal| refusal.message.clone());
        let status = if removed.is_ok() { "DELETE_COMPLETE" } else { "DELETE_FAILED" };
        self.happened(&one.logical, &one.physical, &one.kind, status, reason.as_deref());
        removed
    }
}

fn resource(wanted: &Wanted, status: &str, at: i64) -> Resource {
    Resource {
        logical: wanted.logical.clone(),
        kind: wanted.kind.clone(),
        physical: wanted.physical.clone(),
        properties: wanted.properties.clone(),
        status: status.to_owned(),
        reason: None,
        at,
    }
}
