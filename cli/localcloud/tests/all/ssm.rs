//! SSM's Parameter Store by the SDK.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType, ResourceTypeForTagging, Tag};

use crate::cloud::TestCloud;

async fn secret(client: &Client, name: &str, value: &str) {
    let tag = Tag::builder().key("public").value("half").build().unwrap();
    let put = client.put_parameter().name(name).value(value).r#type(ParameterType::SecureString).tags(tag);
    put.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_read_only_with_decryption() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    secret(&client, "/chat/dev/key", "hidden").await;
    let sealed = client.get_parameter().name("/chat/dev/key").send().await.unwrap().parameter.unwrap();
    assert_ne!(sealed.value(), Some("hidden"));
    let cloud = cloud.kill_and_start().await;
    let client = Client::new(&cloud.sdk().await);
    let open = client.get_parameter().name("/chat/dev/key").with_decryption(true).send().await.unwrap();
    assert_eq!(open.parameter().unwrap().value(), Some("hidden"));
    assert_eq!(open.parameter().unwrap().arn(), Some("arn:aws:ssm:us-east-1:000000000000:parameter/chat/dev/key"));
    let tags = client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    let tags = tags.resource_id("/chat/dev/key").send().await.unwrap();
    assert_eq!(tags.tag_list()[0].value(), "half");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_and_overwriting_exclude_each_other() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    secret(&client, "/chat/dev/key", "one").await;
    let put = || client.put_parameter().name("/chat/dev/key").value("two").r#type(ParameterType::SecureString);
    let known = put().send().await.unwrap_err().into_service_error();
    assert!(known.is_parameter_already_exists(), "{known:?}"); // A12
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let both = put().overwrite(true).tags(tag).send().await.unwrap_err().into_service_error();
    assert_eq!(both.meta().code(), Some("ValidationException")); // A28
    assert_eq!(put().overwrite(true).send().await.unwrap().version(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_are_found_by_path_and_by_filter() {
    let cloud = TestCloud::start().await;
    let client = Client::new(&cloud.sdk().await);
    for n in 0..12 {
        secret(&client, &format!("/chat/dev/key-{n:02}"), "x").await;
    }
    secret(&client, "/chat/other/key", "x").await;
    let pages = client.get_parameters_by_path().path("/chat/dev").into_paginator().send();
    let pages: Vec<_> = pages.collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.parameters().len()).collect::<Vec<_>>(), [10, 2]);
    let filter =
        ParameterStringFilter::builder().key("Name").option("BeginsWith").values("/chat/dev/").build().unwrap();
    let described = client.describe_parameters().parameter_filters(filter).send().await.unwrap();
    assert_eq!(described.parameters().len(), 12);
    let some = client.get_parameters().names("/chat/other/key").names("/not/there").send().await.unwrap();
    assert_eq!((some.parameters().len(), some.invalid_parameters()), (1, ["/not/there".to_owned()].as_slice()));
    client.delete_parameter().name("/chat/other/key").send().await.unwrap();
    let gone = client.get_parameter().name("/chat/other/key").send().await.unwrap_err().into_service_error();
    assert!(gone.is_parameter_not_found(), "{gone:?}");
}
