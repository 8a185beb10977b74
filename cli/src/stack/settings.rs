//! What each function is run with: time, memory and its environment, the contract with `chat-aws`'s
//! `env`. It must not know how a function is made.

use std::collections::BTreeMap;

use chat_aws::routes::Function;
use reconcile::{Id, Visit};

use super::{
    api,
    function::VARIABLE,
    ground::{Ground, Result},
    parameter, queue, records, role, table,
};
use crate::stage::{Stage, Target};

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Known from the stage alone.
    Is(String),
    /// A fact of another resource.
    Learned { of: Id, fact: &'static str },
}

impl Value {
    /// The value, where it is known already.
    pub(super) fn known(&self, visit: &Visit) -> Option<String> {
        match self {
            Self::Is(value) => Some(value.clone()),
            Self::Learned { of, fact } => visit.known(of, fact),
        }
    }

    /// Whether it is the same when what it is of is made again under its name: a queue's address is, a key is not.
    pub(super) fn outlives_its_source(&self) -> bool {
        matches!(self, Self::Learned { fact: queue::URL, .. })
    }

    /// The value, which must be known by now.
    pub(super) fn get(&self, visit: &Visit) -> Result<String> {
        match self {
            Self::Is(value) => Ok(value.clone()),
            Self::Learned { of, fact } => visit.fact(of, fact),
        }
    }
}

/// The environment of a function.
pub(super) type Environment = BTreeMap<&'static str, Value>;

/// Whom push services may write to where a local stage names nobody: they want an address, and a page on
/// loopback is none.
const NOBODY: &str = "mailto:operator@example.com";

/// VAPID's `sub`: what the settings say, else the page's own origin, which anyone can look at.
fn contact(stage: &Stage) -> Value {
    match (&stage.contact, stage.target) {
        (Some(contact), _) => Value::Is(contact.clone()),
        (None, Target::Aws) => Value::Learned { of: api::id(), fact: api::ENDPOINT },
        (None, Target::Local) => Value::Is(NOBODY.to_owned()),
    }
}

/// The variable with the identity of the role (A1). No function reads it: it makes another version of a function whose
/// role was made again, and AWS encrypt its environment for the new one.
const ROLE_ID: &str = "CHAT_ROLE_ID";

/// The variables of this function, and nothing that it does not read but its role's identity.
pub(super) fn environment(function: Function, ground: &Ground, stage: &Stage) -> Environment {
    let table = |which: &str| Value::Is(ground.names.table(which));
    let public = |which: &str| Value::Learned { of: parameter::id(which), fact: parameter::PUBLIC };
    let queue = || Value::Learned { of: queue::id(super::NEW_MESSAGES), fact: queue::URL };
    let role = Value::Learned { of: role::id(function.name()), fact: role::ROLE_ID };
    let mut environment = Environment::from([("CHAT_VERSION", Value::Is(crate::VERSION.to_owned())), (ROLE_ID, role)]);
    let own: Vec<(&'static str, Value)> = match function {
        Function::RegisterClient => vec![
            ("CHAT_ROOM_KEY", public(parameter::ROOM_KEY)),
            ("CHAT_CLIENTS_TABLE", table("clients")),
            ("CHAT_STAGE_TABLE", table("stage")),
        ],
        Function::RetrieveMessages | Function::StoreMessage => vec![
            ("CHAT_ROOM_KEY", public(parameter::ROOM_KEY)),
            ("CHAT_MESSAGES_TABLE", table("messages")),
            ("CHAT_STAGE_TABLE", table("stage")),
        ],
        Function::ForwardMessages => vec![("CHAT_QUEUE_URL", queue())],
        Function::NotifyClients => vec![
            ("CHAT_CLIENTS_TABLE", table("clients")),
            ("CHAT_STAGE_TABLE", table("stage")),
            ("CHAT_QUEUE_URL", queue()),
            ("CHAT_VAPID_PARAMETER", Value::Is(ground.names.parameter(parameter::VAPID_KEY))),
            ("CHAT_VAPID_SUBJECT", contact(stage)),
        ],
        Function::ServePage => vec![("CHAT_VAPID_PUBLIC", public(parameter::VAPID_KEY))],
    };
    environment.extend(own);
    if matches!(function, Function::RegisterClient | Function::NotifyClients) {
        environment.insert("CHAT_PUSH_HOSTS", Value::Is(stage.push_hosts.join(",")));
        if let Some(origin) = &ground.aws.local_origin {
            environment.insert("CHAT_PUSH_LOCAL", Value::Is(origin.clone()));
        }
    }
    environment
}

