//! How long a first `up` takes in weather like that of AWS, and how long it had to: the longest chain of the waits that
//! were drawn for it, along the edges of the stack. In a cloud in process, in a time that is paused, seed by seed.
//! `cargo xtask bench` runs it and sets the limit.
#![recursion_limit = "256"]
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/all/forecast.rs"]
#[allow(dead_code)]
mod forecast;
#[path = "../tests/all/sky.rs"]
#[allow(dead_code)]
mod sky;

use std::collections::BTreeMap;

use chat_aws::routes::Function;
use chatctl::aws::faults::Faults;
use chatctl::stack::{self, Packages};
use localcloud::{Wait, Weather};
use reconcile::Id;
use sky::{Sky, in_paused_time};
use tokio::time::Instant;

const SEEDS: u64 = 20;

fn main() {
    for seed in 1..=SEEDS {
        let (took, needed, links) = in_paused_time(async {
            let sky = Sky::empty();
            sky.cloud.turn(Weather::aws_like(seed));
            let began = Instant::now();
            sky.up(&Faults::none()).await.unwrap().unwrap();
            let took = i64::try_from(began.elapsed().as_millis()).unwrap();
            let critical = Critical::of(&sky);
            let (needed, last) = critical.end();
            (took, needed, critical.chain(&last))
        });
        println!("weather\t{seed}\t{took}\t{needed}\t{links}");
    }
}

/// When each resource could have been done, in milliseconds, had every call and every look come at the right moment.
struct Critical {
    needs: BTreeMap<Id, Vec<Id>>,
    /// A kind of wait and a thing, and each wait of them in order.
    waits: BTreeMap<(&'static str, String), Vec<i64>>,
    /// What a resource is called in the cloud.
    names: BTreeMap<Id, String>,
}

impl Critical {
    fn of(sky: &Sky) -> Self {
        let whole = stack::chat(&sky.others, &sky.stage, &Packages::new(), 0);
        let mut needs: BTreeMap<Id, Vec<Id>> = whole.ids().map(|id| (id.clone(), Vec::new())).collect();
        for edge in whole.edges() {
            needs.get_mut(&edge.from).unwrap().push(edge.on);
        }
        // What finishes takes nothing away in a first `up`.
        needs.retain(|id, _| !whole.finishes(id));
        let mut waits: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for Wait { what, of, ms } in sky.cloud.waits() {
            waits.entry((what, of)).or_default().push(ms);
        }
        let named = sky.stage.names();
        let name = |id: &Id| match (id.kind(), id.name()) {
            ("table", which) => named.table(which),
            ("queue", stack::NEW_MESSAGES) => named.queue(),
            ("queue", _) => named.dead_letters(),
            ("role", function) => named.role(function),
            ("log-group", function) => named.log_group(function),
            (_, name) => named.function(name),
        };
        let names = needs.keys().map(|id| (id.clone(), name(id))).collect();
        Self { needs, waits, names }
    }

    /// The one wait of this kind for this resource; none is no time.
    fn wait(&self, what: &'static str, id: &Id) -> i64 {
        self.waits.get(&(what, self.names[id].clone())).map_or(0, |waits| waits[0])
    }

    /// How long the writes to the API take, one after the other; nothing waits for the last one.
    fn api_writes(&self) -> i64 {
        let writes: Vec<i64> =
            self.waits.iter().filter(|((what, _), _)| *what == "API written").flat_map(|(_, w)| w.clone()).collect();
        let a_second = i64::try_from(Weather::aws_like(0).api_writes_a_second).unwrap();
        let in_turn: i64 = writes.iter().rev().skip(1).sum();
        let at_that_rate = (i64::try_from(writes.len()).unwrap() - 1) / a_second * 1000;
        in_turn.max(at_that_rate)
    }

    /// When it could be begun: the Stage table is before all, for the lease is in it.
    fn start(&self, id: &Id) -> i64 {
        let first = if *id == stack::first() { 0 } else { self.done(&stack::first()) };
        let needs = self.needs[id].iter().map(|need| self.done(need));
        let believed = match id.kind() {
            "function" => self.belief(&stack::role_id(id.name())),
            "mapping" => self.permission(&stack::role_id(consumer(id).name())),
            _ => 0,
        };
        needs.chain([first, believed]).max().unwrap()
    }

    /// When Lambda believes a new role, and when what it may do.
    fn belief(&self, role: &Id) -> i64 {
        self.start(role) + self.wait("role believed", role)
    }

    fn permission(&self, role: &Id) -> i64 {
        self.done(role) + self.wait("role permitted", role)
    }

    fn done(&self, id: &Id) -> i64 {
        let own = match id.kind() {
            "table" => {
                let made = self.wait("table found", id).max(self.wait("table made", id));
                let backed_up = if *id == stack::first() { 0 } else { self.wait("table backed up", id) };
                made.max(self.wait("table made", id) + backed_up)
            }
            "role" => self.wait("role found", id),
            "queue" => self.wait("queue found", id),
            "log-group" => self.wait("log group found", id),
            "function" => self.wait("function found", id).max(self.wait("function made", id)),
            "routes" => self.api_writes(),
            _ => 0,
        };
        self.start(id) + own
    }

    /// The last one, and when.
    fn end(&self) -> (i64, Id) {
        self.needs.keys().map(|id| (self.done(id), id.clone())).max().unwrap()
    }

    /// What it waited for, from the first on.
    fn chain(&self, id: &Id) -> String {
        let mut candidates = self.needs[id].clone();
        if *id != stack::first() {
            candidates.push(stack::first());
        }
        let before = candidates.into_iter().max_by_key(|need| self.done(need));
        let here = format!("{id} {:.1} s", self.done(id) as f64 / 1000.0);
        before.map_or(here.clone(), |before| format!("{}, {here}", self.chain(&before)))
    }
}

/// Whose role reads a mapping's source.
fn consumer(mapping: &Id) -> Function {
    if mapping.name() == "stream" { Function::ForwardMessages } else { Function::NotifyClients }
}
