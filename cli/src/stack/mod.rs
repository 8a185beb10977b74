//! THE CHAT AS RESOURCES. Read this file first: it is the list of everything that a stage is made of, with
//! what each stands on; each kind has a file of its own. It must not know how a plan is made or shown.
//!
//! | resource | what | stands on |
//! |---|---|---|
//! | `table/stage` | what the operator owns: lease, deploys, rooms | |
//! | `table/messages` | messages; its stream starts the way to the clients | |
//! | `table/clients` | push subscriptions | |
//! | `records/stage` | what the Stage table begins with: layout, address key, lobby | `table/stage`, `parameter/room-key` |
//! | `parameter/vapid-key`, `parameter/room-key` | the two secrets | |
//! | `queue/dead-letters` | what was tried too often | |
//! | `queue/new-messages` | announcements and jobs | `queue/dead-letters` |
//! | `role/F`, `log-group/F` | of each function F | |
//! | `rights/F` | what the role allows beyond that, taken away last | `role/F`, and all the rest |
//! | `function/F` | each of the six, behind its alias `live` | its role, log group, and what its environment is learned from |
//! | `api/http` | the HTTP API | |
//! | `routes/http` | its routes and integrations | `api/http` |
//! | `permission/F` | the API may call F | `api/http`, `function/F` |
//! | `mapping/stream` | table → forward-messages | `table/messages`, `function/forward-messages`, `queue/dead-letters` |
//! | `mapping/queue` | queue → notify-clients | `queue/new-messages`, `function/notify-clients` |
//! | `stack/operations` | alarms and a dashboard, by CloudFormation; not waited for | |

mod account;
mod api;
mod asked;
mod boundary;
mod function;
mod grants;
mod ground;
mod left;
mod live;
mod log_group;
mod lowering;
mod mapping;
mod migration;
mod narrowing;
mod operations;
mod package;
mod parameter;
mod permission;
mod queue;
mod records;
mod rights;
mod role;
mod routes;
mod settings;
mod stray;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use chat::{
    room::{Epoch, OperatorKey},
    webpush::vapid::VapidKey,
};
use chat_aws::{layout::STREAM_FILTER, routes::Function as Part};
use reconcile::{Id, Stack};

pub use api::{API_ID, ENDPOINT, id as api_id};
pub use asked::{bootstrap_left, check_layout, operations_state, operator_key, read_back};
pub use function::{CODE_FIELDS, KEPT_VERSIONS, LIVE, Version, Versions, id as function_id, prune, versions};
pub use left::ReadBack;
pub use live::{Live, live};
pub use operations::{
    Before, STATE, Standing, begin_deletion, id as operations_id, said as operations_said, was_never_made,
};
pub use package::Package;
pub use parameter::{PUBLIC, ROOM_KEY, VAPID_KEY, id as parameter_id};
pub use queue::{URL, id as queue_id};
pub use role::{BOUNDARY, id as role_id};
pub use settings::{Decided, decided};
pub use table::{FRESH, STREAM, id as table_id};

use crate::aws::Aws;
use crate::stage::Stage;
use ground::Ground;

/// The queue of announcements and jobs.
pub const NEW_MESSAGES: &str = "new-messages";
/// Where what was tried too often goes.
pub const DEAD_LETTERS: &str = "dead-letters";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Six times the notifier's time-out, as AWS advises (A10).
const VISIBILITY_TIMES: u32 = 6;
/// How long a dead letter that somebody looks at stays hidden.
const LOOKED_AT: Duration = Duration::from_secs(30);
/// How often a message of the queue, or a record of the stream, is tried again before it becomes a dead letter (A20).
const TRIES: u32 = 5;
/// The oldest record that the stream's function is given: half of what the stream keeps, so that a dead letter's record
/// can still be read for as long again.
const RECORD_AGE: Duration = Duration::from_secs(12 * 3600);
/// How many batches of the queue are with the notifier at once (A33): of the ten invocations that a new account may have
/// (A17), two stay for the page.
const NOTIFIERS: i32 = 8;
/// How long a function's log lines are kept.
const LOG_DAYS: i32 = 14;
/// The largest batches: of the stream, and of the queue without a window.
const STREAM_BATCH: i32 = 100;
const QUEUE_BATCH: i32 = 10;

/// What is deployed as the functions' code, by function.
pub type Packages = BTreeMap<String, Package>;

/// The whole chat as a stack, and what was met on the way that no event may carry.
pub struct Chat {
    stack: Stack,
    ground: Arc<Ground>,
}

impl Deref for Chat {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

impl Chat {
    /// The operator's key, read once, from which the stage's rooms and tokens come.
    pub async fn operator_key(&self) -> reconcile::Result<OperatorKey> {
        self.ground.operator_key().await.cloned()
    }

