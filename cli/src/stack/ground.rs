//! What every resource of a stage stands on: the handles, the names, whose things are ours, and what
//! was listed of each kind (each kind once). It must not know which resources there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chat::room::{Epoch, OperatorKey};
use reconcile::{Fault, Visit};
use tokio::sync::OnceCell;

use super::{
    account::{self, Account},
    api, boundary, function, log_group, mapping, parameter, queue, role, table,
};
use crate::{
    aws::{Aws, CallError, call},
    failure::Explain,
    stage::{Names, Stage, Target},
};

/// The answer of a resource's calls.
pub(super) type Result<T> = std::result::Result<T, Fault>;

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let (denied, next) = (error.is_denied(), Explain::next(&error));
        Fault::new(error).denied(denied).with_next(next)
    }
}

/// A call about what was made a moment before: that it is not found yet (A21), or that another write is in the way,
/// passes by itself.
pub(super) fn too_early(error: CallError) -> Fault {
    let passing = error.is_missing() || error.is_taken();
    Fault::from(error).passing(passing)
}

/// The stage's place in the cloud.
pub(super) struct Ground {
    pub(super) aws: Aws,
    pub(super) names: Names,
    pub(super) owner: Owner,
    /// Whether data is guarded against deletion by the service itself (A22).
    pub(super) guarded: bool,
    /// Whether data can be brought back to a moment (A28); `None` where nobody asks whether it can.
    pub(super) backups: Option<bool>,
    pub(super) retention_days: u32,
    /// The memory of every function in MB, where the settings say one for all.
    pub(super) memory: Option<u32>,
    listed: Listed,
    operator_key: OnceCell<OperatorKey>,
    /// The lobby's epoch, as its record was read or made.
    lobby: OnceCell<Epoch>,
}

#[derive(Default)]
struct Listed {
    tables: OnceCell<BTreeSet<String>>,
    queues: OnceCell<BTreeMap<String, String>>,
    roles: OnceCell<BTreeSet<String>>,
    log_groups: OnceCell<BTreeMap<String, Option<i32>>>,
    functions: OnceCell<BTreeSet<String>>,
    parameters: OnceCell<BTreeSet<String>>,
    apis: OnceCell<Vec<api::Found>>,
    mappings: OnceCell<Vec<mapping::Found>>,
    boundary: OnceCell<Option<String>>,
    account: OnceCell<Option<Account>>,
}

impl Ground {
    pub(super) fn of(aws: &Aws, stage: &Stage) -> Self {
        let names = stage.names();
        Self {
            aws: aws.clone(),
            owner: Owner::of(stage),
            names,
            guarded: stage.target == Target::Aws,
            backups: (stage.backups || stage.target == Target::Aws).then_some(stage.backups),
            retention_days: stage.retention_days,
            memory: stage.memory,
            listed: Listed::default(),
            operator_key: OnceCell::new(),
            lobby: OnceCell::new(),
        }
    }

    /// What every name of the stage begins with, the hyphen included.
    pub(super) fn prefix(&self) -> String {
        format!("{}-", self.names.prefix())
    }

    pub(super) async fn tables(&self) -> Result<&BTreeSet<String>> {
        Ok(self.listed.tables.get_or_try_init(|| table::list(self)).await?)
    }

    pub(super) async fn queues(&self) -> Result<&BTreeMap<String, String>> {
        Ok(self.listed.queues.get_or_try_init(|| queue::list(self)).await?)
    }

    pub(super) async fn roles(&self) -> Result<&BTreeSet<String>> {
        let list = || async {
            match self.account().await? {
                Some(account) => Ok(account.roles.keys().cloned().collect()),
                None => Ok::<_, Fault>(role::list(self).await?),
            }
        };
        self.listed.roles.get_or_try_init(list).await
    }

    /// What one call says of the whole account; `None` where each role has to be asked for.
    pub(super) async fn account(&self) -> Result<Option<&Account>> {
        Ok(self.listed.account.get_or_try_init(|| account::at_once(self)).await?.as_ref())
    }

    pub(super) async fn log_groups(&self) -> Result<&BTreeMap<String, Option<i32>>> {
        Ok(self.listed.log_groups.get_or_try_init(|| log_group::list(self)).await?)
    }

    pub(super) async fn functions(&self) -> Result<&BTreeSet<String>> {
        Ok(self.listed.functions.get_or_try_init(|| function::list(self)).await?)
    }

    pub(super) async fn parameters(&self) -> Result<&BTreeSet<String>> {
        Ok(self.listed.parameters.get_or_try_init(|| parameter::list(self)).await?)
    }

    pub(super) async fn apis(&self) -> Result<&Vec<api::Found>> {
        Ok(self.listed.apis.get_or_try_init(|| api::list(self)).await?)
    }

    pub(super) async fn mappings(&self) -> Result<&Vec<mapping::Found>> {
        Ok(self.listed.mappings.get_or_try_init(|| mapping::list(self)).await?)
    }

    /// The ARN of the boundary that roles carry, where an administrator has made one (A35).
    pub(super) async fn boundary(&self) -> Result<&Option<String>> {
        self.listed.boundary.get_or_try_init(|| boundary::find(self)).await
    }

    /// The operator's key, read once; it is no fact, so that no event ever carries it.
    pub(super) async fn operator_key(&self) -> Result<&OperatorKey> {
        self.operator_key.get_or_try_init(|| read_operator_key(&self.aws, &self.names)).await
    }

    /// The key just made, so that it is not read again.
    pub(super) fn keep_operator_key(&self, key: OperatorKey) {
        // Whoever read it first read the same key: it is made once a stage.
        let _ = self.operator_key.set(key);
    }

