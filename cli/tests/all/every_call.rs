//! Broken at every call: a command is run, one of its calls is refused, throttled, done without its answer, or the last
//! thing its process did; then the same command is run again. The world is that of an undisturbed run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chatctl::aws::faults::{Call, Fault, Faults};
use chatctl::failure::Exit;
use localcloud::Weather;

use crate::sky::{Ended, Sky, in_paused_time};
use crate::{drift, layouts, likeness};

/// What happens to a call, each in its turn.
const FAULTS: [Fault; 4] = [Fault::Refused, Fault::Throttled(1), Fault::AnswerLost, Fault::Dead];
/// How many calls a broken run and the one after it may make more than two undisturbed ones. The most that was met is 43:
/// a first `up` that died with most of its things made and few of them finished, each of which is looked at once more.
const MOST_EXTRA_CALLS: usize = 50;

/// What a run does without where it is refused: what only advises, what hardens the stage from beside it, and what can be
/// seen in another way. Any other call that is refused ends the run with an error.
const GOES_ON: [&str; 4] = [
    // How many functions the account may run at once.
    "lambda GET /2016-08-19/account-settings",
    // The alarms and the dashboard: a warning, and at the end of a `down` the certificate says what is left.
    "cloudformation CreateStack",
    "cloudformation DescribeStacks",
    // Each role is asked for in its place.
    "iam GetAccountAuthorizationDetails",
];
/// What tidies up behind a proof: its room and the lease both end by themselves.
const TIDIES_UP: [&str; 2] = ["dynamodb DeleteItem", "dynamodb UpdateItem"];

/// How many weathers a command is run in.
const SEEDS: u64 = 6;

/// How an `up` ends whose proof finds nobody at the push service, and the last call before that proof.
const NOBODY_LISTENS: &str = "deployed, but chatctl could not become a push client";
const RECORDS: &str = "dynamodb TransactWriteItems";

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    FirstUp,
    Update,
    Rollback,
    Down,
    /// An `up` whose proof cannot begin, because nobody listens at the push service.
    Unproven,
}

impl Command {
    const ALL: [Self; 5] = [Self::FirstUp, Self::Update, Self::Rollback, Self::Down, Self::Unproven];

    /// The world that it begins in.
    async fn prepare(self) -> Sky {
        let mut sky = Sky::empty();
        drift::strangers(&sky).await;
        if self != Self::FirstUp {
            sky.up(&Faults::none()).await.unwrap().unwrap();
        }
        if self == Self::Update {
            drift::by_hand(&sky).await;
            layouts::make_older(&sky).await;
        }
        if matches!(self, Self::Update | Self::Rollback) {
            sky.code = "two";
            sky.stage.contact = Some("mailto:somebody@example.com".into());
        }
        if self == Self::Unproven {
            sky.only = Some("store-message");
        }
        if self == Self::Rollback {
            sky.up(&Faults::none()).await.unwrap().unwrap();
        }
        sky
    }

    async fn run(self, sky: &Sky, faults: &Faults) -> Option<Ended<()>> {
        match self {
            Self::FirstUp | Self::Update => sky.up(faults).await.map(|ended| ended.map(drop)),
            Self::Rollback => sky.rollback(faults).await.map(|ended| ended.map(drop)),
            Self::Down => sky.down(faults).await.map(|ended| ended.map(drop)),
            Self::Unproven => Some(match sky.up_unproven(faults).await? {
                Ok(_) => panic!("proved, and nobody listens at the push service"),
                Err(failure) if failure.error == NOBODY_LISTENS => Ok(()),
                Err(failure) => Err(failure),
            }),
        }
    }

    /// The first of its calls that is broken: those before the proof are the same ones as an update's.
    fn first_broken(self, calls: &[Call]) -> usize {
        match self {
            Self::Unproven => 1 + calls.iter().rposition(|call| call.to_string() == RECORDS).unwrap(),
            _ => 1,
        }
    }
}

/// What two undisturbed runs come to.
struct Undisturbed {
    calls: Vec<Call>,
    again: usize,
    world: Vec<String>,
}

