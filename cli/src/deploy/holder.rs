//! Who holds a lease: a process on a host, and whether it can still be alive. Must not know where
//! the lease is kept.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A holder that did not renew for so long is taken for dead, wherever it is.
pub(super) const SILENT_MS: i64 = 60_000;

/// A process, named so that it cannot be mistaken for a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Random: which lease this is.
    pub id: String,
    /// The host's name, for people.
    pub host: String,
    /// The computer; empty where it has no id.
    pub machine: String,
    /// This run of the computer.
    pub boot: String,
    /// The space in which process numbers count (a container has its own).
    pub space: String,
    /// The process.
    pub pid: u32,
    /// When it started, in the kernel's clock ticks.
    pub started: u64,
    /// What was typed.
    pub command: String,
    /// Who typed it: `user@host`, on AWS the caller's ARN.
    #[serde(default)]
    pub who: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// When it was last renewed.
    pub renewed_ms: i64,
}

/// What to do about a lease that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its process, which would be seen from here, is gone: take it over at once.
    Gone,
    /// It has not renewed for too long, by this clock: take it over, if its clock is not another.
    Silent,
    /// It is, or may be, at work.
    AtWork,
}

impl Holder {
    /// This process, which does this for this person.
    pub(super) fn this(command: &str, who: &str, now_ms: i64) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let pid = std::process::id();
        Self {
            id: chat::base64url::encode(chat::random::bytes::<16>()),
            host: host(),
            machine: read("/etc/machine-id"),
            boot: read("/proc/sys/kernel/random/boot_id"),
            space: std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default(),
            pid,
            started: started(pid).unwrap_or_default(),
            command: command.to_owned(),
            who: who.to_owned(),
            since_ms: now_ms,
            renewed_ms: now_ms,
        }
    }

    /// What can be said of it by `me` at this time. `started` says when a process of this computer was started,
    /// if there is one of that number.
    pub(super) fn verdict(&self, me: &Self, now_ms: i64, started: impl Fn(u32) -> Option<u64>) -> Verdict {
        let gone = self.can_be_seen_by(me) && started(self.pid) != Some(self.started);
        match now_ms.saturating_sub(self.renewed_ms) {
            _ if gone => Verdict::Gone,
            SILENT_MS.. => Verdict::Silent,
            _ => Verdict::AtWork,
        }
    }

    /// Whether it is, or was, a process among those that `me` can see. What is not known of a computer proves nothing
    /// (some have no `/proc`); nor is another start of it one that came later: cloned machines have one name and one id,
    /// and where process numbers count looks the same in each of them.
    fn can_be_seen_by(&self, me: &Self) -> bool {
        let known = |theirs: &str, mine: &str| !theirs.is_empty() && theirs == mine;
        let here = known(&self.host, &me.host) && known(&self.boot, &me.boot) && known(&self.space, &me.space);
        here && self.machine == me.machine && self.started > 0
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, who, host, pid, .. } = self;
        if who.is_empty() {
            write!(f, "{command} on {host}, process {pid}")
        } else if who.ends_with(&format!("@{host}")) {
            write!(f, "{command} by {who}, process {pid}")
        } else {
            write!(f, "{command} by {who} on {host}, process {pid}")
        }
    }
}

