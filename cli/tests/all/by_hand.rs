//! A person at the AWS command line: the SDK's handles on a test's local cloud, and what is made or broken with them.

use std::io::Write as _;
use std::path::Path;

use chatctl::aws::{ApiGateway, Aws, DynamoDb, Iam, Lambda, LocalEndpoint, Logs, Sqs, Ssm};
use chatctl::stage::{Overrides, Stage};
use serde_json::Value;

use crate::world::World;

/// Whoever makes something with these tags makes it ours.
pub(crate) const OURS: [(&str, &str); 2] = [("chatctl:project", "chat"), ("chatctl:stage", "dev")];

/// The handles, and a runtime to call with.
pub(crate) struct Hands {
    aws: Aws,
    runtime: tokio::runtime::Runtime,
}

impl Hands {
    /// On the local cloud of this world, which runs.
    pub(crate) fn on(world: &World) -> Hands {
        let identity: Value =
            serde_json::from_slice(&std::fs::read(world.state().join("cloud.json")).unwrap()).unwrap();
        let text = |name: &str| identity[name].as_str().unwrap().to_owned();
        let local = LocalEndpoint {
            endpoint: text("endpoint"),
            account: text("account"),
            access_key: text("access_key"),
            secret_key: text("secret_key"),
        };
        let variables = |name: &str| (name == "CHATCTL_STATE_DIR").then(|| world.state().display().to_string());
        let stage = Stage::load(&Overrides::default(), &variables, Path::new("/")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let aws = runtime.block_on(Aws::open(&stage, Some(&local))).unwrap();
        Hands { aws, runtime }
    }

    /// Does it, now.
    pub(crate) fn now<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn lambda(&self) -> &Lambda {
        &self.aws.lambda
    }

    pub(crate) fn dynamodb(&self) -> &DynamoDb {
        &self.aws.dynamodb
    }

    pub(crate) fn iam(&self) -> &Iam {
        &self.aws.iam
    }

    pub(crate) fn sqs(&self) -> &Sqs {
        &self.aws.sqs
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.aws.logs
    }

    pub(crate) fn ssm(&self) -> &Ssm {
        &self.aws.ssm
    }

    pub(crate) fn apigateway(&self) -> &ApiGateway {
        &self.aws.apigateway
    }

    pub(crate) fn arn(&self, service: &str, name: &str) -> String {
        self.aws.arn(service, name)
    }

    /// A table of this name and partition key; with a sort key if that is `pk`, as ours have.
    pub(crate) fn create_table(&self, name: &str, key: &str, tags: &[(&str, &str)]) {
        use aws_sdk_dynamodb::types::{
            AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, Tag,
        };
        let mut request = self.dynamodb().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        let keys = [(key, KeyType::Hash), ("sk", KeyType::Range)];
        for (key, kind) in keys.into_iter().take(if key == "pk" { 2 } else { 1 }) {
            let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder().attribute_name(key).key_type(kind);
            request = request.attribute_definitions(attribute.build().unwrap()).key_schema(element.build().unwrap());
        }
        for (key, value) in tags {
            request = request.tags(Tag::builder().key(*key).value(*value).build().unwrap());
        }
        self.now(request.send()).unwrap();
    }

    /// A role that Lambda may take.
    pub(crate) fn create_role(&self, name: &str, tags: &[(&str, &str)]) {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let mut request = self.iam().create_role().role_name(name).assume_role_policy_document(trust);
        for (key, value) in tags {
            request = request.tags(aws_sdk_iam::types::Tag::builder().key(*key).value(*value).build().unwrap());
        }
        self.now(request.send()).unwrap();
    }

    /// A function that does nothing, with this role.
    pub(crate) fn create_function(&self, name: &str, role: &str, tags: &[(&str, &str)]) {
        use aws_sdk_lambda::types::{FunctionCode, Runtime};
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file("bootstrap", options).unwrap();
        zip.write_all(b"#!/bin/sh\n").unwrap();
        let zip = zip.finish().unwrap().into_inner();
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let code = FunctionCode::builder().zip_file(aws_smithy_types::Blob::new(zip)).build();
        let request = self.lambda().create_function().function_name(name).set_tags(Some(tags)).code(code);
        let request = request.runtime(Runtime::from("provided.al2023")).handler("bootstrap");
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        self.now(request.role(role).send()).unwrap();
    }
}
