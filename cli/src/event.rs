//! All that can be told, as one serialisable enum: facts in the past tense, without formatting, enough to draw any face.
//! Knows nothing of who listens; `ui` alone turns events into text.

use std::sync::Arc;

use serde::Serialize;

mod shown;
pub use shown::{
    Act, CertifiedKind, Credentials, DeployShown, FieldChange, FunctionShown, Hop, LogLine, Place, PlannedStep, Queues,
    ResourceShown, RoomShown, Status, Told, Via, Went,
};

/// Where events go. Cheap to clone, safe to call from anywhere.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// Tells nobody.
pub fn nobody() -> Tell {
    Arc::new(|_| {})
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event")]
pub enum Event {
    /// Where a command is about to work on AWS, and as whom.
    #[serde(rename = "acting")]
    Acting {
        /// The account.
        account: String,
        /// The region.
        region: String,
        /// The ARN of whose credentials these are.
        who: String,
        /// Where calls go instead of AWS, where the SDK's settings say so (`AWS_ENDPOINT_URL`).
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// When the credentials end, RFC 3339, where they do.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    /// The functions are being built.
    #[serde(rename = "building")]
    Building,
    /// A line of the compiler's own progress, for a face that shows it.
    #[serde(rename = "building.progress")]
    BuildProgress {
        /// As cargo says it: `Compiling chat v0.1.0`.
        line: String,
    },
    /// One function is built and packed.
    #[serde(rename = "built")]
    Built {
        /// Its name.
        function: String,
        /// Its package's size.
        bytes: u64,
    },
    /// The local cloud was started in the background.
    #[serde(rename = "cloud.started")]
    CloudStarted {
        /// Where it answers.
        endpoint: String,
        /// Why one that ran, or had run, was started again.
        #[serde(skip_serializing_if = "Option::is_none")]
        restarted_because: Option<String>,
    },
    /// The local cloud was stopped; its state stays on disk.
    #[serde(rename = "cloud.stopped")]
    CloudStopped,
    /// The forecast, before it is carried out.
    #[serde(rename = "planned")]
    Planned {
        /// Every step, in order, the kept ones too.
        steps: Vec<PlannedStep>,
    },
    /// The forecast: `plan` was asked for it, somebody is asked about it next, or what is a stranger's keeps an `up` from it.
    #[serde(rename = "forecast")]
    Forecast {
        /// Where.
        place: Place,
        /// Every step, in order, the kept ones too.
        steps: Vec<PlannedStep>,
    },
    /// A step has begun.
    #[serde(rename = "step.started")]
    StepStarted {
        /// `kind/name`.
        id: String,
        /// What is done.
        change: Act,
    },
    /// A step waits for something outside.
    #[serde(rename = "waiting")]
    Waiting {
        /// `kind/name`, or what waits.
        id: String,
        /// What it waits for, in words.
        what: String,
        /// Since when.
        since_ms: u64,
    },
    /// A step is done.
    #[serde(rename = "step.done")]
    StepDone {
        /// `kind/name`.
        id: String,
        /// What was done.
        change: Act,
        /// How long it took.
        ms: u64,
    },
    /// A step failed; the failure itself comes at the end.
    #[serde(rename = "step.failed")]
    StepFailed {
        /// `kind/name`.
        id: String,
        /// In a line.
        error: String,
    },
    /// The proof has begun, or goes on: what it does now.
    #[serde(rename = "proving")]
    Proving {
        /// In words: `sending a message`.
        what: String,
    },
    /// One step of the proof's message.
    #[serde(rename = "proof.hop")]
    ProofHop(Hop),
    /// A real message came back as a push.
    #[serde(rename = "proved")]
    Proved {
        /// Its way, in order.
        hops: Vec<Hop>,
        /// From the post to the decrypted push.
        total_ms: f64,
    },
    /// The stage is up. `changed` says whether anything had to be done.
    #[serde(rename = "deployed")]
    Deployed {
        /// The stage's name.
        stage: String,
        /// local or aws.
        target: String,
        /// What has to be added to a command so that it means this stage; empty for the default one.
        flags: String,
        /// The API's address.
        endpoint: String,
        /// The lobby's link, with its token.
        page: String,
        /// How many resources were changed.
        changed: usize,
        /// Whether a message went all the way, this time.
        proved: bool,
        /// What it goes without, because the target does not offer it: each named by its call.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
        /// How long it all took.
        ms: u64,
    },
    /// A way back has begun: asked for, or by itself.
    #[serde(rename = "rolling.back")]
    RollingBack {
        /// The deploy that is left.
        from: u64,
        /// The deploy that is gone back to.
        to: u64,
        /// Why, where nobody asked for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// The deploys of a stage, the newest first.
    #[serde(rename = "history")]
    History {
        /// The stage's name.
        stage: String,
        /// Each of them.
        deploys: Vec<DeployShown>,
    },
    /// The source is watched: what is saved goes live.
    #[serde(rename = "watching")]
    Watching {
        /// The checkout.
        folder: String,
    },
    /// Files of the source were saved.
    #[serde(rename = "saved")]
    Saved {
        /// The first of them.
        files: Vec<String>,
        /// How many more.
        more: usize,
    },
    /// What was saved is live.
    #[serde(rename = "live")]
    Live {
        /// The functions whose code is new.
        functions: Vec<String>,
        /// How long their build took.
        built_ms: u64,
        /// How long it took from there until the new code is called.
        live_ms: u64,
    },
    /// What was saved changed no function.
    #[serde(rename = "nothing.new")]
    NothingNew,
    /// What was saved did not go live; watching goes on.
    #[serde(rename = "not.live")]
    NotLive {
        /// What failed.
        error: String,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// What to type.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        next: Vec<String>,
    },
    /// Everything is as it should be.
    #[serde(rename = "nothing.to.change")]
    NothingToChange {
        /// The stage's name.
        stage: String,
        /// How many resources were looked at.
        resources: usize,
    },
    /// A message was posted.
    #[serde(rename = "sent")]
    Sent {
        /// The room's name.
        room: String,
        /// The message's id.
        id: String,
        /// The sender's name.
        name: String,
        /// Its text.
        text: String,
        /// When it was stored, RFC 3339.
        time: String,
        /// Whether this key had been posted before; then nothing was stored now.
        repeated: bool,
    },
    /// A message was received.
    #[serde(rename = "message")]
    Message {
        /// The room's name.
        room: String,
        /// The message's id.
        id: String,
        /// The author's id.
        author: String,
        /// The author's name.
        name: String,
        /// Its text.
        text: String,
        /// When it was stored, RFC 3339.
        time: String,
        /// How it came.
        via: Via,
    },
    /// A message was deleted.
    #[serde(rename = "message.deleted")]
    MessageDeleted {
        /// The room's name.
        room: String,
        /// The message's id.
        id: String,
    },
    /// `tail` listens, and how.
    #[serde(rename = "listening")]
    Listening {
        /// The room's name.
        room: String,
        /// By push, or by polling.
        via: Via,
        /// Why not by push.
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// A test push's fate at one client.
    #[serde(rename = "client.told")]
    ClientTold(Told),
    /// One line of a log.
    #[serde(rename = "log")]
    LogLine(LogLine),
    /// One room.
    #[serde(rename = "room")]
    RoomShown(RoomShown),
    /// The stage as it is.
    #[serde(rename = "status")]
    Status(Box<Status>),
    /// The page's link, and whether a browser was started with it.
    #[serde(rename = "page")]
    Page {
        /// The link, with the room's token.
        page: String,
        /// Whether a browser took it.
        opened: bool,
    },
    /// The stack of alarms and the dashboard, as it is at the end of an `up` that did something to it.
    #[serde(rename = "operations")]
    Operations {
        /// The stack's name.
        stack: String,
        /// Its state, in CloudFormation's own words.
        state: String,
    },
    /// The deployer's policy and the roles' boundary are there.
    #[serde(rename = "bootstrapped")]
    Bootstrapped {
        /// The stage's name.
        stage: String,
        /// The ARN of the deployer's policy.
        policy: String,
        /// The ARN of the boundary.
        boundary: String,
        /// Whether anything had to be done.
        changed: bool,
    },
    /// Something was removed.
    #[serde(rename = "removed")]
    Removed {
        /// `kind/name`.
        id: String,
    },
    /// Something was kept, on purpose.
    #[serde(rename = "kept")]
    Kept {
        /// `kind/name`.
        id: String,
        /// Why.
        because: String,
    },
    /// What every service answered when it was read back after a removal.
    #[serde(rename = "certificate")]
    Certificate {
        /// The stage's name.
        stage: String,
        /// Kind by kind.
        kinds: Vec<CertifiedKind>,
        /// What stays elsewhere, beyond anybody's reach, in words.
        also: Vec<String>,
    },
    /// A stage is down.
    #[serde(rename = "down")]
    Down {
        /// The stage's name.
        stage: String,
        /// How many things were removed.
        removed: usize,
        /// How many were kept.
        kept: usize,
        /// How long it took.
        ms: u64,
    },
    /// The first Ctrl-C: what is in flight is let finish.
    #[serde(rename = "stopping")]
    Stopping,
    /// Ctrl-C: what was still to be done.
    #[serde(rename = "stopped")]
    Stopped {
        /// The ids that were not reached.
        left: Vec<String>,
    },
    /// Nothing broke, but it should be known.
    #[serde(rename = "warning")]
    Warning {
        /// What.
        what: String,
        /// What to type.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_in_its_json() {
        let done = Event::StepDone { id: "queue/new-messages".into(), change: Act::Create, ms: 412 };
        assert_eq!(
            serde_json::to_string(&done).unwrap(),
            r#"{"event":"step.done","id":"queue/new-messages","change":"create","ms":412}"#
        );
        let hop = Event::ProofHop(Hop { step: "stored".into(), start_ms: 0.0, ms: 1.5 });
        assert_eq!(
            serde_json::to_string(&hop).unwrap(),
            r#"{"event":"proof.hop","step":"stored","start_ms":0.0,"ms":1.5}"#
        );
    }
}
