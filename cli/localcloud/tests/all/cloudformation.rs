//! CloudFormation by the SDK: stacks as they are made, changed, put back and deleted, in every state of A16 and A30.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, Replacement, Stack,
    StackStatus, Tag,
};

use crate::cloud::TestCloud;

const ALARM: &str = "
Parameters: {Threshold: {Type: Number}, Name: {Type: String, Default: deep}}
Resources:
  Depth:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Ref Name
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: letters}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: !Ref Threshold
      ComparisonOperator: GreaterThanOrEqualToThreshold
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub '{\"widgets\":[{\"type\":\"text\",\"properties\":{\"markdown\":\"${Depth.Arn}\"}}]}'
Outputs:
  Alarm: {Value: !GetAtt Depth.Arn, Description: its ARN}
  Board: {Value: !Ref Board}
";
const POLICY: &str = r#"{"Parameters":{"Action":{"Type":"String"}},"Resources":{"Limit":{"Type":"AWS::IAM::ManagedPolicy","Properties":{"ManagedPolicyName":"limit","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":{"Ref":"Action"},"Resource":"*"}]}}}},"Outputs":{"Arn":{"Value":{"Ref":"Limit"}}}}"#;
const TRUST: &str =
    r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const LIMIT: &str = "arn:aws:iam::000000000000:policy/limit";

fn parameter(key: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(key).parameter_value(value).build()
}

async fn stack(client: &Client, name: &str) -> Stack {
    client.describe_stacks().stack_name(name).send().await.unwrap().stacks()[0].clone()
}

async fn status(client: &Client, name: &str) -> StackStatus {
    stack(client, name).await.stack_status().unwrap().clone()
}

async fn make(client: &Client, name: &str, threshold: &str) {
    let tag = Tag::builder().key("owner").value("me").build();
    let made =
        client.create_stack().stack_name(name).template_body(ALARM).parameters(parameter("Threshold", threshold));
    made.tags(tag).send().await.unwrap();
}

