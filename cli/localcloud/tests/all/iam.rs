//! IAM and STS by the SDK.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;

use crate::cloud::TestCloud;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_keeps_its_trust_its_tags_and_its_policies() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let tag = Tag::builder().key("owner").value("a & b <c>").build().unwrap();
    let made =
        client.create_role().role_name("teller").assume_role_policy_document(TRUST).tags(tag).send().await.unwrap();
    assert_eq!(made.role().unwrap().arn(), "arn:aws:iam::000000000000:role/teller");
    let again = client.create_role().role_name("teller").assume_role_policy_document(TRUST).send().await;
    assert!(again.unwrap_err().into_service_error().is_entity_already_exists_exception()); // A12
    client.put_role_policy().role_name("teller").policy_name("calls").policy_document(POLICY).send().await.unwrap();
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    let seen = client.get_role().role_name("teller").send().await.unwrap().role.unwrap();
    assert_eq!(seen.tags()[0].value(), "a & b <c>");
    assert!(seen.assume_role_policy_document().unwrap().starts_with("%7B%22Version%22"));
    assert_eq!(client.list_roles().send().await.unwrap().roles()[0].role_name(), "teller");
    let policies = client.list_role_policies().role_name("teller").send().await.unwrap();
    assert_eq!(policies.policy_names(), ["calls"]);
    let policy = client.get_role_policy().role_name("teller").policy_name("calls").send().await.unwrap();
    assert!(policy.policy_document().contains("sqs%3ASendMessage"));
    let held = client.delete_role().role_name("teller").send().await.unwrap_err().into_service_error();
    assert!(held.is_delete_conflict_exception(), "{held:?}");
    client.delete_role_policy().role_name("teller").policy_name("calls").send().await.unwrap();
    client.delete_role().role_name("teller").send().await.unwrap();
    let gone = client.get_role().role_name("teller").send().await.unwrap_err().into_service_error();
    assert!(gone.is_no_such_entity_exception(), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_call_that_is_not_there_is_refused_by_its_name() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    let refused = client.list_users().send().await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().message(), Some("the local cloud does not implement IAM ListUsers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_is_of_the_clouds_account() {
    let cloud = TestCloud::start().await;
    let client = aws_sdk_sts::Client::new(&cloud.sdk().await);
    let caller = client.get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some("000000000000"));
}
