//! What is ours in the cloud, by prefix and tag, whether or not anybody wants it any more: for the
//! certificate at the end of a removal. It must not know what should be there.

use std::collections::BTreeSet;

use chat_aws::routes::Function as Part;
use reconcile::Id;

use super::{
    api, function,
    ground::{Ground, Result},
    log_group, mapping, parameter, queue, role, table,
};

/// All that carries our tags, kind by kind.
pub(super) async fn left(ground: &Ground) -> Result<Vec<Id>> {
    let (tables, queues, parameters, roles, log_groups, functions, apis) = tokio::try_join!(
        tables(ground),
        queues(ground),
        parameters(ground),
        roles(ground),
        log_groups(ground),
        functions_and_mappings(ground),
        apis(ground),
    )?;
    Ok([tables, queues, parameters, roles, log_groups, functions, apis].concat())
}

async fn tables(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    for name in ground.tables().await? {
        if table::is_ours(ground, name).await? {
            let which = ["messages", "clients", "stage"].into_iter().find(|which| ground.names.table(which) == *name);
            ours.push(table::id(which.unwrap_or_else(|| short(ground, name))));
        }
    }
    Ok(ours)
}

async fn queues(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    for (name, url) in ground.queues().await? {
        if queue::is_ours(ground, url).await? {
            ours.push(queue::id(short(ground, name)));
        }
    }
    Ok(ours)
}

async fn parameters(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    for name in ground.parameters().await? {
        if parameter::is_ours(ground, name).await? {
            ours.push(parameter::id(name.rsplit('/').next().unwrap_or(name)));
        }
    }
    Ok(ours)
}

async fn roles(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    for name in ground.roles().await? {
        if !is_of_another_region(ground, name) && role::is_ours(ground, name).await? {
            let of = Part::ALL.into_iter().find(|function| ground.names.role(function.name()) == *name);
            ours.push(role::id(of.map_or_else(|| short(ground, name), |function| function.name())));
        }
    }
    Ok(ours)
}

async fn log_groups(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    let prefix = ground.names.log_group("");
    for name in ground.log_groups().await?.keys() {
        if log_group::is_ours(ground, name).await? {
            ours.push(log_group::id(name.strip_prefix(&prefix).unwrap_or(name)));
        }
    }
    Ok(ours)
}

/// Roles are global: the same stage in another region has its own, under the same tags.
fn is_of_another_region(ground: &Ground, role: &str) -> bool {
    let of = |function: &Part| role.strip_prefix(&format!("{}{}-", ground.prefix(), function.name())).is_some();
    Part::ALL.iter().any(of) && !Part::ALL.iter().any(|function| ground.names.role(function.name()) == role)
}

/// A mapping has no tags that a list shows: it is its function's, which may be gone (A4) or a stranger's.
async fn functions_and_mappings(ground: &Ground) -> Result<Vec<Id>> {
    let (functions, mappings) = tokio::try_join!(ground.functions(), ground.mappings())?;
    let (mut left, mut theirs) = (Vec::new(), BTreeSet::new());
    for name in functions {
        if function::is_ours(ground, name).await? {
            left.push(function::id(short(ground, name)));
        } else {
            theirs.insert(name.as_str());
        }
    }
    let ours = mappings.iter().filter(|found| !theirs.contains(found.function_name()));
    left.extend(ours.map(|found| mapping::id(&found.uuid)));
    Ok(left)
}

/// They are listed by their tags already.
async fn apis(ground: &Ground) -> Result<Vec<Id>> {
    Ok(ground.apis().await?.iter().map(|found| Id::new(api::id().kind(), &found.id)).collect())
}

fn short<'a>(ground: &Ground, name: &'a str) -> &'a str {
    name.strip_prefix(&ground.prefix()).unwrap_or(name)
}