    /// The lobby as this stage's records have it, so that it is not read again.
    pub(super) fn keep_lobby(&self, epoch: Epoch) {
        // A room of a new epoch has links of its own; the first look in a run is good for all of it.
        let _ = self.lobby.set(epoch);
    }

    /// The lobby's epoch; `None` where its record was neither seen nor made.
    pub(super) fn lobby(&self) -> Option<Epoch> {
        self.lobby.get().copied()
    }

    /// The ARN of the alias that every function is reached by.
    pub(super) fn alias_arn(&self, function: &str) -> String {
        self.aws.arn("lambda", &format!("function:{}:{}", self.names.function(function), function::LIVE))
    }

    pub(super) fn table_arn(&self, which: &str) -> String {
        self.aws.arn("dynamodb", &format!("table/{}", self.names.table(which)))
    }

    pub(super) fn queue_arn(&self, name: &str) -> String {
        self.aws.arn("sqs", name)
    }

    pub(super) fn parameter_arn(&self, which: &str) -> String {
        self.aws.arn("ssm", &format!("parameter{}", self.names.parameter(which)))
    }

    pub(super) fn role_arn(&self, function: &str) -> String {
        self.aws.global_arn("iam", &format!("role/{}", self.names.role(function)))
    }

    pub(super) fn log_group_arn(&self, function: &str) -> String {
        self.aws.arn("logs", &format!("log-group:{}", self.names.log_group(function)))
    }
}

/// Reads the operator's key, decrypted.
pub(super) async fn read_operator_key(aws: &Aws, names: &Names) -> Result<OperatorKey> {
    let name = names.parameter(parameter::ROOM_KEY);
    let answer = aws.ssm.get_parameter().name(&name).with_decryption(true).send().await;
    let answer = answer.map_err(call("SSM", "GetParameter", &name))?;
    let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
    OperatorKey::from_base64(&value).ok_or_else(|| Fault::new(format!("the parameter {name} holds no room key")))
}

/// A call that only hardens is not offered by this cloud: said in the result, and nothing breaks.
pub(super) fn goes_without(visit: &Visit, error: &CallError, what: &str) {
    let why = if error.is_not_offered() { "is not offered here" } else { "may not be called" };
    visit.warn(format!("{} {} {why}: {} goes without {what}", error.service, error.call, error.resource));
}

/// Whose things are ours: those with these tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    tags: BTreeMap<String, String>,
}

impl Owner {
    pub(super) fn of(stage: &Stage) -> Self {
        Self { tags: stage.names().tags() }
    }

    /// The tags that go into every create call.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The same as an owned map, which most services take.
    pub(super) fn map<M: FromIterator<(String, String)>>(&self) -> M {
        self.tags.clone().into_iter().collect()
    }

    /// Whether these tags say that it is ours.
    pub(super) fn owns<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        let theirs: BTreeMap<&str, &str> = tags.into_iter().collect();
        self.tags().all(|(key, value)| theirs.get(key) == Some(&value))
    }

    /// Adopt ours, refuse what is not (A12).
    pub(super) fn check<'a>(
        &self,
        what: impl fmt::Display,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<()> {
        if self.owns(tags) {
            return Ok(());
        }
        let ours = self.tags().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" and ");
        Err(Fault::new(format!("{what} is there already and is not this stage's: it has not the tags {ours}"))
            .stranger()
            .with_next(Some("choose another project or stage name, or remove that resource yourself".into())))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::aws::LocalEndpoint;
    use crate::stage::Architecture;

    /// A ground whose handles reach nothing, for diffs.
    pub(in crate::stack) async fn ground() -> Ground {
        let stage = stage();
        let local = LocalEndpoint {
            endpoint: "http://127.0.0.1:9".into(),
            account: "000000000000".into(),
            access_key: "a".into(),
            secret_key: "b".into(),
        };
        Ground::of(&Aws::open(&stage, Some(&local)).await.unwrap(), &stage)
    }

    pub(in crate::stack) fn stage() -> Stage {
        Stage {
            project: "chat".into(),
            name: "dev".into(),
            target: Target::Local,
            region: "us-east-1".into(),
            account: None,
            retention_days: 30,
            backups: false,
            memory: None,
            push_hosts: vec!["fcm.googleapis.com".into(), "*.push.apple.com".into()],
            push_service: None,
            contact: None,
            architecture: Architecture::default(),
            state: PathBuf::from("/nowhere"),
            said: String::new(),
            origins: crate::stage::Origins::default(),
        }
    }

    #[tokio::test]
    async fn only_what_has_both_tags_is_ours() {
        let owner = ground().await.owner;
        assert!(owner.owns([("chatctl:project", "chat"), ("chatctl:stage", "dev"), ("team", "x")]));
        for tags in
            [vec![], vec![("chatctl:project", "chat")], vec![("chatctl:project", "chat"), ("chatctl:stage", "prod")]]
        {
            let refused = owner.check("table chat-dev-stage", tags).unwrap_err();
            assert!(refused.to_string().contains("is not this stage's"), "{refused}");
        }
    }

    #[tokio::test]
    async fn arns_are_derived_and_not_asked_for() {
        let ground = ground().await;
        for (is, should) in [
            (
                ground.alias_arn("store-message"),
                "arn:aws:lambda:us-east-1:000000000000:function:chat-dev-store-message:live",
            ),
            (ground.role_arn("store-message"), "arn:aws:iam::000000000000:role/chat-dev-store-message-us-east-1"),
            (ground.table_arn("stage"), "arn:aws:dynamodb:us-east-1:000000000000:table/chat-dev-stage"),
            (ground.parameter_arn("vapid-key"), "arn:aws:ssm:us-east-1:000000000000:parameter/chat/dev/vapid-key"),
        ] {
            assert_eq!(is, should);
        }
    }
}
