//! Tests of `delivery`: the table of PUSH.md section 4, row by row.

use super::*;

const FCM: &str = "fcm.googleapis.com";

fn verdict(status: u16, host: &str) -> Verdict {
    PushAnswer { status, retry_after: None }.verdict(host)
}

#[test]
fn each_answer_of_a_push_service_has_one_meaning() {
    for (status, meaning) in [
        (200, Verdict::Delivered),
        (201, Verdict::Delivered),
        (202, Verdict::Delivered),
        (301, Verdict::Refused(Refused::Redirect)),
        (308, Verdict::Refused(Refused::Redirect)),
        (400, Verdict::Refused(Refused::Malformed)),
        (401, Verdict::Refused(Refused::Signature)),
        (403, Verdict::Refused(Refused::Signature)),
        (404, Verdict::Gone),
        (410, Verdict::Gone),
        (406, Verdict::Refused(Refused::Other)),
        (413, Verdict::TooLarge),
        (418, Verdict::Refused(Refused::Other)),
        (429, Verdict::Later(None)),
        (500, Verdict::Later(None)),
        (503, Verdict::Later(None)),
    ] {
        assert_eq!(verdict(status, FCM), meaning, "{status}");
    }
}

#[test]
fn microsofts_406_means_later() {
    assert_eq!(verdict(406, "wns2-par02p.notify.windows.com"), Verdict::Later(None));
    assert_eq!(verdict(406, "notify.windows.com.example.org"), Verdict::Refused(Refused::Other));
}

#[test]
fn a_client_is_forgotten_for_404_and_410_alone() {
    let gone: Vec<u16> = (100..600).filter(|status| verdict(*status, FCM) == Verdict::Gone).collect();
    assert_eq!(gone, [404, 410]);
}

#[test]
fn a_pause_grows_and_is_spread() {
    let seconds = |tries, spread| pause(tries, None, spread).map(|d| d.as_secs_f32());
    assert_eq!([1, 2, 3, 4, 5].map(|tries| seconds(tries, 255)), [1.0, 4.0, 16.0, 64.0, 256.0].map(Some));
    assert_eq!([1, 2, 3, 4, 5].map(|tries| seconds(tries, 0)), [0.5, 2.0, 8.0, 32.0, 128.0].map(Some));
}

#[test]
fn a_pause_is_never_shorter_than_asked_for() {
    for spread in [0, 128, 255] {
        assert!(pause(1, Some(Duration::from_secs(30)), spread).unwrap() >= Duration::from_secs(30));
    }
    assert_eq!(pause(1, Some(PAUSE_MAX), 9), Some(PAUSE_MAX));
}

#[test]
fn it_is_given_up_after_the_last_try_or_when_the_wait_is_too_long() {
    assert_eq!(pause(TRIES, None, 0), None);
    assert_eq!(pause(u8::MAX, Some(Duration::ZERO), 0), None);
    assert_eq!(pause(1, Some(PAUSE_MAX + Duration::from_secs(1)), 0), None);
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let secs = |s| Some(Duration::from_secs(s));
    assert_eq!(retry_after("120", 0), secs(120));
    assert_eq!(retry_after(" 0 ", 0), secs(0));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 90), secs(90));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 + 5), secs(0));
    assert_eq!(retry_after("99999999999999999999999", 0), secs(u64::MAX));
    for header in
        ["", "soon", "-5", "1.5", "Sun, 06 Nov 1994", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"]
    {
        assert_eq!(retry_after(header, 0), None, "{header}");
    }
}

#[test]
fn verdicts_are_drawn_and_read_back() {
    for verdict in [
        Verdict::Delivered,
        Verdict::Gone,
        Verdict::Later(None),
        Verdict::Later(Some(Duration::from_secs(30))),
        Verdict::Refused(Refused::Signature),
        Verdict::TooLarge,
    ] {
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict, "{json}");
    }
    let later = serde_json::to_value(Verdict::Later(Some(Duration::from_secs(30)))).unwrap();
    assert_eq!(later, serde_json::json!({"verdict": "later", "detail": 30}));
}
