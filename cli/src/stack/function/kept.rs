//! Old versions: so many are kept to go back to, and those of the last proved deploy, which a failed proof goes back to
//! by itself. It must not know when that is looked at.

use chat_aws::routes::Function as Part;
use futures_util::future::try_join_all;

use super::{KEPT_VERSIONS, SERVICE, Versions};
use crate::aws::{Aws, CallError, call, if_there};
use crate::stage::Names;

/// Removes the versions of every function that are kept by nobody.
pub async fn prune(aws: &Aws, names: &Names, spared: &Versions) -> Result<(), CallError> {
    let parts = Part::ALL.into_iter().map(|part| async move {
        let spared = spared.get(part.name()).and_then(|version| version.number.parse().ok());
        prune_one(aws, &names.function(part.name()), spared).await
    });
    try_join_all(parts).await.map(drop)
}

async fn prune_one(aws: &Aws, name: &str, spared: Option<u64>) -> Result<(), CallError> {
    for old in surplus(numbers(aws, name).await?, spared) {
        let removal = aws.lambda.delete_function().function_name(name).qualifier(old.to_string()).send().await;
        match if_there(removal.map_err(call(SERVICE, "DeleteFunction", name))) {
            // An alias stands before it, ours or somebody else's.
            Err(error) if error.is_taken() => {}
            removal => drop(removal?),
        }
    }
    Ok(())
}

async fn numbers(aws: &Aws, name: &str) -> Result<Vec<u64>, CallError> {
    let mut pages = aws.lambda.list_versions_by_function().function_name(name).into_paginator().send();
    let mut numbers = Vec::new();
    while let Some(page) = pages.next().await {
        let Some(page) = if_there(page.map_err(call(SERVICE, "ListVersionsByFunction", name)))? else { break };
        let versions = page.versions.unwrap_or_default();
        numbers.extend(versions.iter().filter_map(|version| version.version()?.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// All but the last ones and the one that is spared, the oldest first.
fn surplus(mut numbers: Vec<u64>, spared: Option<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    let kept = usize::try_from(KEPT_VERSIONS).unwrap_or(usize::MAX);
    numbers.truncate(numbers.len().saturating_sub(kept));
    numbers.retain(|number| Some(*number) != spared);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_versions_are_kept_and_the_one_that_is_spared() {
        let all = |upto: u64| (1..=upto).rev().collect::<Vec<_>>();
        assert_eq!(surplus(all(KEPT_VERSIONS), None), Vec::<u64>::new());
        assert_eq!(surplus(all(KEPT_VERSIONS + 3), None), [1, 2, 3]);
        assert_eq!(surplus(all(KEPT_VERSIONS + 3), Some(2)), [1, 3]);
        assert_eq!(surplus(vec![40, 2, 7], Some(99)), Vec::<u64>::new(), "gaps count nothing");
    }
}