fn undisturbed(command: Command) -> Undisturbed {
    in_paused_time(async {
        let sky = command.prepare().await;
        let (first, again) = (Faults::none(), Faults::none());
        command.run(&sky, &first).await.unwrap().unwrap();
        let world = likeness::of(&sky.cloud).await;
        command.run(&sky, &again).await.unwrap().unwrap();
        let after = likeness::of(&sky.cloud).await;
        likeness::assert_alike(&after, &world, &format!("{command:?} twice"));
        Undisturbed { calls: first.calls(), again: again.calls().len(), world }
    })
}

/// Breaks the `n`-th call and runs the command again; how many calls more that took, or what went wrong.
fn broken(command: Command, n: usize, fault: Fault, should: &Undisturbed) -> Result<usize, String> {
    in_paused_time(async {
        let sky = command.prepare().await;
        let (first, again) = (Faults::at(n, fault), Faults::none());
        let ended = command.run(&sky, &first).await;
        if let (Fault::Throttled(_) | Fault::AnswerLost, Some(Err(failure))) = (fault, &ended) {
            return Err(format!("the run itself does not survive it: {failure:?}"));
        }
        let met = first.calls().get(n - 1).map(ToString::to_string).unwrap_or_default();
        let and = |what: String| format!("{met}: {what}");
        if fault == Fault::Refused {
            is_told(command, &met, ended.as_ref().unwrap()).map_err(&and)?;
        }
        match command.run(&sky, &again).await {
            Some(Ok(())) => {}
            Some(Err(failure)) => return Err(and(format!("the run after it fails: {failure:?}"))),
            None => unreachable!("nothing is broken in the run after it"),
        }
        let world = likeness::of(&sky.cloud).await;
        if world != should.world {
            return Err(and(format!("another world:\n{}", likeness::difference(&world, &should.world))));
        }
        let calls = [first.calls(), again.calls()].concat();
        let extra = calls.len().saturating_sub(should.calls.len() + should.again);
        if extra > MOST_EXTRA_CALLS {
            return Err(and(format!("{extra} calls more than undisturbed: {}", most(&calls))));
        }
        Ok(extra)
    })
}

/// A refused call ends the run, with what to type next, unless it can do without.
fn is_told(command: Command, call: &str, ended: &Ended<()>) -> Result<(), String> {
    let does_without = GOES_ON.contains(&call) || command == Command::Unproven && TIDIES_UP.contains(&call);
    match ended {
        Ok(()) if does_without => Ok(()),
        Ok(()) => Err("it was refused, and the run ended as if it had not been".to_owned()),
        Err(failure) if !matches!(failure.exit, Exit::Denied | Exit::Unproven) && !does_without => {
            Err(format!("refused, and told as something else: {failure:?}"))
        }
        Err(failure) if failure.next.is_empty() => Err(format!("nothing to type next: {failure:?}")),
        Err(_) => Ok(()),
    }
}

/// The calls that were made most often.
fn most(calls: &[Call]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    calls.iter().for_each(|call| *counts.entry(call.to_string()).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().map(|(call, count)| (count, call)).collect();
    counts.sort();
    counts.iter().rev().take(5).map(|(count, call)| format!("{count} x {call}")).collect::<Vec<_>>().join(", ")
}

/// A case and what came of it.
type Broken = (Command, usize, Fault, Result<usize, String>);

/// Every call of these commands broken in every way, on all processors.
fn break_all(worlds: &BTreeMap<Command, Undisturbed>) -> Vec<Broken> {
    let mut cases = Vec::new();
    for (command, world) in worlds {
        cases.extend(
            (command.first_broken(&world.calls)..=world.calls.len())
                .flat_map(|n| FAULTS.map(|fault| (*command, n, fault))),
        );
    }
    let done = Mutex::new(Vec::new());
    on_all_processors(|at| {
        let Some((command, n, fault)) = cases.get(at) else { return false };
        let outcome = broken(*command, *n, *fault, &worlds[command]);
        done.lock().unwrap().push((*command, *n, *fault, outcome));
        true
    });
    done.into_inner().unwrap()
}

/// Does this for 0, 1, 2, … until it says that there is no more.
fn on_all_processors(work: impl Fn(usize) -> bool + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| while work(next.fetch_add(1, Ordering::Relaxed)) {});
        }
    });
}

