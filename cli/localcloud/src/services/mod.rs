//! The services, one room each; only in here may the crate that supplies a service's behaviour be named.

pub(crate) mod apigateway;
pub(crate) mod cloudformation;
pub(crate) mod cloudwatch;
pub(crate) mod dynamodb;
pub(crate) mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod sqs;
pub(crate) mod ssm;
pub(crate) mod sts;

/// Every call that the local cloud implements, by service: what docs/local-cloud.md is made from.
#[must_use]
pub fn implemented() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("DynamoDB", dynamodb::calls()),
        ("DynamoDB Streams", dynamodb::stream_calls()),
        ("SQS", sqs::calls()),
        ("Lambda", lambda::calls()),
        ("API Gateway v2", apigateway::calls()),
        ("IAM", iam::calls()),
        ("STS", sts::calls()),
        ("SSM", ssm::calls()),
        ("CloudWatch Logs", logs::calls()),
        ("CloudWatch", cloudwatch::calls()),
        ("CloudFormation", cloudformation::calls()),
    ]
}
