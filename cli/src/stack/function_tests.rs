//! What a function differs in.
use super::*;
use crate::stack::{
    ground::tests::{ground, stage},
    role, settings, visiting_with,
};
use reconcile::Facts;

async fn function(part: Part) -> Function {
    let ground = Arc::new(ground().await);
    let environment = settings::environment(part, &ground, &stage());
    let package = Package::of("c2hh", "x86_64", bytes::Bytes::from_static(b"zip"));
    Function { ground, part, package: Some(package), environment, needs: Vec::new(), aim: Aim::Whole }
}

fn facts() -> Facts {
    let facts = Facts::default();
    facts.learn(&role::id("serve-page"), role::ROLE_ID, "AROA1".into());
    facts.learn(&Id::new("parameter", "vapid-key"), "public", "BKey".into());
    facts
}

fn live() -> Configuration {
    Configuration {
        version: "3".into(),
        sha256: "c2hh".into(),
        role: "arn:aws:iam::000000000000:role/chat-dev-serve-page-us-east-1".into(),
        timeout: 10,
        memory: 256,
        architecture: "x86_64".into(),
        environment: BTreeMap::from([
            ("CHAT_VERSION".into(), crate::VERSION.into()),
            ("CHAT_ROLE_ID".into(), "AROA1".into()),
            ("CHAT_VAPID_PUBLIC".into(), "BKey".into()),
        ]),
    }
}

fn field(name: &str, before: &str, after: &str) -> Field {
    Field::new(name, before.to_owned(), after.to_owned())
}

#[tokio::test]
async fn a_function_differs_by_code_settings_and_what_its_alias_points_to() {
    let function = function(Part::ServePage).await;
    let seen = |live| Some(Seen { live, loops: None });
    let mut strange = live();
    strange.environment.insert("DEBUG".into(), "1".into());
    for (seen, change) in [
        (None, Change::Create),
        (seen(Some(live())), Change::Keep),
        (seen(None), Change::Update(vec![Field::new("alias", None, "live".to_owned())])),
        (
            seen(Some(Configuration { sha256: "b2xk".into(), memory: 128, ..live() })),
            Change::Update(vec![field("code", "b2xk", "c2hh"), field("memory", "128 MB", "256 MB")]),
        ),
        (seen(Some(strange)), Change::Update(vec![Field::new("variable DEBUG", "1".to_owned(), None)])),
    ] {
        assert_eq!(visiting_with(&function, seen, facts()), change);
    }
}

/// A1
#[tokio::test]
async fn a1_a_role_made_again_under_its_name_is_given_to_its_function_again() {
    let function = function(Part::ServePage).await;
    let facts = facts();
    facts.learn(&role::id("serve-page"), role::ROLE_ID, "AROA2".into());
    let seen = Seen { live: Some(live()), loops: None };
    let change = visiting_with(&function, Some(seen), facts);
    assert_eq!(change, Change::Update(vec![field("variable CHAT_ROLE_ID", "AROA1", "AROA2")]));
}

/// A25
#[tokio::test]
async fn a25_the_notifier_may_loop_and_nobody_else_is_asked() {
    let facts = Facts::default();
    facts.learn(&role::id("notify-clients"), role::ROLE_ID, "AROA1".into());
    facts.learn(&role::id("serve-page"), role::ROLE_ID, "AROA1".into());
    let loops = |change: Change| change.fields().iter().find(|field| field.name == LOOPS).cloned();
    let stopped = || Some(Seen { live: None, loops: Some(RecursiveLoop::Terminate) });
    let allowed = || Some(Seen { live: None, loops: Some(RecursiveLoop::Allow) });
    let not_offered = || Some(Seen { live: None, loops: None });
    let notifier = function(Part::NotifyClients).await;
    assert_eq!(
        loops(visiting_with(&notifier, stopped(), facts.clone())),
        Some(field("recursive loops", "Terminate", "Allow"))
    );
    for seen in [allowed(), not_offered()] {
        assert_eq!(loops(visiting_with(&notifier, seen, facts.clone())), None);
    }
    assert_eq!(loops(visiting_with(&function(Part::ServePage).await, stopped(), facts)), None);
}

