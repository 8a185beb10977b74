//! What a function answers to the HTTP API, and its payload 2.0 form: status, headers, a body that is text or
//! bytes. It must not know what was asked.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chat::base64url;
use chat::problem::{self, Problem};
use chat::room::RoomHash;
use serde::Serialize;

use crate::http::Call;

/// An answer in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    headers: BTreeMap<&'static str, String>,
    /// For the log only.
    pub(crate) room: Option<RoomHash>,
}

impl Answer {
    /// A body of bytes that are there already.
    pub fn bytes(status: u16, kind: &str, body: impl Into<Bytes>) -> Self {
        let headers = BTreeMap::from([
            ("content-type", kind.to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("cross-origin-resource-policy", "same-origin".to_owned()),
        ]);
        Self { status, body: body.into(), headers, room: None }
    }

    /// JSON, which nobody stores unless `with` says otherwise.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, "application/json", body).with("cache-control", "no-store"),
            Err(_) => unreachable!("the answers' own types always have a form in JSON"),
        }
    }

    /// Done, and nothing to say.
    pub fn empty(status: u16) -> Self {
        let mut answer = Self::bytes(status, "", Bytes::new()).with("cache-control", "no-store");
        answer.headers.remove("content-type");
        answer
    }

    /// A header more (name in lower case), or instead of the one of this name.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// About which room it is: for the log.
    pub fn about(mut self, room: &RoomHash) -> Self {
        self.room = Some(room.clone());
        self
    }

    /// Gives it the tag of its body; answers 304 to a caller that has it already.
    pub fn tagged(self, call: &Call) -> Self {
        let hash = digest::digest(&digest::SHA256, &self.body);
        let tag = format!("\"{}\"", base64url::encode(&hash.as_ref()[..16]));
        self.with_etag(&tag, call)
    }

    /// The same with a tag that is known.
    pub fn with_etag(mut self, tag: &str, call: &Call) -> Self {
        let known = call.header("if-none-match").unwrap_or_default();
        let has_it =
            known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*");
        if has_it && self.status == 200 {
            self.status = 304;
            self.body = Bytes::new();
            self.headers.remove("content-type");
        }
        self.with("etag", tag)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl From<&Problem> for Answer {
    fn from(problem: &Problem) -> Self {
        let answer = Self::json(problem.status(), problem).with("content-type", problem::MEDIA_TYPE);
        match problem.retry_after_s() {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

/// The answer as Lambda hands it to the HTTP API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payload {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Answer> for Payload {
    fn from(answer: Answer) -> Self {
        let (body, is_base64_encoded) = match String::from_utf8(answer.body.to_vec()) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
        };
        Self { status_code: answer.status, headers: answer.headers, body, is_base64_encoded }
    }
}

#[cfg(test)]
mod tests {
    use chat::problem::Code;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_problem_json_and_says_when_to_come_again() {
        let answer = Answer::from(&Problem::too_many(7));
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("retry-after"), Some("7"));
        assert_eq!(Answer::from(&Problem::new(Code::BadJson, "no")).header("retry-after"), None);
    }

    #[test]
    fn a_known_tag_is_answered_without_a_body_also_when_it_is_weak_or_one_of_many() {
        let answer = || Answer::json(200, &json!({ "a": 1 }));
        let tag = answer().tagged(&Call::get("/")).header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let again = answer().tagged(&Call::get("/").with("if-none-match", &known));
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag.as_str())));
        }
        assert_eq!(answer().tagged(&Call::get("/").with("if-none-match", "\"other\"")).status, 200);
    }

    #[test]
    fn bytes_that_are_no_text_travel_as_base64() {
        let payload = serde_json::to_value(Payload::from(Answer::bytes(200, "image/png", vec![0xff, 0xfe]))).unwrap();
        assert_eq!((payload["body"].as_str(), payload["isBase64Encoded"].as_bool()), (Some("//4="), Some(true)));
        let payload = serde_json::to_value(Payload::from(Answer::json(201, &json!({})))).unwrap();
        assert_eq!((payload["statusCode"].as_u64(), payload["isBase64Encoded"].as_bool()), (Some(201), Some(false)));
    }
}
