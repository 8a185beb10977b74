//! What a command ends with when it does not succeed: what failed, why, what to type next, and the exit code.
//! Every error of the tool becomes a `Failure` through `Explain`, which stands beside the error. Knows no cause itself.

use std::error::Error;

/// The number the process ends with; documented in the README, so stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked for is done.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// The command line, the settings or the input were wrong; nothing was called.
    Usage = 2,
    /// `plan --detailed-exitcode` found changes.
    Changes = 3,
    /// Another deploy holds the stage's lease.
    Held = 4,
    /// Credentials or permissions.
    Denied = 5,
    /// Deployed, but the proof failed or could not end.
    Unproven = 6,
    /// Stopped by Ctrl-C.
    Stopped = 130,
}

impl Exit {
    /// The number itself.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An error that knows its exit code and what its reader should type next.
pub trait Explain: Error {
    /// The process's number.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
    /// A command that can be typed, or one plain instruction.
    fn next(&self) -> Option<String> {
        None
    }
    /// The call and its answer; without a word of its own, the chain of causes.
    fn why(&self) -> Option<String> {
        let mut reasons: Vec<String> = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            let words = cause.to_string();
            if reasons.last() != Some(&words) {
                reasons.push(words);
            }
            source = cause.source();
        }
        (!reasons.is_empty()).then(|| reasons.join(": "))
    }
}

/// What a person reads: `error`, `why` and `next`, each in lower case and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The thing the user knows that could not be done.
    pub error: String,
    /// The call and its answer, or the rule that was broken.
    pub why: Option<String>,
    /// What to type next, best first.
    pub next: Vec<String>,
    /// The process's number.
    pub exit: Exit,
}

impl Failure {
    /// A failure with only its first line; `why` and `next` are added by the methods below.
    pub fn new(exit: Exit, error: impl Into<String>) -> Self {
        Failure { error: error.into(), why: None, next: Vec::new(), exit }
    }

    /// Something failed (exit 1).
    pub fn failed(error: impl Into<String>) -> Self {
        Failure::new(Exit::Failed, error)
    }

    /// The user's input was wrong (exit 2).
    pub fn usage(error: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, error)
    }

    /// Says why.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Adds something to type next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// Puts the thing the user knows in front: the former first line becomes a part of `why`.
    #[must_use]
    pub fn while_doing(self, what: impl Into<String>) -> Self {
        let why = match self.why {
            Some(why) => format!("{}: {why}", self.error),
            None => self.error,
        };
        Failure { error: what.into(), why: Some(why), next: self.next, exit: self.exit }
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure {
            error: error.to_string(),
            why: Explain::why(&error),
            next: Explain::next(&error).into_iter().collect(),
            exit: error.exit(),
        }
    }
}

/// The walk's own errors, which cannot see this file.
impl Explain for reconcile::Error {
    fn exit(&self) -> Exit {
        match self {
            _ if self.stopped() => Exit::Stopped,
            _ if self.denied() => Exit::Denied,
            _ => Exit::Failed,
        }
    }
    fn next(&self) -> Option<String> {
        reconcile::Error::next(self)
    }
    fn why(&self) -> Option<String> {
        reconcile::Error::why(self)
    }
}

/// What one resource's code failed with.
impl Explain for reconcile::Fault {
    fn exit(&self) -> Exit {
        match self {
            _ if self.is_stopped() => Exit::Stopped,
            _ if self.is_denied() => Exit::Denied,
            _ => Exit::Failed,
        }
    }
    fn next(&self) -> Option<String> {
        reconcile::Fault::next(self).map(str::to_string)
    }
    fn why(&self) -> Option<String> {
        None // its words are its source's
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the moon")]
    struct Moon(#[source] std::io::Error);
    impl Explain for Moon {
        fn exit(&self) -> Exit {
            Exit::Denied
        }
        fn next(&self) -> Option<String> {
            Some("look up".into())
        }
    }

    #[test]
    fn an_error_becomes_what_why_and_next() {
        let failure = Failure::from(Moon(std::io::Error::other("clouds")));
        assert_eq!(failure.error, "cannot read the moon");
        assert_eq!(failure.why.as_deref(), Some("clouds"));
        assert_eq!(failure.next, ["look up"]);
        assert_eq!(failure.exit.code(), 5);
    }

    #[test]
    fn the_thing_the_user_knows_comes_first() {
        let failure = Failure::failed("SQS said no").while_doing("cannot create queue x");
        assert_eq!(failure.error, "cannot create queue x");
        assert_eq!(failure.why.as_deref(), Some("SQS said no"));
    }

    #[test]
    fn exit_codes_are_those_of_the_documentation() {
        let all = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Changes,
            Exit::Held,
            Exit::Denied,
            Exit::Unproven,
            Exit::Stopped,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 5, 6, 130]);
    }
}