/// The name of this computer.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// When the process was started, if it is there: field 22 of its `stat` (proc(5)), counted behind
/// the name, which may hold anything.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let (_, behind_the_name) = stat.rsplit_once(')')?;
    let mut fields = behind_the_name.split_whitespace();
    let state = fields.next()?;
    // A zombie does nothing any more.
    (state != "Z").then(|| fields.nth(18)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(change: impl FnOnce(&mut Holder)) -> Holder {
        let text = |text: &str| text.to_owned();
        let mut holder = Holder {
            id: text("l1"),
            host: text("laptop"),
            machine: text("m1"),
            boot: text("b1"),
            space: text("pid:[1]"),
            pid: 7,
            started: 100,
            command: text("chatctl up"),
            who: text("ann@laptop"),
            since_ms: 0,
            renewed_ms: 0,
        };
        change(&mut holder);
        holder
    }

    #[test]
    fn a_lease_is_taken_over_exactly_when_its_holder_cannot_be_at_work() {
        use Verdict::{AtWork, Gone, Silent};
        let me = holder(|me| me.pid = 8);
        let alive: fn(u32) -> Option<u64> = |_| Some(100);
        let gone: fn(u32) -> Option<u64> = |_| None;
        let reused: fn(u32) -> Option<u64> = |_| Some(555);
        let (soon, late) = (1_000, SILENT_MS);
        let rebooted = |h: &mut Holder| h.boot = "b0".into();
        let unknown = |h: &mut Holder| (h.host, h.machine, h.boot, h.space) = Default::default();
        let table: [(&str, Holder, i64, fn(u32) -> Option<u64>, Verdict); 16] = [
            ("here and alive", holder(|_| {}), soon, alive, AtWork),
            ("here, alive and stopped for long", holder(|_| {}), late, alive, Silent),
            ("here and gone", holder(|_| {}), soon, gone, Gone),
            (
                "gone, of a computer that has no id as this one has",
                holder(|h| h.machine = "".into()),
                soon,
                gone,
                AtWork,
            ),
            ("here, its number another's now", holder(|_| {}), soon, reused, Gone),
            ("here, when it started was not known", holder(|h| h.started = 0), soon, gone, AtWork),
            ("another start of this computer, or a clone of it", holder(rebooted), soon, gone, AtWork),
            ("the same, silent", holder(rebooted), late, gone, Silent),
            ("a computer of which nothing is known", holder(unknown), soon, gone, AtWork),
            ("the same, silent", holder(unknown), late, gone, Silent),
            ("where process numbers count is not known", holder(|h| h.space = "".into()), soon, gone, AtWork),
            ("in another container, just renewed", holder(|h| h.space = "pid:[2]".into()), soon, gone, AtWork),
            ("in another container, silent", holder(|h| h.space = "pid:[2]".into()), late, gone, Silent),
            ("elsewhere, just renewed", holder(|h| h.machine = "m2".into()), soon, gone, AtWork),
            ("elsewhere, almost silent", holder(|h| h.host = "ci".into()), late - 1, gone, AtWork),
            ("elsewhere, silent", holder(|h| h.host = "ci".into()), late, gone, Silent),
        ];
        for (what, found, now, started, verdict) in table {
            assert_eq!(found.verdict(&me, now, started), verdict, "{what}");
        }
    }

    #[test]
    fn two_computers_of_which_nothing_is_known_are_not_the_same_one() {
        let nowhere = |h: &mut Holder| {
            (h.host, h.machine, h.boot, h.space) = Default::default();
            h.started = 0;
        };
        let (one, other) = (holder(nowhere), holder(|h| (nowhere(h), h.pid = 8).1));
        assert_eq!(one.verdict(&other, 1_000, |_| None), Verdict::AtWork);
        assert_eq!(one.verdict(&other, SILENT_MS, |_| None), Verdict::Silent);
    }

    #[test]
    fn this_process_is_seen_alive_and_an_absent_one_is_not() {
        let me = Holder::this("chatctl up", "ann@laptop", 5);
        assert_eq!(started(me.pid), Some(me.started));
        assert!(me.started > 0 && !me.space.is_empty() && !me.boot.is_empty());
        assert_eq!(me.verdict(&Holder::this("chatctl up", "ann@laptop", 5), 5, started), Verdict::AtWork);
        assert_eq!(started(u32::MAX), None);
    }

    #[test]
    fn a_holder_is_named_by_command_person_host_and_process() {
        assert_eq!(holder(|_| {}).to_string(), "chatctl up by ann@laptop, process 7");
        let arn = "arn:aws:iam::123456789012:user/ann";
        let on_aws = holder(|h| (h.who, h.host) = (arn.into(), "ci".into()));
        assert_eq!(on_aws.to_string(), format!("chatctl up by {arn} on ci, process 7"));
        assert_eq!(holder(|h| h.who = String::new()).to_string(), "chatctl up on laptop, process 7");
    }
}
