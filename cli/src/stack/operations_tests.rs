//! The operations stack: every state with its way out, what makes it differ, and its template.
use super::*;
use crate::stack::{ground::tests::ground, visiting};

async fn operations() -> Operations {
    Operations::new(Arc::new(ground().await), false)
}

fn seen(of: &Operations, status: &str) -> Seen {
    let parameters = of.parameters().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Seen::There { status: status.to_owned(), digest: Some(digest_of(TEMPLATE)), parameters }
}

/// A16, A30: every state that CloudFormation documents, and what an `up` does with it.
#[tokio::test]
async fn a16_a30_each_state_of_a_stack_has_its_way_out() {
    let operations = operations().await;
    let remade = |status: &str| Change::Replace(Field::new("state", status.to_owned(), "CREATE_COMPLETE".to_owned()));
    for (status, change, says) in [
        ("CREATE_COMPLETE", Change::Keep, None),
        ("UPDATE_COMPLETE", Change::Keep, None),
        ("UPDATE_ROLLBACK_COMPLETE", Change::Keep, Some("put back")),
        ("UPDATE_FAILED", Change::Keep, None),
        ("CREATE_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("UPDATE_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("UPDATE_ROLLBACK_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("ROLLBACK_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("DELETE_IN_PROGRESS", Change::Keep, Some("still being worked on")),
        ("ROLLBACK_COMPLETE", remade("ROLLBACK_COMPLETE"), Some("makes it again")),
        ("ROLLBACK_FAILED", remade("ROLLBACK_FAILED"), Some("makes it again")),
        ("CREATE_FAILED", remade("CREATE_FAILED"), Some("makes it again")),
        ("REVIEW_IN_PROGRESS", remade("REVIEW_IN_PROGRESS"), Some("makes it again")),
        ("UPDATE_ROLLBACK_FAILED", remade("UPDATE_ROLLBACK_FAILED"), Some("makes it again")),
        ("DELETE_FAILED", remade("DELETE_FAILED"), Some("makes it again")),
        ("DELETE_COMPLETE", Change::Create, None),
    ] {
        assert_eq!(visiting(&operations, Some(seen(&operations, status))), change, "{status}");
        let words = said(status, "chatctl up");
        assert_eq!(words.is_some(), says.is_some(), "{status}: {words:?}");
        assert!(says.is_none_or(|says| words.is_some_and(|words| words.contains(says) && words.contains(status))));
    }
    assert_eq!(visiting(&operations, None), Change::Create);
    assert_eq!(visiting(&operations, Some(Seen::NotOffered)), Change::Keep);
}

#[tokio::test]
async fn a_stack_differs_by_its_template_and_by_what_it_is_filled_in_with() {
    let operations = operations().await;
    let Seen::There { status, parameters, .. } = seen(&operations, "CREATE_COMPLETE") else { panic!("it is there") };
    let older = Seen::There { status: status.clone(), digest: None, parameters: parameters.clone() };
    let template = Field::new("template", None, digest_of(TEMPLATE));
    assert_eq!(visiting(&operations, Some(older)), Change::Update(vec![template]));
    let mut by_hand = parameters;
    by_hand.insert("Queue".into(), "other".into());
    by_hand.insert(TOPIC.into(), "arn:aws:sns:us-east-1:000000000000:me".into());
    let other = Seen::There { status, digest: Some(digest_of(TEMPLATE)), parameters: by_hand };
    let queue = Field::new("Queue", "other".to_owned(), "chat-dev-new-messages".to_owned());
    assert_eq!(visiting(&operations, Some(other)), Change::Update(vec![queue]), "the topic is whoever's");
}

#[test]
fn the_template_fits_into_a_call_and_names_every_function() {
    assert!(TEMPLATE.len() < 51_200);
    for function in chat_aws::routes::Function::ALL {
        for alarm in ["errors", "throttles"] {
            assert!(TEMPLATE.contains(&format!("'${{Prefix}}-{}-{alarm}'", function.name())), "{function:?}");
        }
    }
}
