//! The graph as a whole.
use super::*;
use crate::aws::LocalEndpoint;
use ground::tests::{ground, stage};

async fn aws() -> Aws {
    ground().await.aws
}

#[tokio::test]
async fn the_chat_is_these_resources() {
    let ids: Vec<String> = chat(&aws().await, &stage(), &Packages::new(), 0).ids().map(ToString::to_string).collect();
    assert_eq!(ids.len(), 3 + 1 + 2 + 2 + 2 + 6 * 4 + 4 + 1 + 1 + 2 + 1, "{ids:?}");
    for id in ["table/stage", "records/stage", "permission/serve-page", "mapping/queue", "stack/operations"] {
        assert!(ids.iter().any(|one| one == id), "{id}");
    }
}

#[tokio::test]
async fn log_groups_and_roles_stand_under_their_functions() {
    let edges = chat(&aws().await, &stage(), &Packages::new(), 0).edges();
    for part in Part::ALL {
        for under in [role::id(part.name()), log_group::id(part.name())] {
            let edge = reconcile::Edge { from: function::id(part.name()), on: under };
            assert!(edges.contains(&edge), "{edge:?}");
        }
    }
}

#[test]
fn what_is_data_is_exactly_the_tables_and_the_secrets() {
    let kept: Vec<String> = data().iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["parameter/room-key", "parameter/vapid-key", "table/clients", "table/messages", "table/stage"]);
}

/// A31
#[tokio::test]
async fn a31_rights_are_taken_away_when_all_the_rest_is_done() {
    let stack = chat(&aws().await, &stage(), &Packages::new(), 0);
    for id in stack.ids() {
        assert_eq!(stack.finishes(id), ["rights", "visibility"].contains(&id.kind()), "{id}");
    }
}

/// The whole deployment before any of it is there, at a cloud that is not there: the error says which call.
#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_answer_is_named_by_service_and_call() {
    let local = LocalEndpoint {
        endpoint: "http://127.0.0.1:1".into(),
        account: "000000000000".into(),
        access_key: "a".into(),
        secret_key: "b".into(),
    };
    let aws = Aws::open(&stage(), Some(&local)).await.unwrap();
    let stack = chat(&aws, &stage(), &Packages::new(), 0);
    let error = reconcile::plan(&stack, &reconcile::Doing::quietly()).await.err().unwrap();
    assert!(error.to_string().starts_with("cannot read"), "{error}");
    assert!(error.why().is_some_and(|why| why.contains("was not answered")), "{:?}", error.why());
}