#[tokio::test]
async fn a_value_that_is_not_known_yet_counts_as_different() {
    let function = function(Part::ServePage).await;
    let facts = Facts::default();
    facts.learn(&role::id("serve-page"), role::ROLE_ID, "AROA1".into());
    let seen = Seen { live: Some(live()), loops: None };
    let change = visiting_with(&function, Some(seen), facts);
    assert_eq!(change, Change::Update(vec![Field::new("variable CHAT_VAPID_PUBLIC", "BKey".to_owned(), None)]));
}

#[tokio::test]
async fn a_queue_that_is_made_again_has_its_address_again_so_nothing_is_forecast_that_will_not_be() {
    let function = function(Part::ForwardMessages).await;
    let facts = Facts::default();
    facts.learn(&role::id("forward-messages"), role::ROLE_ID, "AROA1".into());
    let queue = ("CHAT_QUEUE_URL", "http://127.0.0.1:9/0/chat-dev-new-messages");
    let environment = [("CHAT_VERSION", crate::VERSION), ("CHAT_ROLE_ID", "AROA1"), queue];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let role = "arn:aws:iam::000000000000:role/chat-dev-forward-messages-us-east-1".into();
    let live = Configuration { environment, role, ..live() };
    let seen = Seen { live: Some(live), loops: None };
    assert_eq!(visiting_with(&function, Some(seen), facts), Change::Keep);
}

#[tokio::test]
async fn without_a_build_the_code_is_as_wanted() {
    let function = Function { package: None, ..function(Part::ServePage).await };
    let live = Configuration { sha256: "b2xk".into(), ..live() };
    let seen = Seen { live: Some(live), loops: None };
    assert_eq!(visiting_with(&function, Some(seen), facts()), Change::Keep);
}

/// A2
#[test]
fn a2_only_the_messages_of_a_new_role_are_waited_out() {
    let error = |code: &str, message: &str| CallError {
        service: SERVICE,
        call: "CreateFunction",
        resource: String::new(),
        code: Some(code.into()),
        message: message.into(),
        request_id: None,
        kind: crate::aws::Kind::Refused,
    };
    let invalid = "InvalidParameterValueException";
    for (message, passes) in [
        ("The role defined for the function cannot be assumed by Lambda.", true),
        ("The provided execution role does not have permissions to call ReceiveMessage on SQS", true),
        ("Please ensure the role can perform the GetRecords action", true),
        ("Lambda was unable to configure access: the KMS key is invalid for CreateGrant. Please check", true),
        ("Unzipped size must be smaller than 262144000 bytes", false),
    ] {
        assert_eq!(writes::is_new_role(&error(invalid, message)), passes, "{message}");
    }
    assert!(!writes::is_new_role(&error("AccessDeniedException", "cannot be assumed")));
}

#[tokio::test]
async fn what_is_saved_is_code_alone_and_a_way_back_is_a_version_alone() {
    let other = Configuration { sha256: "b2xk".into(), memory: 128, ..live() };
    let seen = |live: &Configuration| Some(Seen { live: Some(live.clone()), loops: None });
    let saved = Function { aim: Aim::Code, ..function(Part::ServePage).await };
    let code = Change::Update(vec![field("code", "b2xk", "c2hh")]);
    assert_eq!(visiting_with(&saved, seen(&other), Facts::default()), code);
    assert_eq!(visiting_with(&saved, seen(&live()), Facts::default()), Change::Keep);

    let aim = |number: &str| Aim::Version(Version { number: number.into(), sha256: "b2xk".into() });
    let back = Function { aim: aim("2"), ..function(Part::ServePage).await };
    let version = Change::Update(vec![field("version", "3", "2")]);
    assert_eq!(visiting_with(&back, seen(&live()), facts()), version);
    let there = Function { aim: aim("3"), ..function(Part::ServePage).await };
    assert_eq!(visiting_with(&there, seen(&other), facts()), Change::Keep);
}