    /// The lobby's epoch, where its record was seen or made while the stack was planned or walked.
    pub fn lobby(&self) -> Option<Epoch> {
        self.ground.lobby()
    }
}

/// The whole chat. A stack is planned once: what it lists is listed when it is first asked. Without a package
/// (for `status`), a function's code counts as wanted. `now_ms` is when what is made was made.
pub fn chat(aws: &Aws, stage: &Stage, packages: &Packages, now_ms: i64) -> Chat {
    let code = |part: Part| (packages.get(part.name()).cloned(), function::Aim::Whole);
    whole(Arc::new(Ground::of(aws, stage)), stage, now_ms, code)
}

/// The whole chat with what is this stage's and no longer wanted, which goes when the rest is done.
pub async fn chat_and_strays(aws: &Aws, stage: &Stage, packages: &Packages, now_ms: i64) -> reconcile::Result<Chat> {
    let ground = Arc::new(Ground::of(aws, stage));
    let code = |part: Part| (packages.get(part.name()).cloned(), function::Aim::Whole);
    let mut chat = whole(ground, stage, now_ms, code);
    stray::add_finishing(&mut chat.stack, &chat.ground).await?;
    Ok(chat)
}

/// The whole chat with exactly these versions behind the functions' aliases; a function without one stays as it is.
pub fn chat_of(aws: &Aws, stage: &Stage, versions: &Versions, now_ms: i64) -> Chat {
    whole(Arc::new(Ground::of(aws, stage)), stage, now_ms, |part| {
        (None, versions.get(part.name()).cloned().map_or(function::Aim::Code, function::Aim::Version))
    })
}

fn whole(
    ground: Arc<Ground>,
    stage: &Stage,
    now_ms: i64,
    code: impl Fn(Part) -> (Option<Package>, function::Aim),
) -> Chat {
    let mut stack = Stack::default();
    add_data(&mut stack, &ground);
    stack.add(records::Records { ground: ground.clone(), now_ms });
    add_queues(&mut stack, &ground);
    for part in Part::ALL {
        let (package, aim) = code(part);
        // Whoever goes back to older versions may need what they needed.
        if aim == function::Aim::Whole {
            let policy = rights::policy(part, &ground);
            stack.add_finishing(narrowing::Narrowing { ground: ground.clone(), function: part.name(), policy });
            if part == Part::NotifyClients {
                add_lowerings(&mut stack, &ground);
            }
        }
        add_log_group(&mut stack, &ground, part, false);
        add_function(&mut stack, &ground, stage, part, (package, aim));
    }
    stack.add(api::Api { ground: ground.clone() });
    stack.add(routes::Routes { ground: ground.clone() });
    add_mappings(&mut stack, &ground);
    stack.add(operations::Operations::new(ground.clone(), false));
    Chat { stack, ground }
}

/// These functions' code and nothing else, on a stage that is up: what was saved a moment ago.
pub fn code(aws: &Aws, stage: &Stage, packages: &Packages) -> Stack {
    let ground = Arc::new(Ground::of(aws, stage));
    let mut stack = Stack::default();
    for (part, package) in Part::ALL.into_iter().filter_map(|part| Some((part, packages.get(part.name())?))) {
        stack.add(function::Function {
            ground: ground.clone(),
            part,
            package: Some(package.clone()),
            environment: settings::Environment::default(),
            needs: Vec::new(),
            aim: function::Aim::Code,
        });
    }
    stack
}

/// What holds the stage's lease: the first thing made, the last thing deleted.
pub fn first() -> Id {
    table::id("stage")
}

/// What stays unless the data's deletion is asked for: the three tables and both secrets.
pub fn data() -> BTreeSet<Id> {
    let tables = ["stage", "messages", "clients"].map(table::id);
    let secrets = [VAPID_KEY, ROOM_KEY].map(parameter::id);
    tables.into_iter().chain(secrets).collect()
}

/// A stage to be removed: `reconcile::plan_down(&removal.stack, &removal.keep, …)`.
pub struct Removal {
    /// Everything that may be there.
    pub stack: Stack,
    /// What stays.
    pub keep: BTreeSet<Id>,
}

/// All of a stage, to be removed, what is no longer wanted too; the Stage table goes last.
pub async fn removal(aws: &Aws, stage: &Stage, delete_data: bool) -> reconcile::Result<Removal> {
    let ground = Arc::new(Ground::of(aws, stage));
    let mut stack = Stack::default();
    add_data(&mut stack, &ground);
    add_queues(&mut stack, &ground);
    for part in Part::ALL {
        add_log_group(&mut stack, &ground, part, true);
        add_function(&mut stack, &ground, stage, part, (None, function::Aim::Whole));
    }
    stack.add(api::Api { ground: ground.clone() });
    add_mappings(&mut stack, &ground);
    stack.add(operations::Operations::new(ground.clone(), true));
    stack.goes_last(first());
    let stray_data = stray::add_to_removal(&mut stack, &ground).await?;
    let keep = if delete_data { BTreeSet::new() } else { data().into_iter().chain(stray_data).collect() };
    Ok(Removal { stack, keep })
}

fn add_data(stack: &mut Stack, ground: &Arc<Ground>) {
    for (which, stream) in [("stage", false), ("messages", true), ("clients", false)] {
        let want = table::Settings::of(ground, which, stream);
        stack.add(table::Table { ground: ground.clone(), which, want });
    }
    for secret in [parameter::Secret::VapidKey, parameter::Secret::RoomKey] {
        stack.add(parameter::Parameter { ground: ground.clone(), secret });
    }
}

/// How long a message that the notifier was given stays hidden (A10).
fn visibility() -> Duration {
    Part::NotifyClients.timeout() * VISIBILITY_TIMES
}

fn add_lowerings(stack: &mut Stack, ground: &Arc<Ground>) {
    let queues =
        [(NEW_MESSAGES, ground.names.queue(), visibility()), (DEAD_LETTERS, ground.names.dead_letters(), LOOKED_AT)];
    for (which, name, want) in queues {
        stack.add_finishing(lowering::Lowering { ground: ground.clone(), which, name, want });
    }
}

fn add_queues(stack: &mut Stack, ground: &Arc<Ground>) {
    let dead = ground.names.dead_letters();
    let redrive = queue::Redrive { to: ground.queue_arn(&dead), after: TRIES };
    stack.add(queue::Queue {
        ground: ground.clone(),
        which: DEAD_LETTERS,
        name: dead,
        want: queue::Attributes { visibility: LOOKED_AT, retention: DAY * 14, redrive: None },
        needs: Vec::new(),
    });
    stack.add(queue::Queue {
        ground: ground.clone(),
        which: NEW_MESSAGES,
        name: ground.names.queue(),
        want: queue::Attributes { visibility: visibility(), retention: DAY * 4, redrive: Some(redrive) },
        needs: vec![queue::id(DEAD_LETTERS)],
    });
}

fn add_log_group(stack: &mut Stack, ground: &Arc<Ground>, part: Part, leaving: bool) {
    let (ground, function) = (ground.clone(), part.name());
    stack.add(log_group::LogGroup { ground, function, retention_days: LOG_DAYS, leaving });
}

fn add_function(
    stack: &mut Stack,
    ground: &Arc<Ground>,
    stage: &Stage,
    part: Part,
    (package, aim): (Option<Package>, function::Aim),
) {
    let name = part.name();
    let (trust, policy) = (rights::trust(), rights::policy(part, ground));
    stack.add(role::Role { ground: ground.clone(), function: name, trust, policy });
    let environment = settings::environment(part, ground, stage);
    let learned = environment.values().filter_map(|value| match value {
        settings::Value::Learned { of, .. } => Some(of.clone()),
        settings::Value::Is(_) => None,
    });
    let needs = [role::id(name), log_group::id(name)].into_iter().chain(learned).collect();
    stack.add(function::Function { ground: ground.clone(), part, package, environment, needs, aim });
    if part.is_routed() {
        stack.add(permission::Permission { ground: ground.clone(), function: name });
    }
}

fn add_mappings(stack: &mut Stack, ground: &Arc<Ground>) {
    let (forward, notify) = (Part::ForwardMessages.name(), Part::NotifyClients.name());
    let settings = |function: &str, batch, bounds| mapping::Settings {
        function: ground.alias_arn(function),
        batch,
        window: 0,
        filter: None,
        reports_items: true,
        enabled: true,
        bounds,
    };
    let of_stream = mapping::Bounds::Stream {
        bisects: true,
        retries: Some(TRIES.cast_signed()),
        age: Some(RECORD_AGE),
        on_failure: Some(ground.queue_arn(&ground.names.dead_letters())),
    };
    let of_queue = mapping::Bounds::Queue { at_once: Some(NOTIFIERS) };
    let filter = serde_json::from_str(STREAM_FILTER).ok();
    stack.add(mapping::Mapping {
        ground: ground.clone(),
        which: "stream",
        function: forward,
        source: mapping::Source::Stream("messages"),
        want: mapping::Settings { filter, ..settings(forward, STREAM_BATCH, of_stream) },
        needs: vec![table::id("messages"), function::id(forward), queue::id(DEAD_LETTERS)],
    });
    stack.add(mapping::Mapping {
        ground: ground.clone(),
        which: "queue",
        function: notify,
        source: mapping::Source::Queue(ground.queue_arn(&ground.names.queue())),
        want: settings(notify, QUEUE_BATCH, of_queue),
        needs: vec![queue::id(NEW_MESSAGES), function::id(notify)],
    });
}

/// Whether it counts as a resource: the rights of a role are a part of the role, a queue's timeout of the queue.
pub fn counts(id: &Id) -> bool {
    ![narrowing::KIND, lowering::KIND].contains(&id.kind())
}

/// A VAPID key's public half as a page subscribes with it.
fn public_key(key: &VapidKey) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(key.public())
}

/// What a resource's diff says of something seen, in a turn that knows nothing.
#[cfg(test)]
fn visiting<R: reconcile::Resource>(resource: &R, seen: Option<R::Seen>) -> reconcile::Change {
    visiting_with(resource, seen, reconcile::Facts::default())
}

/// The same in a turn that knows these facts.
#[cfg(test)]
fn visiting_with<R: reconcile::Resource>(
    resource: &R,
    seen: Option<R::Seen>,
    facts: reconcile::Facts,
) -> reconcile::Change {
    resource.diff(seen.as_ref(), &reconcile::Visit::alone(resource.id(), facts))
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
