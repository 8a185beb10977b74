//! Where the lease is kept: one item of the Stage table, put, renewed and removed under conditions.
//! Must not know when any of it is done.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use chat_aws::layout::{self, KIND};

use super::LeaseError;
use crate::aws::{CallError, DynamoDb, call};
use crate::deploy::Deploying;
use crate::deploy::holder::Holder;

const ID: &str = "id";
const RENEWED: &str = "renewed_ms";
const HOLDER: &str = "holder";
/// After so many tries a renewal is left to the next one.
const RENEWAL_TRIES: u32 = 3;

/// What came of a put.
pub(super) enum Put {
    /// The lease is ours.
    Done,
    /// Somebody has it.
    Met(Holder),
    /// Somebody had it, and gave it back between two calls.
    Vanished,
}

/// What came of a renewal.
pub(super) enum Renewal {
    /// It is renewed.
    Done,
    /// It is another's, or nobody's.
    TakenOver(Option<Box<Holder>>),
}

/// How a renewal is tried again: in no line behind calls that were throttled, where it would come too late (A19).
fn once_more() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(RENEWAL_TRIES)
}

#[derive(Clone)]
pub(super) struct Place {
    dynamodb: DynamoDb,
    table: String,
    pub(super) stage: String,
}

impl Place {
    pub(super) fn of(cx: &Deploying) -> Self {
        Self { dynamodb: cx.aws.dynamodb.clone(), table: cx.stage.names().table("stage"), stage: cx.stage.name.clone() }
    }

    /// Puts the lease where there is none, or in place of exactly the one that was found dead.
    pub(super) async fn put(&self, me: &Holder, instead_of: Option<&Holder>) -> Result<Put, LeaseError> {
        let request = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(me)))
            .expression_attribute_names("#id", ID)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match instead_of {
            None => request.condition_expression("attribute_not_exists(#id)"),
            Some(dead) => request
                .condition_expression("#id = :id AND #renewed = :renewed OR attribute_not_exists(#id)")
                .expression_attribute_names("#renewed", RENEWED)
                .expression_attribute_values(":id", AttributeValue::S(dead.id.clone()))
                .expression_attribute_values(":renewed", AttributeValue::N(dead.renewed_ms.to_string())),
        };
        let met = match request.send().await {
            Ok(_) => return Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.as_ref().and_then(stored),
                _ => return Err(self.failed(call("DynamoDB", "PutItem", &self.table)(error))),
            },
        };
        let met = match met {
            Some(met) => Some(met),
            None => self.read().await?,
        };
        Ok(match met {
            // A first try whose answer was lost (A12).
            Some(met) if met.id == me.id => Put::Done,
            Some(met) => Put::Met(met),
            None => Put::Vanished,
        })
    }

    /// Renews it, if it is still this one.
    pub(super) async fn renew(&self, id: &str, now_ms: i64) -> Result<Renewal, CallError> {
        let request = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .update_expression("SET #renewed = :now")
            .condition_expression("#id = :id")
            .expression_attribute_names("#renewed", RENEWED)
            .expression_attribute_names("#id", ID)
            .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
            .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request
            .customize()
            .config_override(aws_sdk_dynamodb::config::Builder::new().retry_config(once_more()))
            .send()
            .await
        {
            Ok(_) => Ok(Renewal::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Renewal::TakenOver(failed.item.as_ref().and_then(stored).map(Box::new)))
                }
                _ => Err(call("DynamoDB", "UpdateItem", &self.table)(error)),
            },
        }
    }

    /// Removes it, if it is still this one.
    pub(super) async fn give_back(&self, id: &str) -> Result<(), LeaseError> {
        let removed = self
            .dynamodb
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .condition_expression("#id = :id")
            .expression_attribute_names("#id", ID)
            .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
            .send()
            .await
            .map_err(call("DynamoDB", "DeleteItem", &self.table));
        match removed {
            Ok(_) => Ok(()),
            // Deleted with its table, or an answer was lost and this was the second try.
            Err(error) if error.is_missing() || error.is("ConditionalCheckFailedException") => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Who has it now.
    pub(super) async fn read(&self) -> Result<Option<Holder>, LeaseError> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(call("DynamoDB", "GetItem", &self.table))
            .map_err(|source| self.failed(source))?;
        Ok(answer.item.as_ref().and_then(stored))
    }

    fn failed(&self, source: CallError) -> LeaseError {
        LeaseError::Call { stage: self.stage.clone(), source }
    }
}

fn item(holder: &Holder) -> HashMap<String, AttributeValue> {
    let Ok(json) = serde_json::to_string(holder) else { unreachable!("a holder is plain text and numbers") };
    let mut item = layout::lease_key().attributes();
    item.insert(KIND.to_owned(), AttributeValue::S("lease".to_owned()));
    item.insert(ID.to_owned(), AttributeValue::S(holder.id.clone()));
    item.insert(RENEWED.to_owned(), AttributeValue::N(holder.renewed_ms.to_string()));
    item.insert(HOLDER.to_owned(), AttributeValue::S(json));
    item
}

/// The holder of an item; `None` for what is none, which is then as good as absent.
fn stored(item: &HashMap<String, AttributeValue>) -> Option<Holder> {
    let mut holder: Holder = serde_json::from_str(item.get(HOLDER)?.as_s().ok()?).ok()?;
    holder.id.clone_from(item.get(ID)?.as_s().ok()?);
    // Renewing touches only this attribute.
    holder.renewed_ms = item.get(RENEWED)?.as_n().ok()?.parse().ok()?;
    Some(holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_as_it_was_written_and_as_it_was_renewed() {
        let me = Holder::this("chatctl up", "ann@laptop", 1_000);
        let mut written = item(&me);
        assert_eq!(stored(&written), Some(me.clone()));
        written.insert(RENEWED.to_owned(), AttributeValue::N("11000".to_owned()));
        assert_eq!(stored(&written), Some(Holder { renewed_ms: 11_000, ..me }));
        assert_eq!(stored(&HashMap::new()), None);
    }
}
