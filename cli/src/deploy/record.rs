//! One deploy as the history keeps it: what of it is written down, and how it is read again. Must not know when.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chat::message::MessageId;
use chat_aws::layout::{self, BACK, Item, KIND, NUMBER, SK};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Deploying;
use super::wants::Wants;
use crate::build::Commit;
use crate::stack::Versions;
use crate::stage::Settings;

const AT: &str = "at";
const PROOF: &str = "proof";
/// The commit that its code was built from, and whether the checkout was exactly that.
const COMMIT: &str = "commit";
const CLEAN: &str = "clean";
/// Which chatctl did it.
const VERSION: &str = "version";
/// What it made of every resource, as JSON.
const WANTS: &str = "wants";
/// When the stage was taken down after it.
const DOWN_AT: &str = "down_at";

/// Whether a real message went all the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It did.
    Proved,
    /// It did not, or not yet: the next `up` proves it.
    Owed,
    /// Nobody asked for it.
    Skipped,
    /// A function of ours failed it.
    Failed,
}

impl Proof {
    const ALL: [Self; 4] = [Self::Proved, Self::Owed, Self::Skipped, Self::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Owed => "owed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|proof| proof.as_str() == word).unwrap_or(Self::Owed)
    }
}

/// That a deploy was a way back: from which one to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Back {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// One deploy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Deploy {
    pub(super) id: MessageId,
    /// Counted from 1; 0 in a stage that is still of the layout in which they were not counted.
    pub(super) number: u64,
    pub(super) at_ms: i64,
    pub(super) by: String,
    pub(super) command: String,
    pub(super) commit: Option<Commit>,
    /// A verb and an id each.
    pub(super) changes: Vec<String>,
    pub(super) ms: u64,
    pub(super) proof: Proof,
    /// What stood behind each function's alias afterwards.
    pub(super) functions: Versions,
    pub(super) settings: Option<Settings>,
    pub(super) back: Option<Back>,
    /// Which chatctl did it.
    pub(super) version: String,
    /// What it made of every resource; `None` for one that kept no such thing.
    pub(super) wants: Option<Wants>,
    /// When the stage was taken down after it, in milliseconds since 1970.
    pub(super) down_ms: Option<i64>,
}

/// What a deploy has done, as it is about to be written down.
pub(super) struct Done<'a> {
    /// The last deploy before it.
    pub(super) after: Option<&'a Deploy>,
    pub(super) commit: Option<Commit>,
    pub(super) changes: Vec<String>,
    pub(super) took: Duration,
    pub(super) functions: Versions,
    pub(super) back: Option<Back>,
}

impl Deploy {
    /// A deploy that has just done this.
    pub(super) fn new(cx: &Deploying, done: Done<'_>, proof: Proof) -> Self {
        let at_ms = cx.now_ms();
        Self {
            id: id_after(done.after, at_ms),
            number: done.after.map_or(0, |last| last.number) + 1,
            at_ms,
            by: cx.who(),
            command: cx.command.clone(),
            commit: done.commit,
            changes: done.changes,
            ms: u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
            proof,
            functions: done.functions,
            settings: Some(cx.stage.settings()),
            back: done.back,
            version: crate::VERSION.to_owned(),
            wants: None,
            down_ms: None,
        }
    }

    /// The same with what it made of every resource.
    pub(super) fn wanting(self, wants: Wants) -> Self {
        Self { wants: Some(wants), ..self }
    }

