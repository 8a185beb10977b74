//! The stacks beside the message's way: the operations stack with the life of a stage, `bootstrap`, and every state of
//! A16 and A30 that the local cloud can bring a stack into, each with its way out. All other states stand in a table in
//! `cli/src/stack/operations.rs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::{World, http, one};

const OPERATIONS: &str = "chat-dev-operations";
const TAGS: &str = "Tags.member.1.Key=chatctl:project&Tags.member.1.Value=chat&Tags.member.2.Key=chatctl:stage&Tags.member.2.Value=dev";
const TRUST: &str = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
const ALLOW: &str = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGet%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
/// A stack of one policy, which a role can hold so that it cannot be deleted.
const HELD: &str = "Resources%3A%20%7BLimit%3A%20%7BType%3A%20%27AWS%3A%3AIAM%3A%3AManagedPolicy%27%2C%20Properties%3A%20%7BManagedPolicyName%3A%20limit%2C%20PolicyDocument%3A%20%7BStatement%3A%20%5B%7BEffect%3A%20Allow%2C%20Action%3A%20%27s3%3AGet%27%2C%20Resource%3A%20%27%2A%27%7D%5D%7D%7D%7D%7D";

/// A call of the query protocol, by hand: whether it succeeded, and the answer.
fn ask(world: &World, service: &str, form: &str) -> (bool, String) {
    let identity = std::fs::read(world.state().join("cloud.json")).unwrap();
    let identity: Value = serde_json::from_slice(&identity).unwrap();
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0",
        identity["access_key"].as_str().unwrap()
    );
    let headers = [("authorization", signed.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let (status, body) = http(identity["endpoint"].as_str().unwrap(), "POST", "/", &headers, form);
    (status == 200, body)
}

fn done(world: &World, service: &str, form: &str) -> String {
    let (done, answer) = ask(world, service, form);
    assert!(done, "{form}: {answer}");
    answer
}

/// The texts of an element.
fn texts(answer: &str, element: &str) -> BTreeSet<String> {
    let start = format!("<{element}>");
    answer.split(&start).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// The state of a stack, if it is there.
fn state(world: &World, stack: &str) -> Option<String> {
    let (_, answer) = ask(world, "cloudformation", &format!("Action=DescribeStacks&StackName={stack}"));
    texts(&answer, "StackStatus").into_iter().next()
}

fn alarms(world: &World) -> BTreeSet<String> {
    texts(&done(world, "monitoring", "Action=DescribeAlarms"), "AlarmName")
}

fn warnings(events: &[Value]) -> Vec<&str> {
    let warnings = events.iter().filter(|event| event["event"] == "warning");
    warnings.filter_map(|event| event["what"].as_str()).collect()
}

/// The change of one step of a plan.
fn step<'a>(planned: &'a Value, id: &str) -> &'a Value {
    planned["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap_or(&Value::Null)
}

#[test]
fn the_operations_stack_is_there_after_an_up_and_gone_after_a_down() {
    let world = World::empty();
    let first = world.succeeds(["up"]);
    let told = one(&first, "operations");
    assert_eq!((&told["stack"], &told["state"]), (&OPERATIONS.into(), &"CREATE_COMPLETE".into()));
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("CREATE_COMPLETE"));
    let names = alarms(&world);
    assert_eq!(names.len(), 15, "{names:?}");
    assert!(names.contains("chat-dev-dead-letters") && names.contains("chat-dev-store-message-errors"), "{names:?}");
    let described = done(&world, "monitoring", "Action=DescribeAlarms");
    assert_eq!(texts(&described, "StateValue"), BTreeSet::from(["OK".to_owned()]), "nothing is wrong with a new stage");
    let metrics = texts(&done(&world, "monitoring", "Action=ListMetrics&MetricName=Invocations"), "Value");
    assert!(metrics.contains("chat-dev-store-message"), "the proof was counted: {metrics:?}");
    assert_eq!(
        texts(&done(&world, "monitoring", "Action=ListDashboards"), "DashboardName"),
        ["chat-dev-us-east-1".to_owned()].into(),
        "dashboards are global in an account"
    );

    let again = world.succeeds(["up"]);
    assert_eq!(one(&again, "deployed")["changed"], 0);
    assert!(!again.iter().any(|event| event["event"] == "operations"), "{again:#?}");

    let down = world.succeeds(["down", "--yes"]);
    assert!(down.iter().any(|event| event["event"] == "step.done" && event["id"] == "stack/operations"), "{down:#?}");
    world.succeeds(["plan"]); // starts the cloud
    assert_eq!((state(&world, OPERATIONS), alarms(&world)), (None, BTreeSet::new()));
}

