//! What is ours in the cloud, by prefix and tag, whether or not anybody wants it any more: for the
//! certificate at the end of a removal, and for strays. It must not know what should be there.

use chat_aws::routes::Function as Part;
use reconcile::{Fault, Id};

use super::{
    api, function,
    ground::{Ground, Result},
    log_group, mapping, operations, parameter, queue, role, table,
};

/// One thing that is, or may be, ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ours {
    /// Its id, were it in the stack.
    pub(super) id: Id,
    pub(super) what: What,
}

/// What it is, by the name that its service knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Table(String),
    Queue { name: String, url: String },
    Parameter(String),
    Role(String),
    LogGroup(String),
    Function(String),
    Api(String),
    Mapping(String),
}

impl What {
    /// Whether it holds what nobody can make again.
    pub(super) fn is_data(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Parameter(_))
    }

    /// In which order it goes: mappings before their functions (A4), log groups after them (A11).
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Mapping(_) => 0,
            Self::Function(_) => 1,
            _ => 2,
        }
    }
}

/// One kind, as it was looked through: `found` is what was found, or why nobody can say.
pub(super) struct Looked<T> {
    pub(super) kind: &'static str,
    pub(super) found: std::result::Result<Vec<T>, Fault>,
}

/// What was found of one kind, read back after a removal.
pub struct ReadBack {
    /// The kind.
    pub kind: &'static str,
    /// How many things with this stage's prefix there are, ours or not.
    pub looked_at: usize,
    /// What of them is ours, or why nobody can say.
    pub ours: std::result::Result<Vec<Id>, Fault>,
}

/// Reads every kind back, and of each thing with our prefix whose it is.
pub(super) async fn read_back(ground: &Ground) -> Vec<ReadBack> {
    let mut answer = Vec::new();
    for Looked { kind, found } in candidates(ground).await {
        let looked_at = found.as_ref().map_or(0, Vec::len);
        let ours = match found {
            Ok(found) => owned(ground, found).await,
            Err(fault) => Err(fault),
        };
        answer.push(ReadBack { kind, looked_at, ours });
    }
    answer.push(stacks(ground).await);
    answer
}

/// There is one, and every stack of the chat wants it, so that it is never a stray.
async fn stacks(ground: &Ground) -> ReadBack {
    let found = operations::left(ground).await;
    let looked_at = found.as_ref().map_or(0, |found| usize::from(found.is_some()));
    ReadBack { kind: "stack", looked_at, ours: found.map(|ours| ours.into_iter().collect()) }
}

async fn owned(ground: &Ground, found: Vec<Ours>) -> Result<Vec<Id>> {
    let mut ids = Vec::new();
    for ours in found {
        if is_ours(ground, &ours).await? {
            ids.push(ours.id);
        }
    }
    Ok(ids)
}

/// Whether it carries our tags. A mapping is its function's, which may be gone (A4).
pub(super) async fn is_ours(ground: &Ground, ours: &Ours) -> Result<bool> {
    match &ours.what {
        What::Table(name) => table::is_ours(ground, name).await,
        What::Queue { url, .. } => queue::is_ours(ground, url).await,
        What::Parameter(name) => parameter::is_ours(ground, name).await,
        What::Role(name) => role::is_ours(ground, name).await,
        What::LogGroup(name) => log_group::is_ours(ground, name).await,
        What::Function(name) => function::is_ours(ground, name).await,
        What::Api(_) => Ok(true),
        What::Mapping(uuid) => {
            let mappings = ground.mappings().await?;
            let Some(name) = mappings.iter().find(|one| one.uuid == *uuid).and_then(mapping::Found::function_name)
            else {
                return Ok(false);
            };
            // Of a function that is gone only the name is left to go by: `chat-dev-2` is no function of `chat-dev`.
            let is_known = Part::ALL.into_iter().any(|part| ground.names.function(part.name()) == name);
            match ground.functions().await?.contains(name) {
                true => function::is_ours(ground, name).await,
                false => Ok(is_known),
            }
        }
    }
}

