//! Walks over seeded random graphs of toys, in paused time.
use std::time::Duration;

use super::*;
use crate::{
    plan, plan_down,
    toy::{Seed, Toy, World, id, stack_of},
};

const SEEDS: u64 = 60;

async fn up(toys: &[Toy]) -> Result<Vec<(Id, Verb)>, Error> {
    let (stack, doing) = (stack_of(toys), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await?;
    walk(&stack, &mut forecast, &doing).await
}

fn position(log: &[String], what: &str) -> usize {
    log.iter().position(|line| line == what).unwrap_or_else(|| panic!("{what} not in {log:?}"))
}

#[tokio::test(start_paused = true)]
async fn everything_is_made_once_and_after_what_it_needs() {
    for seed in 0..SEEDS {
        let world = World::default();
        let toys = Seed(seed).toys(&world);
        let done = up(&toys).await.unwrap();
        assert_eq!(done.len(), toys.len(), "seed {seed}");
        let (log, creates) = world.with(|inner| (inner.log.clone(), inner.creates.clone()));
        for toy in &toys {
            assert_eq!(creates.get(&toy.n), Some(&1), "seed {seed}");
            for need in &toy.needs {
                let (before, after) = (format!("create {need}"), format!("start {}", toy.n));
                assert!(position(&log, &before) < position(&log, &after), "seed {seed}");
            }
        }
        assert!(up(&toys).await.unwrap().is_empty(), "seed {seed}: the second walk has nothing to do");
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_takes_as_long_as_its_longest_chain() {
    let world = World::default();
    let toys = [world.toy(1, &[]), world.toy(2, &[1]), world.toy(3, &[2]), world.toy(4, &[]), world.toy(5, &[4])];
    let start = Instant::now();
    up(&toys).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_converges_with_the_next_walk() {
    for seed in 0..SEEDS {
        let calls = {
            let world = World::default();
            up(&Seed(seed).toys(&world)).await.unwrap();
            world.with(|inner| inner.calls)
        };
        for dies_at in 1..=calls {
            let world = World::default();
            let toys = Seed(seed).toys(&world);
            world.with(|inner| inner.dies_at = Some(dies_at));
            let error = up(&toys).await.unwrap_err();
            assert!(matches!(error, Error::Failed { .. }), "seed {seed} call {dies_at}: {error}");
            tokio::time::sleep(Duration::from_secs(10)).await;
            world.with(|inner| inner.dies_at = None);
            up(&toys).await.unwrap();
            let creates = world.with(|inner| inner.creates.clone());
            assert_eq!(creates.len(), toys.len(), "seed {seed} call {dies_at}");
            assert!(creates.values().all(|times| *times == 1), "seed {seed} call {dies_at}: {creates:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_nothing_new_starts_and_what_flies_ends() {
    let world = World::default();
    let quick = Toy { takes: Duration::from_millis(10), ..world.toy(1, &[]) };
    let toys = [quick, world.toy(2, &[]), world.toy(3, &[2]), world.toy(4, &[1])];
    world.with(|inner| inner.dies_at = Some(1));
    let Err(Error::Failed { failed, left }) = up(&toys).await else { panic!("it went well") };
    assert_eq!(failed[0].to_string(), "cannot create toy 1");
    assert_eq!(left, [id(4), id(3)]);
    assert!(world.with(|inner| inner.log.contains(&"create 2".to_owned())), "2 was in flight");
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_what_flies_finish_and_says_what_is_left() {
    let world = World::default();
    let toys = [world.toy(1, &[]), world.toy(2, &[1]), world.toy(3, &[2])];
    let stack = stack_of(&toys);
    let stop = Stop::default();
    let asked = stop.clone();
    let tell: Tell = Arc::new(move |event| {
        if event == (Event::StepStarted { id: id(2), change: Verb::Create }) {
            asked.ask();
        }
    });
    let mut forecast = plan(&stack, &Doing::quietly()).await.unwrap();
    let error = walk(&stack, &mut forecast, &Doing::new(tell, stop)).await.unwrap_err();
    assert!(error.stopped());
    assert_eq!(error.left(), [id(3)]);
    assert!(forecast.step(&id(2)).unwrap().done && !forecast.step(&id(3)).unwrap().done);
    let rest = walk(&stack, &mut forecast, &Doing::quietly()).await.unwrap();
    assert_eq!(rest, [(id(3), Verb::Create)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_absent_is_made_without_another_look_and_what_is_kept_is_not_visited() {
    let world = World::default();
    up(&[world.toy(1, &[])]).await.unwrap();
    let toys = [world.toy(1, &[]), world.toy(2, &[1])];
    let (stack, doing) = (stack_of(&toys), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await.unwrap();
    world.with(|inner| inner.looks = 0);
    walk(&stack, &mut forecast, &doing).await.unwrap();
    assert_eq!(world.with(|inner| inner.looks), 1, "only toy 2's own settle looked");
}

#[tokio::test(start_paused = true)]
async fn a_kept_one_is_visited_again_when_what_it_rests_on_has_changed() {
    let world = World::default();
    up(&[world.toy(1, &[]), world.toy(2, &[1])]).await.unwrap();
    let toys = [Toy { value: 2, ..world.toy(1, &[]) }, world.toy(2, &[1])];
    let (stack, doing) = (stack_of(&toys), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await.unwrap();
    assert_eq!(forecast.changes().count(), 1);
    world.with(|inner| inner.looks = 0);
    assert_eq!(walk(&stack, &mut forecast, &doing).await.unwrap(), [(id(1), Verb::Update)]);
    assert_eq!(world.with(|inner| inner.looks), 2, "toy 1 after its change, toy 2 once");
}

#[tokio::test(start_paused = true)]
async fn what_must_change_is_looked_at_again_only_where_the_plan_saw_it_a_while_ago() {
    for (age, looks) in [(BELIEVED - Duration::from_millis(1), 1), (BELIEVED, 2)] {
        let world = World::default();
        up(&[world.toy(1, &[])]).await.unwrap();
        let (stack, doing) = (stack_of(&[Toy { value: 2, ..world.toy(1, &[]) }]), Doing::quietly());
        let mut forecast = plan(&stack, &doing).await.unwrap();
        let seen = forecast.looked;
        tokio::time::sleep_until(seen + age).await;
        world.with(|inner| inner.looks = 0);
        assert_eq!(walk(&stack, &mut forecast, &doing).await.unwrap(), [(id(1), Verb::Update)]);
        assert_eq!(world.with(|inner| inner.looks), looks, "planned {age:?} ago; one look is at what came of it");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_go_is_looked_at_again_only_where_the_plan_saw_it_a_while_ago() {
    for (waited, gone, looks, deleted) in [(4, false, 0, 1), (6, false, 1, 1), (6, true, 1, 0)] {
        let world = World::default();
        up(&[world.toy(1, &[])]).await.unwrap();
        let (stack, doing) = (stack_of(&[world.toy(1, &[])]), Doing::quietly());
        let mut plan = crate::plan_down(&stack, &BTreeSet::new(), &doing).await.unwrap();
        tokio::time::sleep(Duration::from_secs(waited)).await;
        let before = world.with(|inner| {
            if gone {
                inner.standing.clear();
            }
            inner.looks
        });
        let done = crate::walk(&stack, &mut plan, &doing).await.unwrap();
        assert_eq!((world.with(|inner| inner.looks) - before, done.len()), (looks, deleted), "{waited} s, {gone}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_plan_has_just_seen_is_looked_at_before_it_is_replaced() {
    let world = World::default();
    up(&[world.toy(1, &[])]).await.unwrap();
    let (stack, doing) = (stack_of(&[Toy { fixed: true, value: 2, ..world.toy(1, &[]) }]), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await.unwrap();
    // Somebody has put it right meanwhile.
    world.with(|inner| inner.standing.get_mut(&1).unwrap().0 = 2);
    assert!(walk(&stack, &mut forecast, &doing).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_would_now_replace_what_the_plan_did_not_stops() {
    let world = World::default();
    let first = [world.toy(1, &[]), world.toy(2, &[])];
    up(&first).await.unwrap();
    let toys = [Toy { value: 2, ..world.toy(1, &[]) }, Toy { fixed: true, needs: vec![1], ..world.toy(2, &[]) }];
    let (stack, doing) = (stack_of(&toys), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await.unwrap();
    world.with(|inner| inner.standing.get_mut(&2).unwrap().0 = 7);
    let error = walk(&stack, &mut forecast, &doing).await.unwrap_err();
    assert_eq!(error.to_string(), "toy/2 would now be replaced, the plan said keep");
}

#[tokio::test(start_paused = true)]
async fn a_replaced_one_goes_and_is_made_again() {
    let world = World::default();
    up(&[world.toy(1, &[])]).await.unwrap();
    let done = up(&[Toy { fixed: true, value: 2, ..world.toy(1, &[]) }]).await.unwrap();
    assert_eq!(done, [(id(1), Verb::Replace)]);
    let log = world.with(|inner| inner.log.clone());
    assert!(position(&log, "delete 1") > position(&log, "create 1"));
}

#[tokio::test(start_paused = true)]
async fn one_step_can_go_before_all_others() {
    let world = World::default();
    let toys = [world.toy(1, &[]), world.toy(2, &[]), world.toy(3, &[1])];
    let (stack, doing) = (stack_of(&toys), Doing::quietly());
    let mut forecast = plan(&stack, &doing).await.unwrap();
    assert_eq!(walk_only(&stack, &mut forecast, &[id(1)], &doing).await.unwrap(), [(id(1), Verb::Create)]);
    assert_eq!(forecast.changes().count(), 2);
    assert_eq!(walk(&stack, &mut forecast, &doing).await.unwrap().len(), 2);
    assert!(forecast.is_empty());
}

/// A31
#[tokio::test(start_paused = true)]
async fn what_finishes_is_left_out_of_the_first_walk_and_done_by_the_second() {
    let world = World::default();
    let mut stack = stack_of(&[world.toy(1, &[]), world.toy(2, &[1])]);
    stack.add_finishing(world.toy(0, &[]));
    let doing = Doing::quietly();
    let mut forecast = plan(&stack, &doing).await.unwrap();
    let first = walk_unfinished(&stack, &mut forecast, &doing).await.unwrap();
    assert_eq!(first, [(id(1), Verb::Create), (id(2), Verb::Create)]);
    assert_eq!(forecast.changes().map(|step| step.id.clone()).collect::<Vec<_>>(), [id(0)]);
    assert_eq!(walk(&stack, &mut forecast, &doing).await.unwrap(), [(id(0), Verb::Create)]);
}

#[tokio::test(start_paused = true)]
async fn what_finishes_and_is_kept_stays_so_whatever_the_walk_before_it_learned() {
    let world = World::default();
    up(&[world.toy(1, &[]), world.toy(2, &[1])]).await.unwrap();
    let mut stack = stack_of(&[Toy { value: 2, ..world.toy(1, &[]) }]);
    stack.add_finishing(world.toy(2, &[1]));
    let doing = Doing::quietly();
    let mut forecast = plan(&stack, &doing).await.unwrap();
    walk_unfinished(&stack, &mut forecast, &doing).await.unwrap();
    assert!(forecast.is_empty(), "so the lease goes back: {:?}", forecast.counts());
    // Another one's, from here on.
    world.with(|inner| {
        inner.looks = 0;
        inner.standing.get_mut(&2).unwrap().0 = 7;
    });
    assert_eq!(walk(&stack, &mut forecast, &doing).await.unwrap(), []);
    assert_eq!(world.with(|inner| (inner.looks, inner.standing[&2].0)), (0, 7));
}

#[tokio::test(start_paused = true)]
async fn down_removes_what_stands_on_others_first_and_keeps_what_shall_be_kept() {
    for seed in 0..SEEDS {
        let world = World::default();
        let toys = Seed(seed).toys(&world);
        up(&toys).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        // One is gone already, one shall stay.
        let gone = world.with(|inner| inner.standing.pop_last()).map(|(n, _)| n);
        let keep = BTreeSet::from([id(0)]);
        let (stack, doing) = (stack_of(&toys), Doing::quietly());
        let mut forecast = plan_down(&stack, &keep, &doing).await.unwrap();
        walk(&stack, &mut forecast, &doing).await.unwrap();
        let (log, standing) =
            world.with(|inner| (inner.log.clone(), inner.standing.keys().copied().collect::<Vec<_>>()));
        assert_eq!(standing, [0], "seed {seed}");
        for toy in toys.iter().filter(|toy| Some(toy.n) != gone) {
            for need in toy.needs.iter().filter(|need| **need != 0) {
                assert!(
                    position(&log, &format!("delete {}", toy.n)) < position(&log, &format!("delete {need}")),
                    "seed {seed}"
                );
            }
        }
    }
}
