//! The states of a stack (A16, A30), and the way out of each. Pure; it must not know what is in a stack.

/// What a stack's state means for what can be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is whole, and can be updated.
    Whole,
    /// Something is being done to it: it is left alone (A16).
    Busy,
    /// It can only be deleted, or was never made: it is deleted and made again (A16, A30).
    Remade,
    /// It is gone.
    Gone,
}

impl Standing {
    /// Of a state's name.
    pub fn of(status: &str) -> Self {
        match status {
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
            | "UPDATE_FAILED" => Self::Whole,
            "DELETE_COMPLETE" => Self::Gone,
            // Nothing is in progress there: a change set waits to be executed, and no stack was ever made.
            "REVIEW_IN_PROGRESS" => Self::Remade,
            busy if busy.ends_with("_IN_PROGRESS") => Self::Busy,
            // ROLLBACK_COMPLETE, ROLLBACK_FAILED, CREATE_FAILED, DELETE_FAILED, UPDATE_ROLLBACK_FAILED
            _ => Self::Remade,
        }
    }
}

/// What the tool's own words are for a state that an `up` ended with; `None` where there is nothing to say.
pub fn said(status: &str, next: &str) -> Option<String> {
    match (Standing::of(status), status) {
        (Standing::Whole, "UPDATE_ROLLBACK_COMPLETE") => Some(format!(
            "the operations stack was put back as it was before its update (UPDATE_ROLLBACK_COMPLETE); {next} tries again"
        )),
        (Standing::Whole | Standing::Gone, _) => None,
        (Standing::Busy, _) => Some(format!(
            "the operations stack is still being worked on ({status}); nothing waits for it, {next} shows how it ended"
        )),
        (Standing::Remade, _) => Some(format!(
            "the operations stack failed ({status}), the chat does not need it; {next} deletes it and makes it again"
        )),
    }
}
