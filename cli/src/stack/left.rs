//! What is ours in the cloud, by prefix and tag, whether or not anybody wants it any more: for the
//! certificate at the end of a removal. It must not know what should be there.

use reconcile::Id;

use super::{
    api, function,
    ground::{Ground, Result},
    log_group, mapping, operations, parameter, queue, role, table,
};

/// All that carries our tags, kind by kind.
pub(super) async fn left(ground: &Ground) -> Result<Vec<Id>> {
    let (tables, queues, parameters, roles, log_groups, functions, rest, stack) = tokio::try_join!(
        tables(ground),
        queues(ground),
        parameters(ground),
        roles(ground),
        log_groups(ground),
        functions(ground),
        apis_and_mappings(ground),
        operations::left(ground),
    )?;
    let stack = stack.into_iter().collect();
    Ok([tables, queues, parameters, roles, log_groups, functions, rest, stack].concat())
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
        if role::is_ours(ground, name).await? {
            let of = chat_aws::routes::Function::ALL
                .into_iter()
                .find(|function| ground.names.role(function.name()) == *name);
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

async fn functions(ground: &Ground) -> Result<Vec<Id>> {
    let mut ours = Vec::new();
    for name in ground.functions().await? {
        if function::is_ours(ground, name).await? {
            ours.push(function::id(short(ground, name)));
        }
    }
    Ok(ours)
}

/// APIs are listed by their tags already; a mapping is its function's, which may be gone (A4).
async fn apis_and_mappings(ground: &Ground) -> Result<Vec<Id>> {
    let (apis, mappings) = tokio::try_join!(ground.apis(), ground.mappings())?;
    let apis = apis.iter().map(|found| Id::new(api::id().kind(), &found.id));
    Ok(apis.chain(mappings.iter().map(|found| mapping::id(&found.uuid))).collect())
}

fn short<'a>(ground: &Ground, name: &'a str) -> &'a str {
    name.strip_prefix(&ground.prefix()).unwrap_or(name)
}
