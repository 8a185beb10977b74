//! Who is asked has seen what would be done: the whole plan, with its reasons, before the question; and that it is carried
//! out is told after the answer.

use std::sync::atomic::{AtomicU32, Ordering};

use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, DownOptions, RollbackOptions, UpOptions};
use chatctl::event::{Act, Event, PlannedStep};
use chatctl::failure::Failure;

use crate::sky::{Sky, in_paused_time};
use crate::traps::standing;

/// What was shown before the question. Nothing of it has begun.
fn shown(sky: &Sky) -> Vec<PlannedStep> {
    let mut told = std::mem::take(&mut *sky.told.lock().unwrap());
    let begun = |event: &Event| matches!(event, Event::Planned { .. } | Event::StepStarted { .. });
    assert!(!told.iter().any(begun), "{told:#?}");
    let at = told.iter().position(|event| matches!(event, Event::Forecast { .. })).expect("the plan is shown");
    let Event::Forecast { place, steps } = told.remove(at) else { unreachable!("it was just found") };
    assert_eq!((place.stage.as_str(), place.account.as_str()), ("dev", "000000000000"));
    steps.into_iter().filter(|step| step.change != Act::Keep).collect()
}

fn said_no() -> Failure {
    Failure::failed("nothing was changed").why("it said no")
}

#[test]
fn an_up_that_asks_shows_its_plan_and_its_reasons_first() {
    in_paused_time(async {
        let mut sky = standing().await;
        (sky.code, sky.stage.contact) = ("two", Some("mailto:somebody@example.com".into()));
        sky.told.lock().unwrap().clear();
        let confirm = |_: &str| {
            let steps = shown(&sky);
            assert_eq!(steps.len(), 6, "{steps:#?}");
            let notifier = steps.iter().find(|step| step.id == "function/notify-clients").unwrap();
            assert!(notifier.fields.len() == 2 && notifier.fields.iter().all(|field| field.why.is_some()));
            Ok(())
        };
        let options = UpOptions { prove: false, confirm: &confirm, asks: true };
        deploy::up(&sky.deploying(&Faults::none(), "up"), options).await.unwrap();
        let told = sky.told.lock().unwrap();
        assert!(matches!(told[0], Event::Planned { .. }), "{told:#?}");
    });
}

#[test]
fn a_rollback_and_a_down_that_ask_show_their_plans_first_and_a_no_leaves_all_as_it_is() {
    in_paused_time(async {
        let mut sky = standing().await;
        sky.code = "two";
        sky.up(&Faults::none()).await.unwrap().unwrap();
        sky.told.lock().unwrap().clear();
        let asked = AtomicU32::new(0);
        let confirm = |_: &str| {
            let (steps, number) = (shown(&sky), asked.fetch_add(1, Ordering::Relaxed));
            let act = if number == 0 { Act::Update } else { Act::Delete };
            assert!(steps.len() >= 6 && steps.iter().all(|step| step.change == act), "{steps:#?}");
            Err(said_no())
        };
        let back = RollbackOptions { to: Some(1), prove: false, confirm: &confirm, asks: true };
        let failed = deploy::rollback(&sky.deploying(&Faults::none(), "rollback"), back).await.unwrap_err();
        assert_eq!(failed.why, said_no().why, "{failed:?}");
        let down = DownOptions { delete_data: true, confirm: &confirm, asks: true };
        let failed = deploy::down(&sky.deploying(&Faults::none(), "down"), down).await.unwrap_err();
        assert_eq!(failed.why, said_no().why, "{failed:?}");
        assert_eq!((asked.into_inner(), sky.told.lock().unwrap().len()), (2, 0), "asked twice, and nothing begun");
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let told = sky.told.lock().unwrap();
        assert!(told.iter().any(|event| matches!(event, Event::NothingToChange { .. })), "{told:#?}");
    });
}
