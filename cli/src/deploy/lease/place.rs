//! Where the lease is kept: one item of the Stage table, taken, renewed and given back under conditions. It stays when
//! nobody holds it, and remembers the last deploy, so that who takes it need not ask the history. Must not know when any
//! of it is done, nor what a deploy is.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use chat_aws::layout::{self, Item, KIND};

use super::LeaseError;
use crate::aws::{CallError, DynamoDb, call};
use crate::deploy::Deploying;
use crate::deploy::holder::Holder;

pub(super) const ID: &str = "id";
pub(super) const RENEWED: &str = "renewed_ms";
pub(super) const HOLDER: &str = "holder";
/// The last deploy's item, whole.
pub(super) const LAST: &str = "last";
/// After so many tries a renewal is left to the next one.
const RENEWAL_TRIES: u32 = 3;

/// What came of an attempt to take it.
pub(super) enum Taking {
    /// The lease is ours; the last deploy's item, if it remembers one.
    Done(Option<Item>),
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
    pub(super) dynamodb: DynamoDb,
    pub(super) table: String,
    pub(super) stage: String,
}

impl Place {
    pub(super) fn of(cx: &Deploying) -> Self {
        Self { dynamodb: cx.aws.dynamodb.clone(), table: cx.stage.names().table("stage"), stage: cx.stage.name.clone() }
    }

    /// Takes the lease where nobody has it, or from exactly the one that was found dead.
    pub(super) async fn take(&self, me: &Holder, instead_of: Option<&Holder>) -> Result<Taking, LeaseError> {
        let mut request = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .update_expression("SET #id = :me, #renewed = :now, #holder = :holder, #kind = :kind")
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, attribute) in [("#id", ID), ("#renewed", RENEWED), ("#holder", HOLDER), ("#kind", KIND)] {
            request = request.expression_attribute_names(name, attribute);
        }
        for (name, value) in [(":me", text(&me.id)), (":now", number(me.renewed_ms)), (":kind", text("lease"))] {
            request = request.expression_attribute_values(name, value);
        }
        let request = request.expression_attribute_values(":holder", written(me));
        let request = match instead_of {
            None => request.condition_expression("attribute_not_exists(#id)"),
            Some(dead) => request
                .condition_expression("#id = :dead AND #renewed = :seen OR attribute_not_exists(#id)")
                .expression_attribute_values(":dead", text(&dead.id))
                .expression_attribute_values(":seen", number(dead.renewed_ms)),
        };
        let met = match request.send().await {
            Ok(taken) => return Ok(Taking::Done(taken.attributes.and_then(last))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
                _ => return Err(self.failed(call("DynamoDB", "UpdateItem", &self.table)(error))),
            },
        };
        let met = match met {
            Some(met) => Some(met),
            None => self.get(layout::lease_key().attributes()).await.map_err(|source| self.failed(source))?,
        };
        Ok(match met.as_ref().and_then(stored) {
            // A first try whose answer was lost (A12).
            Some(found) if found.id == me.id => Taking::Done(met.and_then(last)),
            Some(found) => Taking::Met(found),
            None => Taking::Vanished,
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
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":id", text(id))
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

    /// Gives it back, if it is still this one.
    pub(super) async fn give_back(&self, id: &str) -> Result<(), LeaseError> {
        let mut request = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(layout::lease_key().attributes()))
            .update_expression("REMOVE #id, #renewed, #holder")
            .condition_expression("#id = :id")
            .expression_attribute_values(":id", text(id));
        for (name, attribute) in [("#id", ID), ("#renewed", RENEWED), ("#holder", HOLDER)] {
            request = request.expression_attribute_names(name, attribute);
        }
        match request.send().await.map_err(call("DynamoDB", "UpdateItem", &self.table)) {
            Ok(_) => Ok(()),
            // Deleted with its table, or an answer was lost and this was the second try.
            Err(error) if error.is_missing() || error.is("ConditionalCheckFailedException") => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Who has it now.
    pub(super) async fn read(&self) -> Result<Option<Holder>, LeaseError> {
        let item = self.get(layout::lease_key().attributes()).await.map_err(|source| self.failed(source))?;
        Ok(item.as_ref().and_then(stored))
    }

    /// An item of the table as it stands.
    pub(super) async fn get(&self, key: Item) -> Result<Option<Item>, CallError> {
        let request = self.dynamodb.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        let answer = request.send().await.map_err(call("DynamoDB", "GetItem", &self.table))?;
        Ok(answer.item)
    }

    fn failed(&self, source: CallError) -> LeaseError {
        LeaseError::Call { stage: self.stage.clone(), source }
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn written(holder: &Holder) -> AttributeValue {
    let Ok(json) = serde_json::to_string(holder) else { unreachable!("a holder is plain text and numbers") };
    AttributeValue::S(json)
}

/// The last deploy's item that a lease's item remembers.
fn last(mut lease: Item) -> Option<Item> {
    match lease.remove(LAST)? {
        AttributeValue::M(last) => Some(last),
        _ => None,
    }
}

/// The holder of an item; `None` where nobody holds it.
fn stored(item: &Item) -> Option<Holder> {
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
    fn a_lease_is_read_as_it_was_taken_and_as_it_was_renewed() {
        let me = Holder::this("chatctl up", "ann@laptop", 1_000);
        let (id, holder) = ((ID.to_owned(), text(&me.id)), (HOLDER.to_owned(), written(&me)));
        let item = |renewed_ms| Item::from([id.clone(), holder.clone(), (RENEWED.to_owned(), number(renewed_ms))]);
        assert_eq!(stored(&item(1_000)), Some(me.clone()));
        assert_eq!(stored(&item(11_000)), Some(Holder { renewed_ms: 11_000, ..me }));
        assert_eq!(stored(&Item::new()), None);
    }
}