    pub(super) fn item(&self) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: u64| AttributeValue::N(number.to_string());
        let mut item = layout::deploy_key(&self.id.to_string()).attributes();
        item.extend([
            (KIND.to_owned(), text("deploy")),
            (NUMBER.to_owned(), number(self.number)),
            (AT.to_owned(), AttributeValue::N(self.at_ms.to_string())),
            ("by".to_owned(), text(&self.by)),
            ("command".to_owned(), text(&self.command)),
            (VERSION.to_owned(), text(&self.version)),
            ("changes".to_owned(), AttributeValue::L(self.changes.iter().map(|change| text(change)).collect())),
            ("ms".to_owned(), number(self.ms)),
            (PROOF.to_owned(), text(self.proof.as_str())),
            ("functions".to_owned(), json(&self.functions)),
        ]);
        if let Some(Commit { id, clean }) = &self.commit {
            item.insert(COMMIT.to_owned(), text(id));
            item.extend(clean.map(|clean| (CLEAN.to_owned(), AttributeValue::Bool(clean))));
        }
        item.extend(self.wants.as_ref().map(|wants| (WANTS.to_owned(), json(wants))));
        item.extend(self.settings.as_ref().map(|settings| ("settings".to_owned(), json(settings))));
        item.extend(self.down_ms.map(|at| (DOWN_AT.to_owned(), AttributeValue::N(at.to_string()))));
        if let Some(Back { from, to }) = self.back {
            item.extend(BACK.map(str::to_owned).into_iter().zip([number(from), number(to)]));
        }
        item
    }

    /// The deploy of an item; what a chatctl of another day did not write down is empty.
    pub(super) fn stored(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
        let flag = |name: &str| item.get(name)?.as_bool().ok().copied();
        let changes = item.get("changes").and_then(|changes| changes.as_l().ok()).into_iter().flatten();
        let [from, to] = BACK.map(number);
        Some(Self {
            id: MessageId::parse(&text(SK)?).ok()?,
            number: number(NUMBER).unwrap_or_default(),
            at_ms: item.get(AT)?.as_n().ok()?.parse().ok()?,
            by: text("by").unwrap_or_default(),
            command: text("command").unwrap_or_default(),
            commit: text(COMMIT).map(|id| Commit { id, clean: flag(CLEAN) }),
            changes: changes.filter_map(|change| change.as_s().ok().cloned()).collect(),
            ms: number("ms").unwrap_or_default(),
            proof: Proof::of(&text(PROOF).unwrap_or_default()),
            functions: text("functions").as_deref().and_then(parsed).unwrap_or_default(),
            settings: text("settings").as_deref().and_then(parsed),
            back: from.zip(to).map(|(from, to)| Back { from, to }),
            version: text(VERSION).unwrap_or_default(),
            wants: text(WANTS).as_deref().and_then(parsed),
            down_ms: item.get(DOWN_AT).and_then(|at| at.as_n().ok()?.parse().ok()),
        })
    }
}

/// An id that stands behind the last one, by which the history is in order: of two computers one clock may be behind.
fn id_after(last: Option<&Deploy>, now_ms: i64) -> MessageId {
    MessageId::random(last.map_or(now_ms, |last| now_ms.max(last.id.at_ms() + 1)))
}

fn json(value: &impl Serialize) -> AttributeValue {
    let Ok(text) = serde_json::to_string(value) else { unreachable!("records are plain text and numbers") };
    AttributeValue::S(text)
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::stack::Version;

    /// The deploy of this number, which put this version behind the alias of `store-message`.
    pub(in crate::deploy) fn deploy(number: u64, version: u64, proof: Proof) -> Deploy {
        let version = Version { number: version.to_string(), sha256: format!("sha-{version}") };
        Deploy {
            id: MessageId::random(i64::try_from(number).unwrap()),
            number,
            at_ms: 1_700_000_000_000,
            by: "ann@laptop".to_owned(),
            command: "chatctl up".to_owned(),
            commit: Some(Commit { id: "0123456789abcdef0123456789abcdef01234567".to_owned(), clean: Some(true) }),
            changes: vec!["update function/store-message".to_owned()],
            ms: 1_200,
            proof,
            functions: [("store-message".to_owned(), version)].into(),
            settings: None,
            back: None,
            version: crate::VERSION.to_owned(),
            wants: None,
            down_ms: None,
        }
    }

    #[test]
    fn a_deploy_is_read_as_it_was_written() {
        let up = deploy(7, 3, Proof::Proved).wanting(Wants::default());
        let back = Deploy { back: Some(Back { from: 7, to: 5 }), commit: None, ..deploy(8, 2, Proof::Skipped) };
        let down = Deploy { down_ms: Some(1_700_000_600_000), ..deploy(9, 3, Proof::Proved) };
        for deploy in [up, back, down] {
            assert_eq!(Deploy::stored(&deploy.item()), Some(deploy));
        }
    }

    #[test]
    fn an_id_stands_behind_the_last_one_though_the_clock_is_behind() {
        let mut last = deploy(1, 1, Proof::Proved);
        for now_ms in [1_000, 2_000, 1_500, 1_500, 0, -5, 9_000] {
            let next = Deploy { id: id_after(Some(&last), now_ms), ..last.clone() };
            assert!(next.id.to_string() > last.id.to_string() && next.id.at_ms() >= now_ms, "at {now_ms}");
            last = next;
        }
        assert_eq!((last.id.at_ms(), id_after(None, 7).at_ms()), (9_000, 7));
    }

    #[test]
    fn a_deploy_of_a_chatctl_that_wrote_down_less_is_still_shown() {
        let mut item = deploy(7, 3, Proof::Proved).item();
        for later in [NUMBER, "functions", COMMIT, WANTS] {
            item.remove(later);
        }
        let read = Deploy::stored(&item).unwrap();
        assert_eq!((read.number, read.functions.len(), read.commit, read.wants), (0, 0, None, None));
        assert_eq!(read.proof, Proof::Proved);
    }
}
