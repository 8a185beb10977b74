//! What is printed on standard output, word for word.

use std::collections::BTreeMap;

use super::*;

fn plain() -> Style {
    Style { called: "chatctl".into(), ..Style::default() }
}

#[test]
fn up_ends_with_the_link_on_a_line_of_its_own_and_what_to_type_next() {
    let event = Event::Deployed {
        stage: "dev".into(),
        target: "local".into(),
        flags: String::new(),
        endpoint: "http://127.0.0.1:4580".into(),
        page: "http://127.0.0.1:4580/#AQ".into(),
        changed: 38,
        proved: true,
        warnings: Vec::new(),
        ms: 1_834,
    };
    let should = "dev is up (local): 38 resources changed, 1.8 s\nhttp://127.0.0.1:4580/#AQ\n\
                  \x20 chatctl open          open it in a browser\n\
                  \x20 chatctl tail          see messages as they arrive\n\
                  \x20 chatctl send \"hello\"  say something\n\
                  \x20 chatctl status        see how it is, and the AWS command line's settings";
    assert_eq!(result(&event, &plain()).unwrap(), should);
}

#[test]
fn a_second_up_says_that_there_is_nothing_to_change() {
    let event = Event::Deployed {
        stage: "test".into(),
        target: "aws".into(),
        flags: "--stage test --target aws --region eu-west-1".into(),
        endpoint: "http://127.0.0.1:4580".into(),
        page: "http://127.0.0.1:4580/#AQ".into(),
        changed: 0,
        proved: false,
        warnings: vec!["Lambda PutFunctionRecursionConfig is not offered here".into()],
        ms: 312,
    };
    let text = result(&event, &plain()).unwrap();
    assert!(text.ends_with("\n! Lambda PutFunctionRecursionConfig is not offered here"), "{text}");
    assert!(text.starts_with("test is up (aws): nothing to change, 312 ms\n"), "{text}");
    assert!(text.contains("chatctl tail --stage test --target aws --region eu-west-1 "), "{text}");
}

#[test]
fn a_push_that_failed_says_what_to_do() {
    let told = Told {
        client: "abcdefghijklmnop".into(),
        service: "127.0.0.1".into(),
        status: Some(410),
        verdict: "gone".into(),
        meaning: "the subscription has ended; the client was removed".into(),
        next: Some("open the page again and allow notifications".into()),
        took_ms: 3,
    };
    let should = "✗ 127.0.0.1  410  gone  3 ms  client abcdefghijkl\n    the subscription has ended; the client was removed\n    \
                  → open the page again and allow notifications";
    assert_eq!(result(&Event::ClientTold(told), &plain()).unwrap(), should);
}

#[test]
fn a_log_line_shows_its_fields_and_cannot_move_the_cursor() {
    let line = LogLine {
        source: "store-message".into(),
        time: None,
        text: "stored\x1b[2J".into(),
        level: Some("ERROR".into()),
        fields: BTreeMap::from([("took_ms".into(), 4.into())]),
    };
    assert_eq!(result(&Event::LogLine(line), &plain()).unwrap(), "store-message     ERROR stored\u{fffd}[2J took_ms=4");
}

#[test]
fn progress_is_no_result() {
    assert_eq!(result(&Event::Building, &plain()), None);
}