/// A16.
#[test]
fn a16_a_stack_whose_first_creation_failed_is_said_and_made_again_by_the_next_up() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let stranger = "Action=PutMetricAlarm&AlarmName=chat-dev-queue-age&Namespace=n&MetricName=m&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=1&ComparisonOperator=LessThanThreshold";
    done(&world, "monitoring", stranger);
    let failed = world.succeeds(["up", "--no-proof"]);
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("ROLLBACK_COMPLETE"));
    assert!(
        warnings(&failed).iter().any(|what| what.contains("ROLLBACK_COMPLETE") && what.contains("chatctl up")),
        "{failed:#?}"
    );
    assert_eq!(alarms(&world), ["chat-dev-queue-age".to_owned()].into(), "the stranger's is left alone");

    done(&world, "monitoring", "Action=DeleteAlarms&AlarmNames.member.1=chat-dev-queue-age");
    let planned = world.succeeds(["plan"]);
    assert_eq!(step(one(&planned, "forecast"), "stack/operations")["change"], "replace");
    let mended = world.succeeds(["up", "--no-proof"]);
    assert_eq!(one(&mended, "operations")["state"], "CREATE_COMPLETE");
    assert_eq!(alarms(&world).len(), 15);
}

/// A30: `REVIEW_IN_PROGRESS` and `UPDATE_ROLLBACK_FAILED`; A16: an update that changes nothing is success.
#[test]
fn a30_a_stack_in_review_and_one_that_could_not_be_put_back_are_made_again() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let change = format!(
        "Action=CreateChangeSet&ChangeSetType=CREATE&ChangeSetName=c&StackName={OPERATIONS}&TemplateBody={HELD}&Capabilities.member.1=CAPABILITY_NAMED_IAM&{TAGS}"
    );
    done(&world, "cloudformation", &change);
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("REVIEW_IN_PROGRESS"));
    world.succeeds(["up", "--no-proof"]);
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("CREATE_COMPLETE"));

    let by_hand = |queue: &str| {
        let given = |n: usize, key: &str, value: &str| {
            format!("Parameters.member.{n}.ParameterKey={key}&Parameters.member.{n}.ParameterValue={value}")
        };
        let given = [
            given(1, "Prefix", "chat-dev"),
            given(2, "Queue", queue),
            given(3, "DeadLetters", "chat-dev-dead-letters"),
        ];
        format!("Action=UpdateStack&StackName={OPERATIONS}&UsePreviousTemplate=true&{}", given.join("&"))
    };
    done(&world, "cloudformation", &by_hand("other"));
    let planned = world.succeeds(["plan"]);
    let drift = step(one(&planned, "forecast"), "stack/operations").clone();
    assert_eq!((&drift["change"], &drift["fields"][0]["name"]), (&"update".into(), &"Queue".into()), "{drift}");
    let mended = world.succeeds(["up", "--no-proof"]);
    assert_eq!(one(&mended, "operations")["state"], "UPDATE_COMPLETE");

    done(&world, "monitoring", "Action=DeleteAlarms&AlarmNames.member.1=chat-dev-queue-age");
    done(&world, "cloudformation", &by_hand("other"));
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("UPDATE_ROLLBACK_FAILED"));
    world.succeeds(["up", "--no-proof"]);
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(alarms(&world).len(), 15);
}

/// A30: `DELETE_FAILED`.
#[test]
fn a30_a_stack_that_cannot_be_deleted_is_named_with_what_is_left_and_the_next_down_tries_again() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let made = format!(
        "Action=CreateStack&StackName={OPERATIONS}&TemplateBody={HELD}&Capabilities.member.1=CAPABILITY_NAMED_IAM&{TAGS}"
    );
    done(&world, "cloudformation", &made);
    let role = format!(
        "Action=CreateRole&RoleName=holder&AssumeRolePolicyDocument={TRUST}&PermissionsBoundary=arn:aws:iam::000000000000:policy/limit"
    );
    done(&world, "iam", &role);
    let failed = world.fails(1, ["down", "--yes"]);
    let why = failed["why"].as_str().unwrap();
    assert!(why.contains("DELETE_FAILED") && why.contains("policy/limit") && why.contains("attached"), "{failed}");
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("DELETE_FAILED"));
    done(&world, "iam", "Action=DeleteRole&RoleName=holder");
    world.succeeds(["down", "--yes"]);
    world.succeeds(["plan"]);
    assert_eq!(state(&world, OPERATIONS), None);
}

