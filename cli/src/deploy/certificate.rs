//! The certificate at the end of a removal: every service is read back, and says what is left and what was kept.
//! Must not know how anything is removed.

use std::collections::BTreeSet;
use std::time::Duration;

use reconcile::{Facts, Id, Visit};

use super::Deploying;
use crate::event::{CertifiedKind, Event};
use crate::failure::{Exit, Failure};
use crate::stack::{self, ReadBack};
use crate::stage::Target;

/// How long a service may still list what it has deleted (A14, A21).
const FORGOTTEN: Duration = Duration::from_secs(30);

/// Reads back every service; tells the certificate and what was kept. What was `removed` may be listed a little longer;
/// anything else that is left, and a kind that could
/// not be looked at, is a failure.
pub(super) async fn certify(
    cx: &Deploying,
    removed: &[String],
    keep: &BTreeSet<Id>,
    delete_data: bool,
) -> Result<Vec<String>, Failure> {
    let visit = Visit::alone(Id::new("stage", &cx.stage.name), Facts::default());
    let look = || async {
        let kinds = kinds(stack::read_back(&cx.aws, &cx.stage).await, keep);
        let lingers = kinds.iter().flat_map(|kind| &kind.kind.left).any(|id| removed.contains(id));
        Ok((!lingers).then_some(kinds))
    };
    let kinds = match visit.settle("what was removed to be listed no more", FORGOTTEN, look).await {
        Ok(kinds) => kinds,
        Err(_) => kinds(stack::read_back(&cx.aws, &cx.stage).await, keep),
    };
    let kept: Vec<String> = kinds.iter().flat_map(|kind| kind.kind.kept.clone()).collect();
    for id in &kept {
        (cx.tell)(Event::Kept { id: id.clone(), because: because(id).to_owned() });
    }
    (cx.tell)(Event::Certificate {
        stage: cx.stage.name.clone(),
        kinds: kinds.iter().map(|kind| kind.kind.clone()).collect(),
        also: bootstrap(cx).await.into_iter().chain(also(cx.stage.target, delete_data)).collect(),
    });
    verdict(cx, &kinds)?;
    Ok(kept)
}

/// One kind, and whether it was denied to us.
struct Kind {
    kind: CertifiedKind,
    denied: bool,
}

fn kinds(read: Vec<ReadBack>, keep: &BTreeSet<Id>) -> Vec<Kind> {
    let names = |ids: Vec<Id>| ids.iter().map(ToString::to_string).collect();
    let kind = |ReadBack { kind, looked_at, ours }| {
        let kind = kind.to_owned();
        match ours {
            Ok(ours) => {
                let (kept, left) = ours.into_iter().partition(|id| keep.contains(id));
                let kind = CertifiedKind { kind, looked_at, left: names(left), kept: names(kept), unseen: None };
                Kind { kind, denied: false }
            }
            Err(fault) => {
                let unseen = Some(fault.to_string());
                let kind = CertifiedKind { kind, looked_at, left: Vec::new(), kept: Vec::new(), unseen };
                Kind { kind, denied: fault.is_denied() }
            }
        }
    };
    read.into_iter().map(kind).collect()
}

/// What no removal reaches.
fn also(target: Target, delete_data: bool) -> Vec<String> {
    if target == Target::Local {
        return Vec::new();
    }
    let mut also =
        vec!["CloudWatch keeps the metrics of what is gone for up to 15 months; they cost nothing".to_owned()];
    if delete_data {
        also.push("DynamoDB keeps a system backup of a table with point-in-time recovery for 35 days".to_owned());
    }
    also
}

/// The administrator's part: it outlives the stages that come and go under it.
async fn bootstrap(cx: &Deploying) -> Option<String> {
    let name = cx.stage.names().stack("bootstrap");
    match stack::bootstrap_left(&cx.aws, &cx.stage).await {
        Ok(None) => None,
        Ok(Some(stack)) => Some(format!(
            "the stack {stack} stays, with the deployer's policy and the boundary; an administrator can remove it: \
             aws cloudformation delete-stack --stack-name {stack}"
        )),
        // A cloud without stacks has not got it either.
        Err(error) if error.is_not_offered() => None,
        Err(_) => Some(format!("whether the stack {name} of bootstrap is there could not be seen")),
    }
}

fn verdict(cx: &Deploying, kinds: &[Kind]) -> Result<(), Failure> {
    let left: Vec<&str> = kinds.iter().flat_map(|kind| kind.kind.left.iter().map(String::as_str)).collect();
    let unseen: Vec<String> =
        kinds.iter().filter_map(|kind| Some(format!("{}: {}", kind.kind.kind, kind.kind.unseen.as_ref()?))).collect();
    let stage = &cx.stage.name;
    let (exit, error, why) = if !left.is_empty() {
        (Exit::Failed, format!("stage {stage} is down, but {} of its resources are left", left.len()), left.join(", "))
    } else if !unseen.is_empty() {
        let exit = if kinds.iter().any(|kind| kind.denied) { Exit::Denied } else { Exit::Failed };
        (exit, format!("stage {stage} is down as far as can be seen, but not everything can be"), unseen.join("; "))
    } else {
        return Ok(());
    };
    Err(Failure::new(exit, error).why(why).next(cx.command.clone()))
}

/// Why it is kept.
fn because(id: &str) -> &'static str {
    match id.split_once('/').unwrap_or((id, "")) {
        ("table", "messages") => "the messages",
        ("table", "clients") => "who is told of them",
        ("table", "stage") => "the rooms and the history of deploys",
        ("parameter", stack::ROOM_KEY) => "without it no kept room can be opened again",
        ("parameter", stack::VAPID_KEY) => "without it no kept subscription can be told",
        _ => "it holds data of this stage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_kept_says_why() {
        for id in stack::data() {
            assert_ne!(because(id.as_str()), because("table/of-another-day"), "{id}");
        }
    }

    #[test]
    fn what_is_kept_is_told_from_what_is_left_and_from_what_could_not_be_seen() {
        let keep = BTreeSet::from([Id::new("table", "stage")]);
        let read = vec![
            ReadBack { kind: "table", looked_at: 3, ours: Ok(vec![Id::new("table", "stage"), Id::new("table", "x")]) },
            ReadBack { kind: "role", looked_at: 0, ours: Err(reconcile::Fault::new("no").denied(true)) },
        ];
        let kinds = kinds(read, &keep);
        assert_eq!(
            (&kinds[0].kind.kept[..], &kinds[0].kind.left[..]),
            (&["table/stage".into()][..], &["table/x".into()][..])
        );
        assert_eq!((kinds[1].kind.unseen.as_deref(), kinds[1].denied), (Some("no"), true));
    }

    #[test]
    fn on_aws_the_backup_of_deleted_tables_and_old_metrics_are_named() {
        assert_eq!(also(Target::Local, true), Vec::<String>::new());
        assert_eq!(also(Target::Aws, false).len(), 1);
        assert!(also(Target::Aws, true)[1].contains("35 days"));
    }
}
