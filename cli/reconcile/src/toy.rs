//! A toy kind of resource in memory, for tests: it can be slow, be seen late, die at its n-th call.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{Change, Fault, Field, Id, Resource, Result, Stack, Visit};

pub(crate) fn id(n: u32) -> Id {
    Id::new("toy", n)
}

/// What stands, what happened, and which call dies.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(crate) struct Inner {
    /// Number to (value, seen from then on).
    pub(crate) standing: BTreeMap<u32, (u32, SeenFrom)>,
    pub(crate) creates: BTreeMap<u32, u32>,
    pub(crate) log: Vec<String>,
    pub(crate) calls: u32,
    pub(crate) dies_at: Option<u32>,
    pub(crate) looks: u32,
}

/// When a created toy is seen.
#[derive(Clone, Copy, Default)]
pub(crate) struct SeenFrom(Option<Instant>);

#[derive(Clone)]
pub(crate) struct Toy {
    pub(crate) world: World,
    pub(crate) n: u32,
    pub(crate) needs: Vec<u32>,
    pub(crate) value: u32,
    pub(crate) takes: Duration,
    pub(crate) seen_after: Duration,
    pub(crate) fixed: bool,
}

impl World {
    pub(crate) fn toy(&self, n: u32, needs: &[u32]) -> Toy {
        Toy {
            world: self.clone(),
            n,
            needs: needs.to_vec(),
            value: 1,
            takes: Duration::from_secs(1),
            seen_after: Duration::ZERO,
            fixed: false,
        }
    }

    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    /// One call that changes something: it may die before it happened, or after.
    fn call(&self, what: String, f: impl FnOnce(&mut Inner)) -> Result<()> {
        self.with(|inner| {
            inner.calls += 1;
            let dies = inner.dies_at == Some(inner.calls);
            if dies && inner.calls % 2 == 0 {
                return Err(Fault::new("dead before it happened"));
            }
            inner.log.push(what);
            f(inner);
            if dies { Err(Fault::new("dead after it happened")) } else { Ok(()) }
        })
    }
}

impl Resource for Toy {
    type Seen = u32;

    fn id(&self) -> Id {
        id(self.n)
    }

    fn needs(&self) -> Vec<Id> {
        self.needs.iter().map(|n| id(*n)).collect()
    }

    fn takes(&self) -> Duration {
        self.takes
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<u32>> {
        let seen = self.world.with(|inner| {
            inner.looks += 1;
            inner
                .standing
                .get(&self.n)
                .filter(|(_, from)| from.0.is_none_or(|from| Instant::now() >= from))
                .map(|(v, _)| *v)
        });
        if let Some(value) = seen {
            visit.learn("value", value.to_string());
        }
        Ok(seen)
    }

    fn diff(&self, seen: Option<&u32>, _: &Visit) -> Change {
        match seen {
            None => Change::Create,
            Some(value) if *value == self.value => Change::Keep,
            Some(value) => {
                let field = Field::new("value", value.to_string(), self.value.to_string());
                if self.fixed { Change::Replace(field) } else { Change::Update(vec![field]) }
            }
        }
    }

    async fn apply(&self, change: &Change, _: Option<u32>, visit: &Visit) -> Result<()> {
        for need in &self.needs {
            visit.fact(&id(*need), "value")?;
        }
        self.world.with(|inner| inner.log.push(format!("start {}", self.n)));
        sleep(self.takes).await;
        let seen_from = SeenFrom((!self.seen_after.is_zero()).then(|| Instant::now() + self.seen_after));
        self.world.call(format!("{} {}", change.verb(), self.n), |inner| {
            if *change == Change::Create && !inner.standing.contains_key(&self.n) {
                *inner.creates.entry(self.n).or_default() += 1;
            }
            inner.standing.insert(self.n, (self.value, seen_from));
        })?;
        visit.settle("the toy to be seen", Duration::from_secs(30), || self.observe(visit)).await?;
        Ok(())
    }

    async fn delete(&self, _: u32, _: &Visit) -> Result<()> {
        sleep(self.takes).await;
        self.world.call(format!("delete {}", self.n), |inner| {
            inner.standing.remove(&self.n);
        })
    }
}

/// A repeatable stream of numbers (splitmix64).
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }

    /// A graph without rings: each toy may need some of those before it.
    pub(crate) fn toys(&mut self, world: &World) -> Vec<Toy> {
        let count = 2 + self.below(12);
        (0..count)
            .map(|n| {
                let needs: Vec<u32> = (0..n).filter(|_| self.below(4) == 0).collect();
                let takes = Duration::from_millis(u64::from(self.below(3000)));
                let seen_after = Duration::from_millis(u64::from(self.below(2) * self.below(5000)));
                Toy { takes, seen_after, ..world.toy(n, &needs) }
            })
            .collect()
    }
}

pub(crate) fn stack_of(toys: &[Toy]) -> Stack {
    let mut stack = Stack::default();
    for toy in toys {
        stack.add(toy.clone());
    }
    stack
}
