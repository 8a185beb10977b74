//! What a service says in the cloud's place, a bounded number of times: answers that no weather brings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

/// The first so many requests that have all these words are answered so; all else goes to the cloud.
pub(crate) fn first(
    times: usize,
    words: &[&str],
    (status, body): (u16, String),
) -> impl Fn(&str) -> Option<(u16, String)> + Send + use<> {
    let (words, met): (Vec<String>, _) = (words.iter().map(ToString::to_string).collect(), AtomicUsize::new(0));
    move |request| {
        let meant = words.iter().all(|word| request.contains(word.as_str()));
        (meant && met.fetch_add(1, Ordering::Relaxed) < times).then(|| (status, body.clone()))
    }
}

/// An error of a service that speaks JSON.
pub(crate) fn json_error(status: u16, code: &str, message: &str) -> (u16, String) {
    (status, json!({ "__type": code, "message": message }).to_string())
}

/// CloudFormation's one error for all that is wrong with a call.
pub(crate) fn stack_error(message: &str) -> (u16, String) {
    let words = format!("<Error><Type>Sender</Type><Code>ValidationError</Code><Message>{message}</Message></Error>");
    (400, format!("<ErrorResponse>{words}</ErrorResponse>"))
}

/// A stack with these tags as it is described in this state.
pub(crate) fn stack(name: &str, status: &str, tags: &BTreeMap<String, String>) -> (u16, String) {
    let tag = |(key, value): (&String, &String)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let tags: String = tags.iter().map(tag).collect();
    let stack = format!(
        "<member><StackName>{name}</StackName><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><Tags>{tags}</Tags></member>"
    );
    let answer = format!("<DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult>");
    (200, format!("<DescribeStacksResponse>{answer}</DescribeStacksResponse>"))
}
