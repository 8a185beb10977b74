//! The records that events carry: a step, a hop, a line of a log, the stage's state. Plain values, ready to be serialised.
//! Knows nothing of how they come about or how they look.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a change does to a resource; the short form that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// It is as it should be.
    Keep,
    /// It is made.
    Create,
    /// Some of its fields are set.
    Update,
    /// It is deleted and made again.
    Replace,
    /// It is removed.
    Delete,
    /// A stranger's stands in its place, which is refused and left as it is.
    Refuse,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub name: String,
    /// What the cloud says it is.
    pub before: String,
    /// What it should be.
    pub after: String,
    /// Why it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// `kind/name`.
    pub id: String,
    /// What would be done.
    pub change: Act,
    /// The fields that differ, for an update or a replacement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Why, where the fields do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What that costs those who use the stage: data, subscriptions, seconds without service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub costs: Option<String>,
    /// Whether somebody else changed or removed it since the last deploy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drifted: bool,
    /// The ids it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// Where a plan would be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The stage's name.
    pub stage: String,
    /// local or aws.
    pub target: String,
    /// The region.
    pub region: String,
    /// The account that the credentials are of.
    pub account: String,
    /// Whose credentials they are, by ARN; none of a local cloud, where everybody is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// One kind of resource, read back after a removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertifiedKind {
    /// The kind.
    pub kind: String,
    /// How many things with the stage's prefix were looked at, whosever they are.
    pub looked_at: usize,
    /// What is left, though it should not be.
    pub left: Vec<String>,
    /// What was kept on purpose.
    pub kept: Vec<String>,
    /// Why this kind could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// One step of a message's way, as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hop {
    /// What happened, in words: `stored`, `read from the stream` …
    pub step: String,
    /// When it began, in milliseconds since the post.
    pub start_ms: f64,
    /// How long it took.
    pub ms: f64,
}

/// What became of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Went {
    /// A real message went all the way.
    Proved,
    /// It did not, or not yet.
    Unproved,
    /// Nobody asked for a proof.
    Unasked,
    /// A function failed it.
    Failed,
    /// It was left again, for an earlier one.
    Undone,
}

/// One deploy of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeployShown {
    /// Its number, which `rollback` is given; 0 for one that cannot be gone back to.
    pub deploy: u64,
    /// When, RFC 3339.
    pub time: String,
    /// Who: `user@host`, on AWS the caller's ARN.
    pub by: String,
    /// What was typed.
    pub command: String,
    /// The commit of the source, where it is a clone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the source was exactly that commit, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean: Option<bool>,
    /// What was changed: a verb and an id each.
    pub changes: Vec<String>,
    /// How long it took.
    pub ms: u64,
    /// What became of it.
    pub went: Went,
    /// The deploy that it went back to, for a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
}

/// How a message reached `tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// As an encrypted push.
    Push,
    /// From the history that was asked for.
    History,
    /// By asking the API again and again.
    Poll,
}

/// What a push service's answer to one client means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The client's id.
    pub client: String,
    /// The push service's host.
    pub service: String,
    /// Its HTTP status; none when it could not be reached.
    pub status: Option<u16>,
    /// delivered, gone, later, refused, too large, unreachable.
    pub verdict: String,
    /// The answer in words.
    pub meaning: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How long the service took.
    pub took_ms: u64,
}

/// A room, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomShown {
    /// Its name.
    pub room: String,
    /// Its id's hash, as it stands in tables and logs.
    pub hash: String,
    /// Its link, with the token.
    pub page: String,
    /// Whether it was made just now.
    pub created: bool,
    /// When it was made.
    pub created_at: String,
    /// How long messages are kept.
    pub retention_days: u32,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The function's short name, or `cloud`.
    pub source: String,
    /// When, RFC 3339 (none where the line carries no time).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The line, or the `message` of a JSON line.
    pub text: String,
    /// error, warn, info … where the line says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The other fields of a JSON line.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// How one resource is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResourceShown {
    /// `kind/name`.
    pub id: String,
    /// Whether it is there and works.
    pub healthy: bool,
    /// active, failed … in the service's own words; present where a service has none; absent.
    pub state: String,
    /// Anything worth knowing: a version, a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What of it is not as wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<FieldChange>,
}

/// How one function is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionShown {
    /// Its short name.
    pub name: String,
    /// The version behind the alias `live`.
    pub version: Option<String>,
    /// Active, Pending, Failed … or absent.
    pub state: String,
    /// The size of its code.
    pub code_bytes: i64,
    /// Its memory.
    pub memory_mb: i32,
    /// Its time-out.
    pub timeout_s: i32,
}

/// How deep the queues are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queues {
    /// Waiting in the new-message queue.
    pub new_messages: u64,
    /// Taken, not yet finished.
    pub in_flight: u64,
    /// Given up.
    pub dead_letters: u64,
}

/// The credentials of a local cloud: fixed, public, worthless elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
}

/// The whole of `chatctl status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The project's name.
    pub project: String,
    /// The stage's name.
    pub stage: String,
    /// local or aws.
    pub target: String,
    /// What has to be added to a command so that it means this stage; empty for the default one.
    pub flags: String,
    /// The region.
    pub region: String,
    /// The account, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether the stage is up: all its resources are there and work.
    pub up: bool,
    /// The page's link with the lobby's token.
    pub page: Option<String>,
    /// The API's address.
    pub endpoint: Option<String>,
    /// Where AWS's protocols are answered, for the AWS command line (local only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// The local cloud's credentials (local only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// The address a browser's push client is pointed at (local only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_service: Option<String>,
    /// The last deploy, if any: when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    /// Every resource.
    pub resources: Vec<ResourceShown>,
    /// Every function.
    pub functions: Vec<FunctionShown>,
    /// The queues' depths.
    pub queues: Queues,
    /// How many clients are registered in the stage's rooms.
    pub clients: u64,
    /// The rooms' names.
    pub rooms: Vec<String>,
}
