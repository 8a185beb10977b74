//! Resources and their edges. Each typed resource is boxed here once, together with what was seen
//! of it, so that nothing else ever needs to know its type.
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{Change, Error, Facts, Id, Resource, Result, Visit};

type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A resource without its type.
pub(crate) trait Turn: Send + Sync {
    /// Looks, keeps what was seen, and says whether there was anything.
    fn observe<'a>(&'a self, visit: &'a Visit) -> Later<'a, bool>;
    fn diff(&self, visit: &Visit) -> Change;
    fn wants(&self, visit: &Visit) -> Vec<(String, String)>;
    fn costs(&self, change: &Change) -> Option<String>;
    fn apply<'a>(&'a self, change: &'a Change, visit: &'a Visit) -> Later<'a, ()>;
    fn delete<'a>(&'a self, visit: &'a Visit) -> Later<'a, ()>;
}

struct Held<R: Resource> {
    resource: R,
    seen: Mutex<Option<R::Seen>>,
}

impl<R: Resource> Held<R> {
    fn seen(&self) -> MutexGuard<'_, Option<R::Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<R::Seen> {
        self.seen().take()
    }
}

impl<R: Resource> Turn for Held<R> {
    fn observe<'a>(&'a self, visit: &'a Visit) -> Later<'a, bool> {
        Box::pin(async move {
            let seen = self.resource.observe(visit).await?;
            let there = seen.is_some();
            *self.seen() = seen;
            Ok(there)
        })
    }

    fn diff(&self, visit: &Visit) -> Change {
        self.resource.diff(self.seen().as_ref(), visit)
    }

    fn wants(&self, visit: &Visit) -> Vec<(String, String)> {
        self.resource.wants(visit)
    }

    fn costs(&self, change: &Change) -> Option<String> {
        self.resource.costs(change)
    }

    fn apply<'a>(&'a self, change: &'a Change, visit: &'a Visit) -> Later<'a, ()> {
        let seen = self.take();
        Box::pin(self.resource.apply(change, seen, visit))
    }

    fn delete<'a>(&'a self, visit: &'a Visit) -> Later<'a, ()> {
        Box::pin(async move {
            let seen = match self.take() {
                Some(seen) => Some(seen),
                None => self.resource.observe(visit).await?,
            };
            match seen {
                Some(seen) => self.resource.delete(seen, visit).await,
                None => Ok(()),
            }
        })
    }
}

pub(crate) struct Node {
    pub(crate) turn: Arc<dyn Turn>,
    pub(crate) needs: Vec<Id>,
    takes: Duration,
}

/// `from` stands on `on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Who waits.
    pub from: Id,
    /// For whom.
    pub on: Id,
}

/// All resources, with their edges.
#[derive(Default)]
pub struct Stack {
    nodes: BTreeMap<Id, Node>,
    twice: Option<Id>,
    last: Option<Id>,
    finishing: BTreeSet<Id>,
}

impl Stack {
    /// Puts a resource in whose turn comes when all others are done: what takes something away that they
    /// no longer need. In a removal it has no such place.
    pub fn add_finishing<R: Resource>(&mut self, resource: R) {
        self.finishing.insert(resource.id());
        self.add(resource);
    }

    /// Whether its turn comes when all others are done.
    pub fn finishes(&self, id: &Id) -> bool {
        self.finishing.contains(id)
    }

    /// What each resource shall be, as far as these facts say it.
    pub fn wants(&self, facts: &Facts) -> BTreeMap<Id, Vec<(String, String)>> {
        let wants = |(id, node): (&Id, &Node)| {
            let visit = Visit::alone(id.clone(), facts.clone());
            (id.clone(), node.turn.wants(&visit))
        };
        self.nodes.iter().map(wants).collect()
    }

