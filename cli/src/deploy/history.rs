//! The deploys of a stage, one item each in its Stage table: read, and the old ones removed (who holds the lease writes
//! them). Must not know how a deploy is done.

use std::cmp::Reverse;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use chat_aws::layout::{self, Item, PK};

use super::Deploying;
use super::lease::Then;
use super::record::{Deploy, Proof};
use crate::aws::{CallError, call};
use crate::failure::Failure;
use crate::stack::{self, Versions};

/// So many deploys are kept; more than there are versions of a function to go back to.
pub(super) const KEPT_DEPLOYS: u64 = 50;
/// The older ones go at every so many-th deploy, so that most cost no call for it.
const SWEPT_EVERY: u64 = 10;

/// So many are read at least: a deploy of a computer whose clock was behind may stand below earlier ones, as a chatctl
/// of another day wrote it.
const READ: u64 = 8;

/// The deploys that are kept, the newest first; at most so many.
pub(super) async fn latest(cx: &Deploying, most: u64) -> Result<Vec<Deploy>, CallError> {
    let items = query(cx, Order::NewestFirst, most.max(READ)).await?;
    let mut deploys = in_order(items.iter().filter_map(Deploy::stored).collect());
    deploys.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(deploys)
}

/// The newest first by their numbers, which are counted under the lease; those without one stay as they are.
fn in_order(mut deploys: Vec<Deploy>) -> Vec<Deploy> {
    deploys.sort_by_key(|deploy| Reverse(deploy.number));
    deploys
}

/// The last deploy, if there was one.
pub(super) async fn last(cx: &Deploying) -> Result<Option<Deploy>, CallError> {
    Ok(latest(cx, 1).await?.into_iter().next())
}

/// Whether the last deploy still owes its proof.
pub(super) fn owes_proof(last: Option<&Deploy>) -> bool {
    last.is_none_or(|last| matches!(last.proof, Proof::Owed | Proof::Failed))
}

/// Whether other versions are live than were written down: the deploy that made them was cut off before it was.
pub(super) fn is_unwritten(last: Option<&Deploy>, live: &Versions) -> bool {
    last.is_none_or(|last| !live.is_empty() && last.functions != *live)
}

/// What is said where it cannot be read: a stage without its table is not up.
pub(super) fn unread(cx: &Deploying, error: CallError) -> Failure {
    let name = &cx.stage.name;
    if error.is_missing() {
        return Failure::failed(format!("stage {name} is not up")).next(cx.stage.command("up"));
    }
    Failure::from(error).while_doing(format!("cannot read the history of stage {name}"))
}

/// What becomes of the lease with the record of this deploy, of which nothing is left to do or something is: one that
/// sweeps holds it for that.
pub(super) fn then(number: u64, nothing_left: bool) -> Then {
    if nothing_left && !sweeps(number) { Then::GivenBack } else { Then::Held }
}

fn sweeps(number: u64) -> bool {
    number.is_multiple_of(SWEPT_EVERY)
}

/// Removes what is older than what is kept, of the history and of the functions' versions, once in a while. The last
/// proved deploy stays, and what it made live: a failed proof goes back to that.
pub(super) async fn sweep(cx: &Deploying, newest: u64) -> Result<(), Failure> {
    let failed =
        |error| Failure::from(error).while_doing(format!("cannot remove old deploys of stage {}", cx.stage.name));
    remove_old(cx, newest).await.map_err(failed)
}

async fn remove_old(cx: &Deploying, newest: u64) -> Result<(), CallError> {
    if !sweeps(newest) {
        return Ok(());
    }
    let proved = latest(cx, KEPT_DEPLOYS + SWEPT_EVERY).await?.into_iter().find(|one| one.proof == Proof::Proved);
    let spared = proved.as_ref().map(|proved| proved.functions.clone()).unwrap_or_default();
    stack::prune(&cx.aws, &cx.stage.names(), &spared).await?;
    match (newest + 1).checked_sub(KEPT_DEPLOYS) {
        Some(oldest_kept) => remove(cx, oldest_kept, proved.map(|proved| proved.number)).await,
        None => Ok(()),
    }
}

async fn remove(cx: &Deploying, oldest_kept: u64, spared: Option<u64>) -> Result<(), CallError> {
    let table = cx.stage.names().table("stage");
    // A batch has 25 places: more than become too old between two sweeps.
    let oldest = query(cx, Order::OldestFirst, 25).await?;
    let removals: Vec<WriteRequest> = oldest
        .iter()
        .filter_map(Deploy::stored)
        .filter(|deploy| deploy.number < oldest_kept && Some(deploy.number) != spared)
        .filter_map(|deploy| {
            let key = layout::deploy_key(&deploy.id.to_string()).attributes();
            let removal = DeleteRequest::builder().set_key(Some(key)).build().ok()?;
            Some(WriteRequest::builder().delete_request(removal).build())
        })
        .collect();
    if removals.is_empty() {
        return Ok(());
    }
    let request = cx.aws.dynamodb.batch_write_item().request_items(&table, removals);
    // What is not processed is too old at the next sweep as well.
    request.send().await.map(|_| ()).map_err(call("DynamoDB", "BatchWriteItem", &table))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

async fn query(cx: &Deploying, order: Order, most: u64) -> Result<Vec<Item>, CallError> {
    let table = cx.stage.names().table("stage");
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut items, mut from): (Vec<HashMap<String, AttributeValue>>, _) = (Vec::new(), None);
    loop {
        let request = cx
            .aws
            .dynamodb
            .query()
            .table_name(&table)
            .key_condition_expression("#pk = :deploys")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":deploys", AttributeValue::S(layout::deploys()))
            .scan_index_forward(order == Order::OldestFirst)
            .limit(i32::try_from(most - items.len()).unwrap_or(i32::MAX))
            .consistent_read(true)
            .set_exclusive_start_key(from);
        let page = request.send().await.map_err(call("DynamoDB", "Query", &table))?;
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key;
        if from.is_none() || items.len() >= most {
            return Ok(items);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chosen::{chosen, undone};
    use super::super::record::tests::deploy;
    use super::*;

    /// Deploy 3 was done on a computer whose clock was behind: by its id it is the oldest.
    fn out_of_order() -> Vec<Deploy> {
        let of = |number, proof| deploy(number, number, proof);
        vec![of(4, Proof::Failed), of(2, Proof::Proved), of(1, Proof::Proved), of(3, Proof::Proved)]
    }

    #[test]
    fn what_a_clock_that_was_behind_wrote_down_is_read_in_the_order_of_the_lease() {
        let past = in_order(out_of_order());
        let numbers: Vec<u64> = past.iter().map(|deploy| deploy.number).collect();
        assert_eq!(numbers, [4, 3, 2, 1]);
        assert_eq!(undone(&past, &past[0]).map(|to| to.number), Some(3));
        assert_eq!(chosen(&past, None, str::to_owned).map(|(from, to)| (from.number, to.number)), Ok((4, 3)));
        assert!(!is_unwritten(past.first(), &past[0].functions));
    }

    #[test]
    fn deploys_that_were_not_counted_stay_as_they_are_behind_those_that_were() {
        let uncounted = |version| Deploy { number: 0, ..deploy(0, version, Proof::Proved) };
        let past = in_order(vec![uncounted(9), deploy(1, 1, Proof::Proved), uncounted(8)]);
        let versions: Vec<&str> = past.iter().map(|deploy| &*deploy.functions["store-message"].number).collect();
        assert_eq!(versions, ["1", "9", "8"]);
    }
}