fn code<E>(refused: &aws_sdk_cloudformation::error::SdkError<E>) -> (String, String)
where
    E: aws_sdk_cloudformation::error::ProvideErrorMetadata,
{
    let meta = refused.as_service_error().unwrap().meta();
    (meta.code().unwrap_or_default().to_owned(), meta.message().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_is_made_shown_changed_and_deleted_and_outlives_a_kill() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    make(&client, "alarms", "1").await;
    let taken = client.create_stack().stack_name("alarms").template_body(ALARM).send().await.unwrap_err();
    assert!(taken.into_service_error().is_already_exists_exception()); // A12
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    let seen = stack(&client, "alarms").await;
    assert_eq!(seen.stack_status(), Some(&StackStatus::CreateComplete));
    assert_eq!(seen.tags()[0].value(), Some("me"));
    let outputs: Vec<_> = seen.outputs().iter().map(|output| output.output_value().unwrap()).collect();
    assert_eq!(outputs[0], "arn:aws:cloudwatch:us-east-1:000000000000:alarm:deep");
    assert!(outputs[1].starts_with("alarms-Board-"), "a name is made up where none is given: {}", outputs[1]);
    assert_eq!(client.get_template().stack_name("alarms").send().await.unwrap().template_body(), Some(ALARM));
    let listed = client.list_stack_resources().stack_name("alarms").send().await.unwrap();
    assert_eq!(listed.stack_resource_summaries().len(), 2);

    let update = |threshold: &str| {
        client
            .update_stack()
            .stack_name("alarms")
            .use_previous_template(true)
            .parameters(parameter("Threshold", threshold))
    };
    let (kind, message) = code(&update("1").send().await.unwrap_err());
    assert_eq!((kind.as_str(), message.as_str()), ("ValidationError", "No updates are to be performed.")); // A16
    update("5").send().await.unwrap();
    assert_eq!(status(&client, "alarms").await, StackStatus::UpdateComplete);
    let events = client.describe_stack_events().stack_name("alarms").send().await.unwrap();
    let said: Vec<String> = events
        .stack_events()
        .iter()
        .rev()
        .map(|event| format!("{} {}", event.logical_resource_id().unwrap(), event.resource_status().unwrap().as_str()))
        .collect();
    assert_eq!(
        said,
        [
            "alarms CREATE_IN_PROGRESS",
            "Depth CREATE_IN_PROGRESS",
            "Depth CREATE_COMPLETE",
            "Board CREATE_IN_PROGRESS",
            "Board CREATE_COMPLETE",
            "alarms CREATE_COMPLETE",
            "alarms UPDATE_IN_PROGRESS",
            "Depth UPDATE_IN_PROGRESS",
            "Depth UPDATE_COMPLETE",
            "alarms UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "alarms UPDATE_COMPLETE",
        ]
    );
    let id = seen.stack_id().unwrap().to_owned();
    client.delete_stack().stack_name("alarms").send().await.unwrap();
    let (_, message) = code(&client.describe_stacks().stack_name("alarms").send().await.unwrap_err());
    assert_eq!(message, "Stack with id alarms does not exist");
    assert_eq!(status(&client, &id).await, StackStatus::DeleteComplete, "by its id it is known for ever");
    client.delete_stack().stack_name("alarms").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_creation_that_failed_can_only_be_deleted() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    make(&client, "first", "1").await;
    make(&client, "second", "1").await; // the alarm's name is taken
    let failed = stack(&client, "second").await;
    assert_eq!(failed.stack_status(), Some(&StackStatus::RollbackComplete)); // A16
    let events = client.describe_stack_events().stack_name("second").send().await.unwrap();
    let why = events
        .stack_events()
        .iter()
        .find_map(|event| event.resource_status_reason().filter(|why| why.contains("deep")));
    assert_eq!(why, Some("deep already exists"));
    let update =
        client.update_stack().stack_name("second").template_body(ALARM).parameters(parameter("Threshold", "2"));
    let (_, message) = code(&update.send().await.unwrap_err());
    assert!(message.contains("is in ROLLBACK_COMPLETE state and can not be updated"), "{message}");
    client.delete_stack().stack_name("second").send().await.unwrap();
    assert_eq!(status(&client, "first").await, StackStatus::CreateComplete, "what was not the second's is left alone");
    let left = client.describe_stack_resources().stack_name("first").send().await.unwrap();
    assert!(left.stack_resources().iter().all(|one| one.resource_status().unwrap().as_str() == "CREATE_COMPLETE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_set_shows_what_it_would_do_and_a_stack_in_review_is_made_by_it() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let change = |name: &str, kind: ChangeSetType, threshold: &str| {
        let request = client.create_change_set().stack_name("s").change_set_name(name).change_set_type(kind);
        request.template_body(ALARM).parameters(parameter("Threshold", threshold))
    };
    let missing = change("c0", ChangeSetType::Update, "1").send().await.unwrap_err();
    assert_eq!(code(&missing).1, "Stack [s] does not exist");
    change("c1", ChangeSetType::Create, "1").send().await.unwrap();
    assert_eq!(status(&client, "s").await, StackStatus::ReviewInProgress); // A30
    let described = client.describe_change_set().stack_name("s").change_set_name("c1").send().await.unwrap();
    assert_eq!(described.status(), Some(&ChangeSetStatus::CreateComplete));
    assert!(described.changes().iter().all(|one| one.resource_change().unwrap().action() == Some(&ChangeAction::Add)));
    assert_eq!(described.changes().len(), 2);
    client.execute_change_set().stack_name("s").change_set_name("c1").send().await.unwrap();
    assert_eq!(status(&client, "s").await, StackStatus::CreateComplete);

    change("c2", ChangeSetType::Update, "1").send().await.unwrap();
    let same = client.describe_change_set().stack_name("s").change_set_name("c2").send().await.unwrap();
    assert_eq!(same.status(), Some(&ChangeSetStatus::Failed));
    assert_eq!(same.execution_status(), Some(&ExecutionStatus::Unavailable));
    assert!(same.status_reason().unwrap().contains("didn't contain changes"));
    let refused = client.execute_change_set().stack_name("s").change_set_name("c2").send().await.unwrap_err();
    assert!(refused.into_service_error().is_invalid_change_set_status_exception());
    client.delete_change_set().stack_name("s").change_set_name("c2").send().await.unwrap();

    let renamed = change("c3", ChangeSetType::Update, "2").parameters(parameter("Name", "deeper"));
    renamed.send().await.unwrap();
    let described = client.describe_change_set().stack_name("s").change_set_name("c3").send().await.unwrap();
    let replaced = described.changes()[0].resource_change().unwrap();
    assert_eq!((replaced.logical_resource_id(), replaced.replacement()), (Some("Depth"), Some(&Replacement::True)));
    assert_eq!(client.list_change_sets().stack_name("s").send().await.unwrap().summaries().len(), 1);
    client.execute_change_set().stack_name("s").change_set_name("c3").send().await.unwrap();
    assert_eq!(status(&client, "s").await, StackStatus::UpdateComplete);
    let gone = client.describe_change_set().stack_name("s").change_set_name("c3").send().await.unwrap_err();
    assert!(gone.into_service_error().is_change_set_not_found_exception());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_iam_resources_need_their_capability_and_a_boundary_in_use_cannot_be_deleted() {
    let cloud = TestCloud::start().await;
    let sdk = cloud.sdk().await;
    let (client, iam) = (Client::new(&sdk), aws_sdk_iam::Client::new(&sdk));
    let create = || {
        client.create_stack().stack_name("p").template_body(POLICY).parameters(parameter("Action", "sqs:SendMessage"))
    };
    let refused = create().capabilities(Capability::CapabilityIam).send().await.unwrap_err();
    assert!(refused.into_service_error().is_insufficient_capabilities_exception()); // A30
    create().capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
    assert_eq!(stack(&client, "p").await.outputs()[0].output_value(), Some(LIMIT));
    let role = iam.create_role().role_name("r").assume_role_policy_document(TRUST).permissions_boundary(LIMIT);
    role.send().await.unwrap();

    client.delete_stack().stack_name("p").send().await.unwrap();
    let failed = stack(&client, "p").await;
    assert_eq!(failed.stack_status(), Some(&StackStatus::DeleteFailed)); // A30
    assert!(failed.stack_status_reason().unwrap().contains("[Limit]"), "{failed:?}");
    let left = client.describe_stack_resources().stack_name("p").send().await.unwrap();
    let why = left.stack_resources()[0].resource_status_reason().unwrap();
    assert!(why.contains("attached"), "{why}");
    iam.delete_role().role_name("r").send().await.unwrap();
    client.delete_stack().stack_name("p").send().await.unwrap();
    assert!(client.describe_stacks().stack_name("p").send().await.is_err(), "tried again, it goes");
    assert!(
        iam.get_policy().policy_arn(LIMIT).send().await.unwrap_err().into_service_error().is_no_such_entity_exception()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_fails_is_put_back_and_where_that_fails_too_it_can_be_continued() {
    let cloud = TestCloud::start().await;
    let sdk = cloud.sdk().await;
    let (client, iam) = (Client::new(&sdk), aws_sdk_iam::Client::new(&sdk));
    let named = Capability::CapabilityNamedIam;
    let create =
        client.create_stack().stack_name("p").template_body(POLICY).parameters(parameter("Action", "sqs:SendMessage"));
    create.capabilities(named.clone()).send().await.unwrap();
    let document = POLICY.replace(r#""Version":"2012-10-17","Statement""#, r#""Version":"2012-10-17","Nothing""#);
    let update = |template: &str, action: &str| {
        let request = client.update_stack().stack_name("p").template_body(template).capabilities(named.clone());
        request.parameters(parameter("Action", action))
    };
    update(&document, "sqs:SendMessage").send().await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateRollbackComplete); // A30
    let kept = iam.get_policy_version().policy_arn(LIMIT).version_id("v2").send().await.unwrap();
    assert!(kept.policy_version().unwrap().document().unwrap().contains("SendMessage"), "put back as it was");

    iam.delete_policy().policy_arn(LIMIT).send().await.unwrap(); // by hand
    update(POLICY, "sqs:ReceiveMessage").send().await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateRollbackFailed); // A30
    let (_, message) = code(&update(POLICY, "sqs:ReceiveMessage").send().await.unwrap_err());
    assert!(message.contains("UPDATE_ROLLBACK_FAILED state and can not be updated"), "{message}");
    client.continue_update_rollback().stack_name("p").send().await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateRollbackFailed, "the policy is still gone");
    client.continue_update_rollback().stack_name("p").resources_to_skip("Limit").send().await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateRollbackComplete);
    client.delete_stack().stack_name("p").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_policy_whose_description_changes_would_be_replaced_and_so_the_update_fails() {
    let cloud = TestCloud::start().await;
    let sdk = cloud.sdk().await;
    let (client, iam) = (Client::new(&sdk), aws_sdk_iam::Client::new(&sdk));
    let (named, action) = (Capability::CapabilityNamedIam, parameter("Action", "sqs:SendMessage"));
    let described = |words: &str, name: &str| {
        let fields = format!(r#""Properties":{{"Description":"{words}",{name}"#);
        POLICY.replace(r#""Properties":{"ManagedPolicyName":"limit","#, &fields)
    };
    let limit = r#""ManagedPolicyName":"limit","#;
    let create = client.create_stack().stack_name("p").template_body(described("one", limit));
    create.capabilities(named.clone()).parameters(action.clone()).send().await.unwrap();
    let other = described("two", limit);
    let change = client.create_change_set().stack_name("p").change_set_name("c").template_body(&other);
    change.capabilities(named.clone()).parameters(action.clone()).send().await.unwrap();
    let shown = client.describe_change_set().stack_name("p").change_set_name("c").send().await.unwrap();
    let change = shown.changes()[0].resource_change().unwrap();
    assert_eq!(change.replacement(), Some(&Replacement::True));

    let update = |template: String| {
        let request = client.update_stack().stack_name("p").template_body(template).capabilities(named.clone());
        request.parameters(action.clone()).send()
    };
    update(other).await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateRollbackComplete);
    let events = client.describe_stack_events().stack_name("p").send().await.unwrap();
    let why = events.stack_events().iter().filter_map(|event| event.resource_status_reason());
    let words = "cannot update a stack when a custom-named resource requires replacing. Rename limit and update";
    assert_eq!(why.filter(|why| why.contains(words)).count(), 1);
    let kept = iam.get_policy().policy_arn(LIMIT).send().await.unwrap().policy.unwrap();
    assert_eq!(kept.description(), Some("one"));

    // Under another name, and under one that is made up, there can be both for a while.
    for name in [r#""ManagedPolicyName":"wide","#, ""] {
        update(described("three", name)).await.unwrap();
        assert_eq!(status(&client, "p").await, StackStatus::UpdateComplete);
    }
    let before = stack(&client, "p").await.outputs()[0].output_value().unwrap().to_owned();
    update(described("four", "")).await.unwrap();
    assert_eq!(status(&client, "p").await, StackStatus::UpdateComplete);
    assert_ne!(stack(&client, "p").await.outputs()[0].output_value(), Some(before.as_str()), "replaced");
    client.delete_stack().stack_name("p").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_template_may_not_have_is_refused_by_its_name_and_a_good_one_is_summed_up() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    for (template, what) in [
        ("Resources: {Q: {Type: 'AWS::SQS::Queue'}}", "AWS::SQS::Queue"),
        ("Resources: {}", "At least one Resources member"),
        ("Mappings: {}\nResources: {B: {Type: 'AWS::CloudWatch::Dashboard'}}", "Mappings"),
    ] {
        let refused = client.create_stack().stack_name("s").template_body(template).send().await.unwrap_err();
        assert!(code(&refused).1.contains(what), "{refused:?}");
        let refused = client.validate_template().template_body(template).send().await.unwrap_err();
        assert!(code(&refused).1.contains(what), "{refused:?}");
    }
    let url = client.create_stack().stack_name("s").template_url("https://example.com/t").send().await.unwrap_err();
    assert!(code(&url).1.contains("TemplateURL"), "{url:?}");
    let unknown = client.list_exports().send().await.unwrap_err();
    assert_eq!(code(&unknown).1, "the local cloud does not implement CloudFormation ListExports");
    let summary = client.get_template_summary().template_body(POLICY).send().await.unwrap();
    assert_eq!(summary.capabilities(), [Capability::CapabilityNamedIam]);
    assert_eq!(summary.resource_types(), ["AWS::IAM::ManagedPolicy"]);
    assert_eq!(client.validate_template().template_body(ALARM).send().await.unwrap().parameters().len(), 2);
}
