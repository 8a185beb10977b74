//! What is said when a command fails, whichever of its calls it was: why, and what to type next.

use chatctl::aws::faults::{Fault, Faults};
use chatctl::deploy::{self, DownOptions, RollbackOptions, UpOptions};
use chatctl::failure::{Exit, Failure};
use localcloud::Weather;

use crate::answers::{first, json_error};
use crate::sky::{Sky, in_paused_time};

/// Every command that looks at or changes a whole stage.
#[derive(Clone, Copy, Debug)]
enum Command {
    Plan,
    History,
    FirstUp,
    Update,
    Rollback,
    Down,
    Bootstrap,
}

impl Command {
    const ALL: [Self; 7] =
        [Self::Plan, Self::History, Self::FirstUp, Self::Update, Self::Rollback, Self::Down, Self::Bootstrap];

    fn typed(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::History => "history",
            Self::FirstUp | Self::Update => "up",
            Self::Rollback => "rollback 1",
            Self::Down => "down",
            Self::Bootstrap => "bootstrap",
        }
    }

    async fn prepare(self) -> Sky {
        let mut sky = Sky::empty();
        sky.cloud.turn(Weather::fair());
        if !matches!(self, Self::FirstUp | Self::Bootstrap) {
            Box::pin(sky.up(&Faults::none())).await.unwrap().unwrap();
            sky.code = "two";
        }
        if matches!(self, Self::Rollback) {
            Box::pin(sky.up(&Faults::none())).await.unwrap().unwrap();
        }
        sky
    }

    async fn run(self, sky: &Sky, faults: &Faults) -> Result<(), Failure> {
        let (cx, confirm) = (sky.deploying(faults, self.typed()), &|_: &str| Ok(()));
        match self {
            Self::Plan => deploy::plan(&cx).await.map(drop),
            Self::History => deploy::history(&cx, 10).await.map(drop),
            Self::FirstUp | Self::Update => {
                deploy::up(&cx, UpOptions { prove: false, confirm, asks: true }).await.map(drop)
            }
            Self::Rollback => {
                deploy::rollback(&cx, RollbackOptions { to: Some(1), prove: false, confirm, asks: false })
                    .await
                    .map(drop)
            }
            Self::Down => deploy::down(&cx, DownOptions { delete_data: true, confirm, asks: false }).await.map(drop),
            Self::Bootstrap => deploy::bootstrap(&cx, confirm).await.map(drop),
        }
    }
}

/// What becomes of every call from one of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It may not be made; that one alone.
    Refused,
    /// The credentials have run out.
    Expired,
    /// The service fails inside, or cannot be reached.
    Broken,
}

/// The command from its `n`-th call on in this trouble.
async fn ends(command: Command, n: usize, trouble: Trouble) -> Result<(), Failure> {
    let sky = command.prepare().await;
    if trouble == Trouble::Refused {
        return command.run(&sky, &Faults::at(n, Fault::Refused)).await;
    }
    let met = std::sync::atomic::AtomicUsize::new(0);
    sky.wire.answers(move |request| {
        let on = met.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 >= n;
        on.then(|| answer(trouble, request.contains("Action=")))
    });
    command.run(&sky, &Faults::none()).await
}

fn answer(trouble: Trouble, in_xml: bool) -> (u16, String) {
    let (status, code) = if trouble == Trouble::Expired { (403, "ExpiredToken") } else { (500, "InternalFailure") };
    let body = match in_xml {
        true => format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"),
        false => serde_json::json!({ "__type": code, "message": "no" }).to_string(),
    };
    (status, body)
}

/// What is not said of this command's failures, whichever call fails.
fn unsaid(command: Command) -> Vec<String> {
    let calls = in_paused_time(async {
        let (sky, faults) = (command.prepare().await, Faults::none());
        command.run(&sky, &faults).await.unwrap();
        faults.calls()
    });
    let mut unsaid = Vec::new();
    // The first and the last calls are of one kind each; of the many between them some are enough.
    let some = (1..=calls.len()).filter(|n| *n <= 3 || n % 11 == 0 || calls.len() - n < 6);
    for (n, trouble) in some.flat_map(|n| [Trouble::Refused, Trouble::Expired, Trouble::Broken].map(|it| (n, it))) {
        let Err(failure) = in_paused_time(ends(command, n, trouble)) else { continue };
        let typed = format!("chatctl {}", command.typed());
        let goes_on = failure.next.iter().any(|next| next.contains(&typed));
        let lost = trouble == Trouble::Expired && (failure.exit != Exit::Denied || !goes_on);
        if lost || failure.why.is_none() || failure.next.is_empty() {
            unsaid.push(format!("{command:?}, call {n} ({}) {trouble:?}: {failure:?}", calls[n - 1]));
        }
    }
    unsaid
}

/// A15: what is done stays, and the proof is owed.
#[test]
fn a15_credentials_that_end_before_the_proof_are_no_failed_proof() {
    in_paused_time(async {
        let sky = Sky::empty();
        let ended = json_error(400, "ExpiredTokenException", "expired");
        sky.wire.answers(first(usize::MAX, &["PutItem", "proof-"], ended));
        let failed = sky.up_unproven(&Faults::none()).await.unwrap().unwrap_err();
        assert_eq!(failed.exit, Exit::Denied, "{failed:?}");
        assert!(failed.why.as_deref().unwrap_or_default().contains("ExpiredTokenException"), "{failed:?}");
        assert!(failed.next[0].starts_with("aws sso login"), "{failed:?}");
        assert!(failed.next.last().unwrap().starts_with("chatctl up"), "{failed:?}");
    });
}

#[test]
fn whichever_call_fails_the_command_says_why_and_what_to_type_next() {
    std::thread::scope(|scope| {
        let each = Command::ALL.map(|command| scope.spawn(move || unsaid(command)));
        let unsaid: Vec<String> = each.into_iter().flat_map(|one| one.join().unwrap()).collect();
        assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
    });
}