    /// Puts a resource in.
    pub fn add<R: Resource>(&mut self, resource: R) {
        let (id, needs, takes) = (resource.id(), resource.needs(), resource.takes());
        let turn = Arc::new(Held { resource, seen: Mutex::new(None) });
        if self.nodes.insert(id.clone(), Node { turn, needs, takes }).is_some() {
            self.twice = Some(id);
        }
    }

    /// Says which one goes last in a removal, whatever stands on it.
    pub fn goes_last(&mut self, id: Id) {
        self.last = Some(id);
    }

    /// Every resource's id.
    pub fn ids(&self) -> impl Iterator<Item = &Id> {
        self.nodes.keys()
    }

    /// Every edge, for drawing.
    pub fn edges(&self) -> Vec<Edge> {
        let edges = |(id, node): (&Id, &Node)| {
            node.needs.iter().map(|on| Edge { from: id.clone(), on: on.clone() }).collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(edges).collect()
    }

    pub(crate) fn node(&self, id: &Id) -> &Node {
        self.nodes.get(id).unwrap_or_else(|| unreachable!("a plan's ids come from its stack"))
    }

    /// What may start when, forwards; an error where the edges make no sense.
    pub(crate) fn order(&self) -> std::result::Result<Order, Error> {
        if let Some(id) = &self.twice {
            return Err(Error::Twice(id.clone()));
        }
        let mut waits = BTreeMap::new();
        for (id, node) in &self.nodes {
            if let Some(need) = node.needs.iter().find(|need| !self.nodes.contains_key(*need)) {
                return Err(Error::UnknownNeed { id: id.clone(), need: need.clone() });
            }
            let mut before: BTreeSet<Id> = node.needs.iter().cloned().collect();
            if self.finishes(id) {
                before.extend(self.nodes.keys().filter(|other| !self.finishes(other)).cloned());
            }
            waits.insert(id.clone(), before);
        }
        let takes = self.nodes.iter().map(|(id, node)| (id.clone(), node.takes)).collect();
        Order::new(waits, &takes)
    }

    /// The same backwards: each waits for those that stand on it.
    pub(crate) fn reverse_order(&self) -> std::result::Result<Order, Error> {
        self.order()?;
        let mut waits: BTreeMap<Id, BTreeSet<Id>> = self.nodes.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
        for (id, node) in &self.nodes {
            for need in &node.needs {
                waits.entry(need.clone()).or_default().insert(id.clone());
            }
        }
        if let Some((last, before)) = self.last.as_ref().and_then(|last| waits.get_mut(last).map(|w| (last, w))) {
            before.extend(self.nodes.keys().filter(|id| *id != last).cloned());
        }
        let takes = self.nodes.iter().map(|(id, node)| (id.clone(), node.takes)).collect();
        Order::new(waits, &takes)
    }
}

/// What may start when: the graph as it is used up, longest pole first.
pub(crate) struct Order {
    waits: BTreeMap<Id, BTreeSet<Id>>,
    followers: BTreeMap<Id, Vec<Id>>,
    pole: BTreeMap<Id, Duration>,
    /// A topological order; within it, the longest pole first.
    pub(crate) sorted: Vec<Id>,
}

impl Order {
    fn new(waits: BTreeMap<Id, BTreeSet<Id>>, takes: &BTreeMap<Id, Duration>) -> std::result::Result<Self, Error> {
        let mut followers: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (id, needs) in &waits {
            for need in needs {
                followers.entry(need.clone()).or_default().push(id.clone());
            }
        }
        let mut order = Self { waits, followers, pole: BTreeMap::new(), sorted: Vec::new() };
        let topological = order.topological()?;
        for id in topological.iter().rev() {
            let behind = order.followers.get(id).into_iter().flatten().filter_map(|f| order.pole.get(f)).max();
            let pole = takes.get(id).copied().unwrap_or_default() + behind.copied().unwrap_or_default();
            order.pole.insert(id.clone(), pole);
        }
        order.sorted = topological;
        Ok(order)
    }

