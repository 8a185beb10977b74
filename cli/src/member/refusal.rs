//! Why the API did not do what it was asked: the chat's own problems, told from what stands before it.
//! Must not know what was asked.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use serde::Deserialize;

use super::http::HttpError;
use crate::failure::{Exit, Explain};

/// So much of an answer that is no problem+json is quoted.
const QUOTED: usize = 200;

/// The API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum MemberError {
    #[error("cannot {what}")]
    Http { what: &'static str, source: HttpError },
    #[error("cannot {what}")]
    Refused { what: &'static str, source: Refusal },
    #[error("cannot {what}")]
    Rubbish { what: &'static str, source: serde_json::Error },
}

/// What the API answered instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chat answered {status}: {detail}")]
pub struct Refusal {
    /// The status of HTTP.
    pub status: u16,
    /// The problem's name for programs; empty where something else than the chat answered.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
    /// When to come again, in seconds.
    pub retry_after: Option<u32>,
}

impl Explain for MemberError {
    fn exit(&self) -> Exit {
        match self {
            Self::Refused { source, .. } if (400..410).contains(&source.status) && source.code.starts_with("bad_") => {
                Exit::Usage
            }
            _ => Exit::Failed,
        }
    }

    fn next(&self) -> Option<String> {
        Some(match self {
            Self::Refused { source: Refusal { retry_after: Some(seconds), .. }, .. } => format!("sleep {seconds}"),
            Self::Refused { source, .. } if ["unknown_room", "room_gone"].contains(&source.code.as_str()) => {
                "chatctl room list".to_owned()
            }
            _ => "chatctl status".to_owned(),
        })
    }
}

impl MemberError {
    /// Whether the same request may succeed a moment later: nothing answered, or not the chat itself
    /// (a new API's name resolves late, and answers 404 or 500 for seconds: A29), or it is busy.
    pub fn passes(&self) -> bool {
        match self {
            Self::Http { .. } => true,
            Self::Refused { source, .. } => source.code.is_empty() || source.status >= 500,
            Self::Rubbish { .. } => false,
        }
    }
}

impl MemberError {
    /// Whether it is the fault of the function that should have answered: it failed, refused what is right, or
    /// answered what nobody can read. Not reaching it, and its having too much to do, are not.
    pub fn is_the_functions(&self) -> bool {
        match self {
            Self::Http { .. } => false,
            Self::Refused { source, .. } => {
                source.status >= 500 || (!source.code.is_empty() && source.retry_after.is_none())
            }
            Self::Rubbish { .. } => true,
        }
    }

    /// Whether it is the push endpoint that was refused.
    pub fn is_of_the_endpoint(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.code == "bad_endpoint")
    }
}

impl Refusal {
    /// Reads what was answered instead.
    pub(super) fn of(answer: &Response<Bytes>) -> Self {
        #[derive(Deserialize)]
        struct Problem {
            code: String,
            detail: String,
        }
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers());
        let is_problem = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|media| media.as_bytes().starts_with(b"application/problem+json"));
        match serde_json::from_slice::<Problem>(answer.body()) {
            Ok(problem) if is_problem => Refusal { status, code: problem.code, detail: problem.detail, retry_after },
            _ => {
                let said: String = String::from_utf8_lossy(answer.body()).chars().take(QUOTED).collect();
                Refusal { status, code: String::new(), detail: said, retry_after }
            }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, media: &str, body: &str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, media)
            .header(header::RETRY_AFTER, "7")
            .body(Bytes::from(body.to_owned()))
            .unwrap()
    }

    fn refused(status: u16, media: &str, body: &str) -> MemberError {
        MemberError::Refused { what: "post the message", source: Refusal::of(&answer(status, media, body)) }
    }

    #[test]
    fn a_problem_of_the_chat_is_told_in_its_own_words() {
        let body = r#"{"type":"about:blank","title":"Too many","status":429,"detail":"too many messages: wait 7 s","code":"too_many"}"#;
        let error = refused(429, "application/problem+json", body);
        let MemberError::Refused { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.to_string(), "the chat answered 429: too many messages: wait 7 s");
        assert_eq!(Explain::next(&error).unwrap(), "sleep 7");
        assert!(!error.passes());
    }

    #[test]
    fn a29_a_404_that_is_not_the_chats_own_passes() {
        assert!(refused(404, "application/json", r#"{"message":"Not Found"}"#).passes());
        assert!(refused(500, "application/json", r#"{"message":"Internal Server Error"}"#).passes());
        assert!(!refused(404, "application/json", r#"{"message":"Not Found"}"#).is_the_functions());
        assert!(refused(500, "application/json", r#"{"message":"Internal Server Error"}"#).is_the_functions());
        let busy = r#"{"detail":"the chat is busy","code":"unavailable"}"#;
        assert!(
            refused(503, "application/problem+json", busy).passes(),
            "a new function's first calls may be denied (A2)"
        );
        let own = r#"{"detail":"the token opens no room here","code":"unknown_room"}"#;
        assert!(!refused(404, "application/problem+json", own).passes());
    }
}