/// All that has our prefix (of APIs: our tags), kind by kind.
pub(super) async fn candidates(ground: &Ground) -> Vec<Looked<Ours>> {
    let (tables, queues, parameters, roles, log_groups, functions, apis, mappings) = tokio::join!(
        tables(ground),
        queues(ground),
        parameters(ground),
        roles(ground),
        log_groups(ground),
        functions(ground),
        apis(ground),
        mappings(ground),
    );
    [
        ("api", apis),
        ("function", functions),
        ("table", tables),
        ("mapping", mappings),
        ("queue", queues),
        ("parameter", parameters),
        ("role", roles),
        ("log-group", log_groups),
    ]
    .map(|(kind, found)| Looked { kind, found })
    .into()
}

async fn tables(ground: &Ground) -> Result<Vec<Ours>> {
    let ours = |name: &String| {
        let which = ["messages", "clients", "stage"].into_iter().find(|which| ground.names.table(which) == *name);
        Ours { id: table::id(which.unwrap_or_else(|| short(ground, name))), what: What::Table(name.clone()) }
    };
    Ok(ground.tables().await?.iter().map(ours).collect())
}

async fn queues(ground: &Ground) -> Result<Vec<Ours>> {
    let ours = |(name, url): (&String, &String)| Ours {
        id: queue::id(short(ground, name)),
        what: What::Queue { name: name.clone(), url: url.clone() },
    };
    Ok(ground.queues().await?.iter().map(ours).collect())
}

async fn parameters(ground: &Ground) -> Result<Vec<Ours>> {
    let ours = |name: &String| Ours {
        id: parameter::id(name.rsplit('/').next().unwrap_or(name)),
        what: What::Parameter(name.clone()),
    };
    Ok(ground.parameters().await?.iter().map(ours).collect())
}

async fn roles(ground: &Ground) -> Result<Vec<Ours>> {
    let ours = |name: &String| {
        let of = Part::ALL.into_iter().find(|part| ground.names.role(part.name()) == *name);
        let id = role::id(of.map_or(short(ground, name), |part| part.name()));
        Ours { id, what: What::Role(name.clone()) }
    };
    Ok(ground.roles().await?.iter().filter(|name| is_of_this_region(ground, name)).map(ours).collect())
}

async fn log_groups(ground: &Ground) -> Result<Vec<Ours>> {
    let prefix = ground.names.log_group("");
    let ours = |name: &String| Ours {
        id: log_group::id(name.strip_prefix(&prefix).unwrap_or(name)),
        what: What::LogGroup(name.clone()),
    };
    Ok(ground.log_groups().await?.keys().map(ours).collect())
}

/// Roles are global: the same stage in another region has its own, under the same tags. Names alone tell them apart; of a
/// name that was cut, only those that are wanted here.
fn is_of_this_region(ground: &Ground, role: &str) -> bool {
    let wanted = Part::ALL.iter().any(|function| ground.names.role(function.name()) == role);
    wanted || ground.names.is_role_here(role)
}

async fn functions(ground: &Ground) -> Result<Vec<Ours>> {
    let ours = |name: &String| Ours { id: function::id(short(ground, name)), what: What::Function(name.clone()) };
    Ok(ground.functions().await?.iter().map(ours).collect())
}

/// They are listed by their tags; the only one is the stack's, whatever its id.
async fn apis(ground: &Ground) -> Result<Vec<Ours>> {
    let apis = ground.apis().await?;
    let id = |found: &api::Found| if apis.len() == 1 { api::id() } else { Id::new(api::id().kind(), &found.id) };
    Ok(apis.iter().map(|found| Ours { id: id(found), what: What::Api(found.id.clone()) }).collect())
}

/// The first one of a function and source that the stack wants is the stack's, as a plan adopts it (A4).
async fn mappings(ground: &Ground) -> Result<Vec<Ours>> {
    let mut met = Vec::new();
    let mut ours = Vec::new();
    for found in ground.mappings().await?.iter().filter(|found| !found.leaves()) {
        let adopted = mapping::which(ground, found).filter(|which| !met.contains(which));
        met.extend(adopted);
        let id = mapping::id(adopted.unwrap_or(&found.uuid));
        ours.push(Ours { id, what: What::Mapping(found.uuid.clone()) });
    }
    Ok(ours)
}

fn short<'a>(ground: &Ground, name: &'a str) -> &'a str {
    name.strip_prefix(&ground.prefix()).unwrap_or(name)
}
