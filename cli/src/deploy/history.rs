//! The deploys of a stage, one item each in its Stage table: when, by whom, what, and whether it was
//! proved. Must not know how a deploy is done.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chat::message::MessageId;
use chat_aws::layout::{self, KIND, PK};

use super::Deploying;
use super::holder::Holder;
use crate::aws::{CallError, call};

const AT: &str = "at";
const PROOF: &str = "proof";

/// Whether a real message went all the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It did.
    Proved,
    /// It did not, or not yet: the next `up` proves it.
    Owed,
    /// Nobody asked for it.
    Skipped,
}

impl Proof {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Owed => "owed",
            Self::Skipped => "skipped",
        }
    }
}

/// One deploy.
#[derive(Clone, Debug)]
pub(super) struct Deploy {
    id: MessageId,
    at_ms: i64,
    by: String,
    command: String,
    changes: Vec<String>,
    ms: u64,
    pub(super) proof: Proof,
}

impl Deploy {
    /// A deploy that has just changed these resources.
    pub(super) fn new(cx: &Deploying, changes: Vec<String>, ms: u64, proof: Proof) -> Self {
        let at_ms = cx.now_ms();
        let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
        let by = format!("{user}@{}", Holder::this(&cx.command, at_ms).host);
        Self { id: MessageId::random(at_ms), at_ms, by, command: cx.command.clone(), changes, ms, proof }
    }

    /// Writes it down, or what is new of it.
    pub(super) async fn record(&self, cx: &Deploying) -> Result<(), CallError> {
        let table = cx.stage.names().table("stage");
        let put = cx.aws.dynamodb.put_item().table_name(&table).set_item(Some(self.item())).send().await;
        put.map(|_| ()).map_err(call("DynamoDB", "PutItem", &table))
    }

    fn item(&self) -> HashMap<String, AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut item = layout::deploy_key(&self.id.to_string()).attributes();
        item.extend([
            (KIND.to_owned(), text("deploy")),
            (AT.to_owned(), AttributeValue::N(self.at_ms.to_string())),
            ("by".to_owned(), text(&self.by)),
            ("command".to_owned(), text(&self.command)),
            ("version".to_owned(), text(crate::VERSION)),
            ("changes".to_owned(), AttributeValue::L(self.changes.iter().map(|change| text(change)).collect())),
            ("ms".to_owned(), AttributeValue::N(self.ms.to_string())),
            (PROOF.to_owned(), text(self.proof.as_str())),
        ]);
        item
    }
}

/// Whether the last deploy still owes its proof; so does a stage whose deploy was cut off before it
/// was written down.
pub(super) async fn owes_proof(cx: &Deploying) -> Result<bool, CallError> {
    let table = cx.stage.names().table("stage");
    let last = cx
        .aws
        .dynamodb
        .query()
        .table_name(&table)
        .key_condition_expression("#pk = :deploys")
        .expression_attribute_names("#pk", PK)
        .expression_attribute_values(":deploys", AttributeValue::S(layout::deploys()))
        .scan_index_forward(false)
        .limit(1)
        .consistent_read(true)
        .send()
        .await
        .map_err(call("DynamoDB", "Query", &table))?;
    Ok(owed(last.items()))
}

fn owed(last: &[HashMap<String, AttributeValue>]) -> bool {
    let proof = last.first().and_then(|item| item.get(PROOF)).and_then(|proof| proof.as_s().ok());
    proof.is_none_or(|proof| proof == Proof::Owed.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_owed_until_a_deploy_was_proved_or_nobody_asked_for_it() {
        let deploy = |proof| Deploy {
            id: MessageId::random(0),
            at_ms: 0,
            by: String::new(),
            command: String::new(),
            changes: vec!["create queue/new-messages".to_owned()],
            ms: 0,
            proof,
        };
        assert!(owed(&[]));
        for (proof, is_owed) in [(Proof::Owed, true), (Proof::Proved, false), (Proof::Skipped, false)] {
            assert_eq!(owed(&[deploy(proof).item()]), is_owed, "{proof:?}");
        }
    }
}