/// What decides a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// This setting of the stage.
    Setting(&'static str),
    /// The code that was built.
    Code,
    /// Which chatctl deploys.
    Version,
    /// What the cloud made of this other resource.
    By(Id),
}

/// What decides this field of this resource of the stage; `None` where it is chatctl itself.
pub fn decided(stage: &Stage, id: &Id, field: &str) -> Option<Decided> {
    let variable = field.strip_prefix(VARIABLE).unwrap_or_default();
    Some(match (id.kind(), field, variable) {
        ("function", "code", _) => Decided::Code,
        ("function", "memory", _) => Decided::Setting("memory"),
        ("function", _, ROLE_ID) => Decided::By(role::id(id.name())),
        ("function", _, "CHAT_VERSION") => Decided::Version,
        ("function", _, "CHAT_PUSH_HOSTS") => Decided::Setting("push_hosts"),
        ("function", _, "CHAT_VAPID_SUBJECT") => match contact(stage) {
            Value::Is(_) => Decided::Setting("contact"),
            Value::Learned { of, .. } => Decided::By(of),
        },
        ("function", _, "CHAT_ROOM_KEY") => Decided::By(parameter::id(parameter::ROOM_KEY)),
        ("function", _, "CHAT_VAPID_PUBLIC") => Decided::By(parameter::id(parameter::VAPID_KEY)),
        ("function", _, "CHAT_QUEUE_URL") => Decided::By(queue::id(super::NEW_MESSAGES)),
        ("table", table::BACKUPS, _) => Decided::Setting("backups"),
        ("records", records::RETENTION, _) => Decided::Setting("retention_days"),
        ("mapping", "source", _) if id.name() == "stream" => Decided::By(table::id("messages")),
        ("permission", "source", _) => Decided::By(api::id()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ground::tests::{ground, stage};

    #[test]
    fn a_field_knows_what_decides_it() {
        let function = Id::new("function", "notify-clients");
        let decided = |field| decided(&stage(), &function, field);
        assert_eq!(decided("memory"), Some(Decided::Setting("memory")));
        assert_eq!(decided("variable CHAT_QUEUE_URL"), Some(Decided::By(queue::id("new-messages"))));
        assert_eq!(decided("timeout"), None);
    }

    #[tokio::test]
    async fn each_function_is_given_what_it_reads_and_nothing_else() {
        let (ground, stage) = (ground().await, stage());
        let names = |function| environment(function, &ground, &stage).into_keys().collect::<Vec<_>>();
        assert_eq!(names(Function::ServePage), ["CHAT_ROLE_ID", "CHAT_VAPID_PUBLIC", "CHAT_VERSION"]);
        assert_eq!(names(Function::ForwardMessages), ["CHAT_QUEUE_URL", "CHAT_ROLE_ID", "CHAT_VERSION"]);
        assert_eq!(
            names(Function::StoreMessage),
            ["CHAT_MESSAGES_TABLE", "CHAT_ROLE_ID", "CHAT_ROOM_KEY", "CHAT_STAGE_TABLE", "CHAT_VERSION"]
        );
        let notifier = environment(Function::NotifyClients, &ground, &stage);
        assert_eq!(notifier["CHAT_PUSH_HOSTS"], Value::Is("fcm.googleapis.com,*.push.apple.com".into()));
        assert_eq!(notifier["CHAT_PUSH_LOCAL"], Value::Is("http://127.0.0.1:9".into()));
        assert!(!notifier.contains_key("CHAT_MESSAGES_TABLE"));
    }

    #[test]
    fn the_contact_is_what_the_settings_say_else_the_pages_own_origin() {
        let local = stage();
        assert_eq!(contact(&local), Value::Is(NOBODY.into()));
        let on_aws = Stage { target: Target::Aws, ..stage() };
        assert_eq!(contact(&on_aws), Value::Learned { of: api::id(), fact: api::ENDPOINT });
        let named = Stage { contact: Some("mailto:ann@example.org".into()), ..on_aws };
        assert_eq!(contact(&named), Value::Is("mailto:ann@example.org".into()));
    }
}