/// A12.
#[test]
fn a12_a_strangers_stack_of_our_name_is_not_touched() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let made = format!(
        "Action=CreateStack&StackName={OPERATIONS}&TemplateBody={HELD}&Capabilities.member.1=CAPABILITY_NAMED_IAM"
    );
    done(&world, "cloudformation", &made);
    let failed = world.fails(1, ["up", "--no-proof"]);
    assert!(failed["why"].as_str().unwrap().contains("is not this stage's"), "{failed}");
    assert_eq!(state(&world, OPERATIONS).as_deref(), Some("CREATE_COMPLETE"));
    done(&world, "cloudformation", &format!("Action=DeleteStack&StackName={OPERATIONS}"));
}

/// A35.
#[test]
fn a35_bootstrap_makes_the_policies_and_roles_carry_the_boundary_from_the_next_up_on() {
    let world = World::empty();
    world.succeeds(["up", "--no-proof"]);
    let made = world.succeeds(["bootstrap"]);
    let ids: BTreeSet<_> =
        one(&made, "forecast")["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from(["policy/Boundary", "policy/Deployer"]));
    let told = one(&made, "bootstrapped");
    assert_eq!(told["policy"], "arn:aws:iam::000000000000:policy/chat-dev-deployer-us-east-1");
    let boundary = "arn:aws:iam::000000000000:policy/chat-dev-boundary-us-east-1";
    assert_eq!((&told["boundary"], &told["changed"]), (&boundary.into(), &true.into()));
    assert_eq!(one(&world.succeeds(["bootstrap"]), "bootstrapped")["changed"], false, "nothing to change");

    let planned = world.succeeds(["plan"]);
    assert!(warnings(&planned).is_empty(), "{planned:#?}");
    let role = step(one(&planned, "forecast"), "role/store-message");
    assert_eq!(
        (&role["fields"][0]["name"], &role["fields"][0]["after"]),
        (&"boundary".into(), &boundary.into()),
        "{role}"
    );
    world.succeeds(["up", "--no-proof"]);
    let role = done(&world, "iam", "Action=GetRole&RoleName=chat-dev-store-message-us-east-1");
    assert_eq!(texts(&role, "PermissionsBoundaryArn"), [boundary.to_owned()].into());
    assert_eq!(one(&world.succeeds(["up", "--no-proof"]), "deployed")["changed"], 0);

    world.succeeds(["down", "--yes", "--delete-data=dev"]);
    world.succeeds(["up", "--no-proof"]);
    let role = done(&world, "iam", "Action=GetRole&RoleName=chat-dev-serve-page-us-east-1");
    assert_eq!(texts(&role, "PermissionsBoundaryArn"), [boundary.to_owned()].into(), "made with it");
}

/// A16, A30: what is in the way is named; once it is gone the same command makes the stack again.
#[test]
fn a30_a_bootstrap_that_failed_says_why_and_is_made_again_by_the_same_command() {
    let world = World::empty();
    world.succeeds(["plan"]);
    let name = "chat-dev-deployer-us-east-1";
    done(&world, "iam", &format!("Action=CreatePolicy&PolicyName={name}&PolicyDocument={ALLOW}"));
    let failed = world.fails(1, ["bootstrap"]);
    assert!(failed["error"].as_str().unwrap().contains("ROLLBACK_COMPLETE"), "{failed}");
    assert!(failed["why"].as_str().unwrap().contains("already exists"), "{failed}");
    done(&world, "iam", &format!("Action=DeletePolicy&PolicyArn=arn:aws:iam::000000000000:policy/{name}"));
    assert_eq!(one(&world.succeeds(["bootstrap"]), "bootstrapped")["changed"], true);

    let boundary = "arn:aws:iam::000000000000:policy/chat-dev-boundary-us-east-1";
    let role =
        format!("Action=CreateRole&RoleName=holder&AssumeRolePolicyDocument={TRUST}&PermissionsBoundary={boundary}");
    done(&world, "iam", &role);
    done(&world, "cloudformation", "Action=DeleteStack&StackName=chat-dev-bootstrap");
    assert_eq!(state(&world, "chat-dev-bootstrap").as_deref(), Some("DELETE_FAILED"));
    let failed = world.fails(1, ["bootstrap"]);
    assert!(failed["why"].as_str().unwrap().contains("Boundary: "), "{failed}");
    done(&world, "iam", "Action=DeleteRole&RoleName=holder");
    world.succeeds(["bootstrap"]);
    assert_eq!(state(&world, "chat-dev-bootstrap").as_deref(), Some("CREATE_COMPLETE"));
}
