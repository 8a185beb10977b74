//! Who may change a stage now: one item of the Stage table, made with a conditional put and renewed
//! while its holder works. Must not know what the holder does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use chat_aws::layout::{self, KIND};
use tokio::task::JoinHandle;

use super::holder::{self, Holder, Verdict};
use super::{Clock, Deploying};
use crate::aws::{CallError, DynamoDb, call};
use crate::failure::{Exit, Explain};

/// Six times before it would be taken for dead.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// How often taking it is tried when others take and give it at the same time.
const TRIES: u32 = 5;

const ID: &str = "id";
const RENEWED: &str = "renewed_ms";
const HOLDER: &str = "holder";

/// The lease is not ours.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum LeaseError {
    #[error("another deploy is changing stage {stage}: {command} on {host}, process {pid}", command = holder.command, host = holder.host, pid = holder.pid)]
    Held { stage: String, holder: Box<Holder>, for_s: i64 },
    #[error("others keep taking the lease of stage {stage}")]
    Contended { stage: String },
    #[error("another deploy has taken the lease of stage {stage} over")]
    Lost { stage: String },
    #[error("cannot take the lease of stage {stage}")]
    Call { stage: String, source: CallError },
}

impl Explain for LeaseError {
    fn exit(&self) -> Exit {
        match self {
            Self::Call { source, .. } => source.exit(),
            _ => Exit::Held,
        }
    }

    fn why(&self) -> Option<String> {
        match self {
            Self::Held { for_s, .. } => Some(format!("it began {for_s} s ago and still renews its lease")),
            Self::Call { source, .. } => Some(source.to_string()),
            Self::Contended { .. } | Self::Lost { .. } => None,
        }
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Call { source, .. } => Explain::next(source),
            Self::Held { .. } | Self::Contended { .. } => {
                Some("the same command again, when the other one has ended".to_owned())
            }
            Self::Lost { .. } => Some("chatctl status".to_owned()),
        }
    }
}

/// The lease, held: renewed until it is released or dropped.
pub(super) struct Lease {
    place: Place,
    id: String,
    lost: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
}

/// What came of a put.
enum Put {
    /// The lease is ours.
    Done,
    /// Somebody has it.
    Met(Holder),
    /// Somebody had it, and gave it back between two calls.
    Vanished,
}

#[derive(Clone)]
struct Place {
    dynamodb: DynamoDb,
    table: String,
    stage: String,
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub(super) async fn take(cx: &Deploying) -> Result<Self, LeaseError> {
        let place = Place {
            dynamodb: cx.aws.dynamodb.clone(),
            table: cx.stage.names().table("stage"),
            stage: cx.stage.name.clone(),
        };
        let (me, mut instead_of) = (Holder::this(&cx.command, cx.now_ms()), None);
        for _ in 0..TRIES {
            let found = match place.put(&me, instead_of.as_ref()).await? {
                Put::Done => return Ok(Self::held(place, me.id, cx)),
                Put::Met(found) => found,
                Put::Vanished => {
                    instead_of = None;
                    continue;
                }
            };
            let now_ms = cx.now_ms();
            if found.verdict(&me, now_ms, holder::started) == Verdict::Wait {
                let for_s = now_ms.saturating_sub(found.since_ms).max(0) / 1000;
                return Err(LeaseError::Held { stage: place.stage, holder: Box::new(found), for_s });
            }
            instead_of = Some(found);
        }
        Err(LeaseError::Contended { stage: place.stage })
    }

    fn held(place: Place, id: String, cx: &Deploying) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (renewed, noted, now, stop) = (place.clone(), lost.clone(), cx.now.clone(), cx.stop.clone());
        let own = id.clone();
        let renewing = tokio::spawn(async move {
            renew(&renewed, &own, &now).await;
            // Taken over: nothing more may be started.
            noted.store(true, Ordering::Release);
            stop.ask();
        });
        Self { place, id, lost, renewing }
    }

    /// An error when another deploy has taken it over.
    pub(super) fn check(&self) -> Result<(), LeaseError> {
        if self.lost.load(Ordering::Acquire) {
            Err(LeaseError::Lost { stage: self.place.stage.clone() })
        } else {
            Ok(())
        }
    }

    /// Gives it back.
    pub(super) async fn release(self) -> Result<(), LeaseError> {
        self.renewing.abort();
        self.check()?;
        let released = self
            .place
            .dynamodb
            .delete_item()
            .table_name(&self.place.table)
            .set_key(Some(layout::lease_key().attributes()))
            .condition_expression("#id = :id")
            .expression_attribute_names("#id", ID)
            .expression_attribute_values(":id", AttributeValue::S(self.id.clone()))
            .send()
            .await
            .map_err(call("DynamoDB", "DeleteItem", &self.place.table));
        match released {
            Ok(_) => Ok(()),
            // Deleted with its table, or an answer was lost and this was the second try.
            Err(error) if error.is_missing() || error.is("ConditionalCheckFailedException") => Ok(()),
            Err(source) => Err(LeaseError::Call { stage: self.place.stage.clone(), source }),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews until the lease is another's. A call that fails is tried again at the next turn.
async fn renew(place: &Place, id: &str, now: &Clock) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let renewed = place
            .dynamodb
            .update_item()
            .table_name(&place.table)
            .set_key(Some(layout::lease_key().attributes()))
            .update_expression("SET #renewed = :now")
            .condition_expression("#id = :id")
            .expression_attribute_names("#renewed", RENEWED)
            .expression_attribute_names("#id", ID)
            .expression_attribute_values(":now", AttributeValue::N((now() / 1000).to_string()))
            .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
            .send()
            .await
            .map_err(call("DynamoDB", "UpdateItem", &place.table));
        if renewed.is_err_and(|error| error.is("ConditionalCheckFailedException")) {
            return;
        }
    }
}

impl Place {
    /// Puts the lease where there is none, or in place of exactly the one that was found dead.
    async fn put(&self, me: &Holder, instead_of: Option<&Holder>) -> Result<Put, LeaseError> {
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

    async fn read(&self) -> Result<Option<Holder>, LeaseError> {
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
        let me = Holder::this("chatctl up", 1_000);
        let mut written = item(&me);
        assert_eq!(stored(&written), Some(me.clone()));
        written.insert(RENEWED.to_owned(), AttributeValue::N("11000".to_owned()));
        assert_eq!(stored(&written), Some(Holder { renewed_ms: 11_000, ..me }));
        assert_eq!(stored(&HashMap::new()), None);
    }

    #[test]
    fn who_is_refused_is_told_by_whom_and_exits_with_four() {
        let holder =
            Box::new(Holder { host: "laptop".to_owned(), pid: 7, ..Holder::this("chatctl up --stage dev", 0) });
        let error = LeaseError::Held { stage: "dev".to_owned(), holder, for_s: 12 };
        assert_eq!(
            error.to_string(),
            "another deploy is changing stage dev: chatctl up --stage dev on laptop, process 7"
        );
        assert_eq!(error.exit(), Exit::Held);
        assert!(Explain::why(&error).unwrap().contains("12 s ago"));
    }
}
