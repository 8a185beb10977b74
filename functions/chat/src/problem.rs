//! What went wrong with a request, as RFC 9457 `application/problem+json`: a code for programs, a sentence for
//! people, never a stack trace. It must not know HTTP beyond the number of a status.

use serde::{Deserialize, Serialize};

use crate::ports::PortError;
use crate::room::Revoked;

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal,)+) => {
        /// Which problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// All of them, for documents and tests.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The name for programs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The status of HTTP.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// The same for every problem with this code.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    BadJson "bad_json" 400 "The body is not JSON",
    BadBody "bad_body" 400 "The body does not have the right fields",
    BadText "bad_text" 400 "The text can't be posted",
    BadName "bad_name" 400 "The name can't be used",
    BadCursor "bad_cursor" 400 "The place in the history is not valid",
    BadEndpoint "bad_endpoint" 400 "The push endpoint is not allowed",
    BadKeys "bad_keys" 400 "The keys of the subscription are not valid",
    BadMember "bad_member" 400 "The member's secret is missing or not valid",
    MissingIdempotencyKey "missing_idempotency_key" 400 "The header Idempotency-Key is missing",
    BadIdempotencyKey "bad_idempotency_key" 400 "The header Idempotency-Key is not valid",
    UnknownRoom "unknown_room" 404 "There is no such room",
    NotFound "not_found" 404 "There is nothing here",
    MethodNotAllowed "method_not_allowed" 405 "That can't be done here",
    TooManyClients "too_many_clients" 409 "The member has too many subscriptions in this room",
    RoomGone "room_gone" 410 "The room's link is no longer valid",
    TextTooLong "text_too_long" 413 "The text is too long",
    BodyTooLarge "body_too_large" 413 "The body is too large",
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be application/json",
    IdempotencyMismatch "idempotency_mismatch" 422 "The key belongs to another message",
    TooMany "too_many" 429 "Too many messages",
    Internal "internal" 500 "Something went wrong on our side",
    Unavailable "unavailable" 503 "Try again in a moment",
}

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One refused request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(from = "Wire", into = "Wire")]
#[error("{detail}")]
pub struct Problem {
    code: Code,
    detail: String,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with a sentence about this one case.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_s: None }
    }

    /// Too many messages; when to come again.
    #[must_use]
    pub fn too_many(retry_after_s: u32) -> Self {
        let detail = format!("too many messages: wait {retry_after_s} s");
        Self { code: Code::TooMany, detail, retry_after_s: Some(retry_after_s) }
    }

    /// Which problem it is.
    #[must_use]
    pub fn kind(&self) -> Code {
        self.code
    }

    /// The name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// The status of HTTP.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The value of the header `Retry-After`, if it has one.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }
}

/// The object of RFC 9457.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

impl From<Problem> for Wire {
    fn from(problem: Problem) -> Self {
        Self {
            kind: format!("urn:chatctl:problem:{}", problem.code()),
            title: problem.code.title().to_owned(),
            status: problem.status(),
            code: problem.code().to_owned(),
            retry_after: problem.retry_after_s,
            detail: problem.detail,
        }
    }
}

impl From<Wire> for Problem {
    fn from(wire: Wire) -> Self {
        // A code of a later version is still a problem: its status tells whose fault it is.
        let known = Code::ALL.iter().copied().find(|code| code.as_str() == wire.code);
        let guess = if wire.status == 503 || wire.status == 429 { Code::Unavailable } else { Code::Internal };
        let detail = if wire.detail.is_empty() { wire.title } else { wire.detail };
        Self { code: known.unwrap_or(guess), detail, retry_after_s: wire.retry_after }
    }
}

impl From<Revoked> for Problem {
    fn from(revoked: Revoked) -> Self {
        Self::new(Code::RoomGone, revoked.to_string())
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        // What broke stays in the log: `what` may name resources.
        if error.retryable {
            Self { retry_after_s: Some(1), ..Self::new(Code::Unavailable, "the chat can't do that right now") }
        } else {
            Self::new(Code::Internal, "the chat could not do that")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_drawn_as_rfc_9457_and_read_back() {
        let problem = Problem::too_many(7);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"type": "urn:chatctl:problem:too_many", "title": "Too many messages", "status": 429,
                "detail": "too many messages: wait 7 s", "code": "too_many", "retry_after": 7})
        );
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }

    #[test]
    fn every_code_has_its_own_name_and_a_status_of_failure() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn a_problem_of_a_later_version_is_still_read() {
        let problem: Problem = serde_json::from_str(r#"{"status":429,"code":"far_too_many","title":"Stop"}"#).unwrap();
        assert_eq!((problem.code(), problem.detail()), ("unavailable", "Stop"));
    }

    #[test]
    fn what_broke_inside_is_not_told_outside() {
        let error = PortError::new("DynamoDB Query of chat-dev-messages", false);
        assert!(!serde_json::to_string(&Problem::from(error)).unwrap().contains("chat-dev"));
    }
}
