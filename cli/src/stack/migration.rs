//! What brings a stage of an earlier layout to this chatctl's: what else is written with the new version, in one
//! transaction, so that a stage is always whole in one layout. It must not know where the version is kept.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use chat_aws::layout::{self, BACK, Item, LAYOUT_VERSION, NUMBER, PK, SK};
use reconcile::Fault;

use super::ground::{Ground, Result};
use crate::aws::call;

/// What has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing: it is this chatctl's own.
    Same,
    /// Deploys were not counted: each gets its number, those that were counted later come after them.
    Count,
}

/// The layouts that this chatctl knows the way from, each with the way. A new layout gets a line here: the way from
/// the one before it.
const WAYS: [(u32, Way); 2] = [(1, Way::Count), (LAYOUT_VERSION, Way::Same)];
/// A transaction has a hundred places, and the version and the other records need a few.
const MOST: i32 = 90;

/// The way from this layout; one that is not known is not touched.
pub(super) fn way(from: u32) -> std::result::Result<Way, Fault> {
    if let Some((_, way)) = WAYS.iter().find(|(version, _)| *version == from) {
        return Ok(*way);
    }
    if from > LAYOUT_VERSION {
        let what = format!("this stage has layout {from}, and this chatctl knows {LAYOUT_VERSION} at most");
        return Err(Fault::new(what).with_next(Some("use the newer chatctl that made it".into())));
    }
    let what = format!("this stage has layout {from}, and this chatctl knows no way from it to {LAYOUT_VERSION}");
    Err(Fault::new(what)
        .with_next(Some("use the chatctl that made it to take it down, or a chatctl between the two".into())))
}

/// What is written with the new version, of a stage that is at this one.
pub(super) async fn writes(ground: &Ground, from: u32) -> Result<Vec<TransactWriteItem>> {
    match way(from)? {
        Way::Same => Ok(Vec::new()),
        Way::Count => {
            let table = ground.names.table("stage");
            counted(&latest_deploys(ground, &table).await?).into_iter().map(|deploy| deploy.write(&table)).collect()
        }
    }
}

/// The deploys that are kept, the oldest first.
async fn latest_deploys(ground: &Ground, table: &str) -> Result<Vec<Item>> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let request = ground.aws.dynamodb.query().table_name(table).consistent_read(true).scan_index_forward(false);
        let request = request
            .key_condition_expression("#pk = :deploys")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":deploys", AttributeValue::S(layout::deploys()))
            .limit(MOST - i32::try_from(items.len()).unwrap_or(MOST))
            .set_exclusive_start_key(from);
        let page = request.send().await.map_err(call("DynamoDB", "Query", table))?;
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key.filter(|_| i32::try_from(items.len()).is_ok_and(|met| met < MOST));
        if from.is_none() {
            items.reverse();
            return Ok(items);
        }
    }
}

/// A deploy and the numbers that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    id: String,
    numbers: BTreeMap<&'static str, u64>,
}

/// The numbers that differ. `deploys` has the oldest first; those without a number stand before all others.
fn counted(deploys: &[Item]) -> Vec<Counted> {
    let number = |item: &Item, name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
    let uncounted = deploys.iter().filter(|item| number(item, NUMBER).is_none()).count() as u64;
    if uncounted == 0 {
        return Vec::new();
    }
    let mut next = 0;
    let count = |item: &Item| {
        let id = item.get(SK)?.as_s().ok()?.clone();
        next += 1;
        let mut numbers = BTreeMap::from([(NUMBER, number(item, NUMBER).map_or(next, |number| number + uncounted))]);
        // What a way back went from and to has moved too.
        numbers.extend(BACK.iter().filter_map(|name| Some((*name, number(item, name)? + uncounted))));
        Some(Counted { id, numbers })
    };
    deploys.iter().filter_map(count).collect()
}

impl Counted {
    fn write(self, table: &str) -> Result<TransactWriteItem> {
        let set: Vec<String> = self.numbers.keys().map(|name| format!("#{name} = :{name}")).collect();
        let mut update = Update::builder()
            .table_name(table)
            .set_key(Some(layout::deploy_key(&self.id).attributes()))
            .update_expression(format!("SET {}", set.join(", ")));
        for (name, number) in self.numbers {
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), AttributeValue::N(number.to_string()));
        }
        Ok(TransactWriteItem::builder().update(update.build().map_err(Fault::new)?).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_layout_needs_nothing_and_a_newer_or_unknown_one_is_refused_with_what_to_do() {
        assert_eq!(way(LAYOUT_VERSION).unwrap(), Way::Same);
        let newer = way(LAYOUT_VERSION + 1).unwrap_err();
        assert!(newer.to_string().ends_with("knows 2 at most"), "{newer}");
        let unknown = way(0).unwrap_err();
        assert!(unknown.to_string().contains("no way from it") && unknown.next().is_some(), "{unknown}");
    }

    #[test]
    fn every_layout_before_this_one_has_a_way() {
        for version in 1..=LAYOUT_VERSION {
            assert!(way(version).is_ok(), "layout {version}");
        }
    }

    #[test]
    fn deploys_that_were_not_counted_come_first_and_what_refers_to_the_others_moves_with_them() {
        let deploy = |id: &str, numbers: &[(&'static str, u64)]| {
            let number = |(name, number): &(&str, u64)| ((*name).to_owned(), AttributeValue::N(number.to_string()));
            numbers.iter().map(number).chain([(SK.to_owned(), AttributeValue::S(id.to_owned()))]).collect::<Item>()
        };
        let [from, to] = BACK;
        let mixed = [
            deploy("a", &[]),
            deploy("b", &[]),
            deploy("c", &[(NUMBER, 1)]),
            deploy("d", &[(NUMBER, 2), (from, 2), (to, 1)]),
        ];
        let numbers = |of: &[(&'static str, u64)]| of.iter().copied().collect::<BTreeMap<_, _>>();
        let should = [
            ("a", numbers(&[(NUMBER, 1)])),
            ("b", numbers(&[(NUMBER, 2)])),
            ("c", numbers(&[(NUMBER, 3)])),
            ("d", numbers(&[(NUMBER, 4), (from, 4), (to, 3)])),
        ];
        let should = should.map(|(id, numbers)| Counted { id: id.to_owned(), numbers });
        assert_eq!(counted(&mixed), should);
        assert_eq!(counted(&[deploy("c", &[(NUMBER, 1)])]), [], "counted by an older chatctl of the same layout");
    }
}