    fn topological(&self) -> std::result::Result<Vec<Id>, Error> {
        let mut waits = self.waits.clone();
        let mut sorted: Vec<Id> =
            waits.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| id.clone()).collect();
        let mut next = 0;
        while let Some(id) = sorted.get(next).cloned() {
            next += 1;
            waits.remove(&id);
            for follower in self.followers.get(&id).into_iter().flatten() {
                let Some(needs) = waits.get_mut(follower) else { continue };
                needs.remove(&id);
                if needs.is_empty() {
                    sorted.push(follower.clone());
                }
            }
        }
        if waits.is_empty() { Ok(sorted) } else { Err(Error::Cycle(ring(&waits))) }
    }

    /// Takes out all that may start now, the longest pole first.
    pub(crate) fn ready(&mut self) -> Vec<Id> {
        let mut ready: Vec<Id> =
            self.waits.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| id.clone()).collect();
        for id in &ready {
            self.waits.remove(id);
        }
        self.longest_first(&mut ready);
        ready
    }

    /// Sorts by the pole behind each, the longest first.
    pub(crate) fn longest_first(&self, ids: &mut [Id]) {
        ids.sort_by_key(|id| std::cmp::Reverse(self.pole.get(id).copied().unwrap_or_default()));
    }

    /// One is done: those that waited for it wait no more.
    pub(crate) fn done(&mut self, id: &Id) {
        for follower in self.followers.get(id).into_iter().flatten() {
            if let Some(needs) = self.waits.get_mut(follower) {
                needs.remove(id);
            }
        }
    }
}

/// One ring among those that never became ready: follow any need until one comes again.
fn ring(waits: &BTreeMap<Id, BTreeSet<Id>>) -> Vec<Id> {
    let mut path: Vec<Id> = waits.keys().next().cloned().into_iter().collect();
    while let Some(next) = path.last().and_then(|last| waits.get(last)?.iter().find(|n| waits.contains_key(*n))) {
        if let Some(start) = path.iter().position(|id| id == next) {
            return path.split_off(start);
        }
        path.push(next.clone());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{World, id};

    fn stack(world: &World, edges: &[(u32, &[u32])]) -> Stack {
        let mut stack = Stack::default();
        for (n, needs) in edges {
            stack.add(world.toy(*n, needs));
        }
        stack
    }

    #[test]
    fn resources_that_wait_for_each_other_are_named() {
        let world = World::default();
        let error = stack(&world, &[(1, &[]), (2, &[1, 4]), (3, &[2]), (4, &[3])]).order().err().unwrap();
        let Error::Cycle(ring) = error else { panic!("{error}") };
        assert_eq!(ring.iter().collect::<BTreeSet<_>>(), [id(2), id(3), id(4)].iter().collect());
    }

    #[test]
    fn a_need_that_is_not_in_the_stack_is_named() {
        let error = stack(&World::default(), &[(1, &[7])]).order().err().unwrap();
        assert_eq!(error.to_string(), "toy/1 needs toy/7, which is not in the stack");
    }

    #[test]
    fn two_resources_of_one_id_are_refused() {
        let error = stack(&World::default(), &[(1, &[]), (1, &[])]).order().err().unwrap();
        assert_eq!(error.to_string(), "two resources are called toy/1");
    }

    #[test]
    fn what_finishes_waits_for_all_others_and_for_what_it_needs_of_its_kind() {
        let world = World::default();
        let mut stack = stack(&world, &[(1, &[]), (2, &[1])]);
        stack.add_finishing(world.toy(7, &[8]));
        stack.add_finishing(world.toy(8, &[]));
        let sorted = stack.order().unwrap().sorted;
        assert_eq!(sorted, [id(1), id(2), id(8), id(7)]);
    }

    #[test]
    fn the_longest_pole_is_ready_first() {
        let world = World::default();
        let mut order = stack(&world, &[(1, &[]), (2, &[]), (3, &[2]), (4, &[3]), (5, &[])]).order().unwrap();
        assert_eq!(order.ready()[0], id(2));
    }
}