/// The process dies at the `n`-th call in a weather of its own, and the command is run again at once, in what the weather
/// has not finished yet; `None` where the command makes fewer calls.
fn died_in_weather(command: Command, n: usize, should: &[String]) -> Option<Result<(), String>> {
    in_paused_time(async {
        let sky = Sky { lags: true, ..command.prepare().await };
        sky.cloud.turn(Weather::aws_like(n as u64));
        let faults = Faults::at(n, Fault::Dead);
        if command.run(&sky, &faults).await.is_some() {
            return None;
        }
        let met = faults.calls().last().map(ToString::to_string).unwrap_or_default();
        let again = command.run(&sky, &Faults::none()).await;
        let ended = match again {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) => Err(format!("the run after it fails: {failure:?}")),
            None => unreachable!("nothing is broken in the run after it"),
        };
        let world = likeness::of(&sky.cloud).await;
        let ended = ended.and_then(|()| match world == should {
            true => Ok(()),
            false => Err(format!("another world:\n{}", likeness::difference(&world, should))),
        });
        Some(ended.map_err(|what| format!("{command:?}, dead at call {n}, {met}, in the weather of seed {n}: {what}")))
    })
}

/// A row a call and a column a fault: how many of its places converged, and the most extra calls.
fn table(worlds: &BTreeMap<Command, Undisturbed>, broken: &[Broken]) -> String {
    let mut text = String::new();
    for (command, world) in worlds {
        let _ = writeln!(text, "{command:?}: {} calls, {} when run again", world.calls.len(), world.again);
        let _ = write!(text, "{:<56}", "");
        for fault in FAULTS {
            let _ = write!(text, "{:<18}", fault.to_string());
        }
        let mut rows: Vec<&Call> = world.calls.iter().collect();
        rows.sort();
        rows.dedup();
        for call in rows {
            let _ = write!(text, "\n{:<56}", call.to_string());
            for fault in FAULTS {
                let here =
                    broken.iter().filter(|(c, n, f, _)| c == command && *f == fault && world.calls[n - 1] == *call);
                let outcomes: Vec<_> = here.map(|(.., outcome)| outcome).collect();
                let converged = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                let most =
                    outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).max().copied().unwrap_or_default();
                let _ = write!(text, "{:<18}", format!("{converged}/{} +{most}", outcomes.len()));
            }
        }
        text.push_str("\n\n");
    }
    text
}

#[test]
fn a_command_comes_to_the_same_world_in_any_weather() {
    for command in Command::ALL {
        let should = undisturbed(command).world;
        for seed in 1..=SEEDS {
            in_paused_time(async {
                let sky = command.prepare().await;
                sky.cloud.turn(Weather::aws_like(seed));
                let ended = command.run(&sky, &Faults::none()).await.unwrap();
                ended.unwrap_or_else(|failure| panic!("{command:?} in the weather of seed {seed}: {failure:?}"));
                let world = likeness::of(&sky.cloud).await;
                likeness::assert_alike(&world, &should, &format!("{command:?} in the weather of seed {seed}"));
            });
        }
    }
}

#[test]
fn a_command_that_dies_at_any_call_in_any_weather_is_put_right_by_the_same_command() {
    let failed = Mutex::new(Vec::new());
    // Every call of a first `up`, which has most of what is half made; every third of the others.
    for (command, step) in [(Command::FirstUp, 1), (Command::Update, 3), (Command::Down, 3)] {
        let should = undisturbed(command).world;
        on_all_processors(|at| match died_in_weather(command, at * step + 1, &should) {
            None => false,
            Some(ended) => {
                failed.lock().unwrap().extend(ended.err());
                true
            }
        });
    }
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn a_command_broken_at_any_call_is_put_right_by_the_same_command() {
    let worlds: BTreeMap<Command, Undisturbed> = Command::ALL.into_iter().map(|c| (c, undisturbed(c))).collect();
    let mut broken = break_all(&worlds);
    broken.sort_by_key(|(command, n, fault, _)| (*command, *n, *fault));
    // The test's binary stands in target/PROFILE/deps.
    let binary = std::env::current_exe().unwrap();
    std::fs::write(binary.ancestors().nth(3).unwrap().join("every-call.txt"), table(&worlds, &broken)).unwrap();
    let failed: Vec<String> = broken
        .iter()
        .filter_map(|(command, n, fault, outcome)| {
            Some(format!("{command:?}, call {n} {fault}: {}", outcome.as_ref().err()?))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), broken.len(), failed.join("\n\n"));
}
