//! What each function may do: exactly the calls it makes, on exactly the things it makes them on. It
//! must not know how a role is made.

use std::collections::BTreeMap;

use chat_aws::routes::Function;
use serde_json::{Value, json};

use super::{ground::Ground, parameter};

/// Who may take a function's role: Lambda.
pub(super) fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    })
}

/// The calls of a function, as a policy.
pub(super) fn policy(function: Function, ground: &Ground) -> Value {
    let mut rights = Rights::default();
    // No CreateLogGroup: a function that still runs would make a deleted group again (A11).
    let logs = format!("{}:*", ground.log_group_arn(function.name()));
    rights.allow("logs", &["CreateLogStream", "PutLogEvents"], logs);
    let queue = ground.queue_arn(&ground.names.queue());
    match function {
        Function::RegisterClient => {
            rights.allow("dynamodb", &["GetItem"], ground.table_arn("stage"));
            let calls = ["GetItem", "Query", "PutItem", "DeleteItem"];
            rights.allow("dynamodb", &calls, ground.table_arn("clients"));
        }
        Function::RetrieveMessages => {
            rights.allow("dynamodb", &["GetItem"], ground.table_arn("stage"));
            rights.allow("dynamodb", &["Query"], ground.table_arn("messages"));
        }
        Function::StoreMessage => {
            rights.allow("dynamodb", &["GetItem"], ground.table_arn("stage"));
            rights.allow("dynamodb", &["GetItem", "PutItem", "UpdateItem"], ground.table_arn("messages"));
        }
        Function::ForwardMessages => {
            let reads = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
            rights.allow("dynamodb", &reads, format!("{}/stream/*", ground.table_arn("messages")));
            rights.allow("sqs", &["SendMessage"], queue);
            // Where Lambda, in its name, tells what it gave up of the stream (A20).
            rights.allow("sqs", &["SendMessage"], ground.queue_arn(&ground.names.dead_letters()));
        }
        Function::NotifyClients => {
            let takes =
                ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "SendMessage"];
            rights.allow("sqs", &takes, queue);
            rights.allow("dynamodb", &["GetItem"], ground.table_arn("stage"));
            rights.allow("dynamodb", &["BatchGetItem", "Query", "DeleteItem"], ground.table_arn("clients"));
            rights.allow("ssm", &["GetParameter"], ground.parameter_arn(parameter::VAPID_KEY));
        }
        Function::ServePage => {}
    }
    rights.policy()
}

/// Calls by what they are made on.
#[derive(Default)]
struct Rights(BTreeMap<String, Vec<String>>);

impl Rights {
    fn allow(&mut self, service: &str, calls: &[&str], on: String) {
        self.0.entry(on).or_default().extend(calls.iter().map(|call| format!("{service}:{call}")));
    }

    fn policy(self) -> Value {
        let statement =
            |(on, calls): (String, Vec<String>)| json!({ "Effect": "Allow", "Action": calls, "Resource": on });
        let statements: Vec<Value> = self.0.into_iter().map(statement).collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ground::tests::ground;

    #[tokio::test]
    async fn a11_no_function_may_do_everything_and_none_may_make_a_log_group() {
        let ground = ground().await;
        for function in Function::ALL {
            let policy = policy(function, &ground).to_string();
            for service in ["dynamodb", "sqs", "ssm", "logs"] {
                assert!(!policy.contains(&format!("\"{service}:*\"")), "{policy}");
            }
            assert!(!policy.contains("CreateLogGroup"), "{policy}");
            assert!(policy.len() < 10_240, "an inline policy's bound");
        }
    }

    /// A20
    #[tokio::test]
    async fn a20_only_the_streams_function_may_send_to_the_dead_letter_queue() {
        let ground = ground().await;
        for function in Function::ALL {
            let policy = policy(function, &ground).to_string();
            assert_eq!(policy.contains("chat-dev-dead-letters"), function == Function::ForwardMessages);
        }
    }

    #[tokio::test]
    async fn only_the_notifier_reads_the_vapid_key_and_it_never_reads_messages() {
        let ground = ground().await;
        for function in Function::ALL {
            let policy = policy(function, &ground).to_string();
            assert_eq!(policy.contains("vapid-key"), function == Function::NotifyClients);
            assert!(!policy.contains("room-key"), "the operator's key is chatctl's alone");
        }
        assert!(!policy(Function::NotifyClients, &ground).to_string().contains("chat-dev-messages"));
    }
}
