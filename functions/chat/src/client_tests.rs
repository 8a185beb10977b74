//! Tests of `client` and `endpoint`.

use super::*;
use crate::contract;
use crate::webpush::ReceiverKey;

const NOW: i64 = 1_767_323_045_678;
const URL: &str = "https://updates.push.services.mozilla.com/wpush/v2/abc";

fn services() -> PushServices {
    PushServices::from_list(&PushServices::KNOWN.join(","), Some("http://127.0.0.1:4566".into()))
}

#[test]
fn the_push_services_of_the_browsers_are_allowed() {
    for url in [
        URL,
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://fcm.googleapis.com:443/wp/abc",
        "https://web.push.apple.com/QF1abc",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2fabc%3d",
        "http://127.0.0.1:4566/wpush/v2/abc",
    ] {
        assert_eq!(Endpoint::check(url, &services()).map(|e| e.to_string()), Ok(url.to_owned()));
    }
}

#[test]
fn other_places_are_refused() {
    for url in [
        "https://example.org/push",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/wpush/v2/abc",
        "http://127.0.0.1:4567/wpush/v2/abc",
        "http://127.0.0.1/wpush/v2/abc",
        "http://localhost:4566/wpush/v2/abc",
        "https://127.0.0.1:4566/wpush/v2/abc",
        "http://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://updates.push.services.mozilla.com:8443/wpush/v2/abc",
        "https://push.apple.com/abc",
        "https://evilpush.apple.com.example.org/abc",
        "https://xnotify.windows.com/abc",
        "https://fcm.googleapis.com.evil.org/abc",
    ] {
        assert_eq!(Endpoint::check(url, &services()), Err(BadEndpoint::NotAllowed), "{url}");
    }
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    let long = format!("{URL}{}", "x".repeat(ENDPOINT_BYTES));
    for url in [
        "",
        "ftp://fcm.googleapis.com/x",
        "//fcm.googleapis.com/x",
        "HTTPS://fcm.googleapis.com/x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.org/x",
        "https://fcm.googleapis.com\\@evil.org/x",
        "https://fcm.googleapis.com#@evil.org/x",
        "https://fcm.googleapis.com",
        "https:///x",
        "https://[::1]/x",
        "https://FCM.googleapis.com/x",
        "https://fcm.googleapis.com./x",
        "https://fcm..googleapis.com/x",
        "https://fcm%2egoogleapis.com/x",
        "https://fcm.googleapis.com:/x",
        "https://fcm.googleapis.com:0443/x",
        "https://fcm.googleapis.com:99999/x",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/a\nb",
        "https://fcm.googleapis.com/é",
        &long,
    ] {
        assert_eq!(Endpoint::check(url, &services()), Err(BadEndpoint::Malformed), "{url}");
    }
}

#[test]
fn a_stage_without_a_push_service_of_its_own_takes_no_plain_http() {
    let services = PushServices::from_list(" FCM.googleapis.com , ", None);
    assert_eq!(services.hosts, ["fcm.googleapis.com"]);
    assert!(Endpoint::check("https://fcm.googleapis.com/x", &services).is_ok());
    assert_eq!(Endpoint::check("http://127.0.0.1:4566/x", &services), Err(BadEndpoint::NotAllowed));
    assert_eq!(PushServices::from_list("", Some(String::new())), PushServices::default());
}

#[test]
fn an_origin_names_its_port_unless_it_is_the_schemes_own() {
    for (url, origin) in [
        (URL, "https://updates.push.services.mozilla.com"),
        ("https://fcm.googleapis.com:443/x", "https://fcm.googleapis.com"),
        ("http://127.0.0.1:4566/x?y", "http://127.0.0.1:4566"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1"),
        ("http://127.0.0.1:443/x", "http://127.0.0.1:443"),
    ] {
        assert_eq!(Endpoint::parse(url).unwrap().origin(), origin);
    }
}

#[test]
fn an_endpoint_is_not_shown_whole_by_debug() {
    assert_eq!(format!("{:?}", Endpoint::parse(URL).unwrap()), "Endpoint(https://updates.push.services.mozilla.com/…)");
}

#[test]
fn a_client_is_named_by_the_hash_of_its_endpoint() {
    assert_eq!(Endpoint::parse(URL).unwrap().client().as_str(), "BARioo9aqQBsdUGid7JIeKsq7bGVn2U3");
}

#[test]
fn keys_of_a_real_subscription_are_taken_with_and_without_padding() {
    let key = ReceiverKey::generate();
    let (p256dh, auth) = (base64url::encode(key.p256dh()), base64url::encode(key.auth()));
    let keys = SubscriptionKeys::parse(&p256dh, &auth).unwrap();
    assert_eq!((keys.p256dh(), keys.auth()), (&key.p256dh(), &key.auth()));
    assert_eq!(SubscriptionKeys::parse(&format!("{p256dh}="), &format!("{auth}==")), Ok(keys));
}

#[test]
fn keys_off_the_curve_are_refused() {
    let (good, auth) = (ReceiverKey::generate().p256dh(), [7; 16]);
    assert!(SubscriptionKeys::new(&good, &auth).is_ok());
    for at in [1, 32, 33, 64] {
        let mut bad = good;
        bad[at] ^= 1;
        assert_eq!(SubscriptionKeys::new(&bad, &auth), Err(BadKeys), "bit of byte {at}");
    }
    let mut origin = [0; 65];
    origin[0] = 4;
    assert_eq!(SubscriptionKeys::new(&origin, &auth), Err(BadKeys), "a point of zeros");
    assert_eq!(SubscriptionKeys::new(&[4; 65], &auth), Err(BadKeys));
    assert_eq!(SubscriptionKeys::new(&[0xff; 65], &auth), Err(BadKeys));
}

#[test]
fn keys_of_another_form_are_refused() {
    let (good, auth) = (ReceiverKey::generate().p256dh(), [7; 16]);
    let mut compressed = good[..33].to_vec();
    compressed[0] = 2 + (good[64] & 1);
    for (p256dh, auth) in
        [(&compressed[..], &auth[..]), (&good[..64], &auth), (&good[..], &auth[..15]), (&[], &auth), (&good, &[])]
    {
        assert_eq!(SubscriptionKeys::new(p256dh, auth), Err(BadKeys));
    }
    let mut hybrid = good;
    hybrid[0] = 6 + (good[64] & 1);
    assert_eq!(SubscriptionKeys::new(&hybrid, &auth), Err(BadKeys));
    assert_eq!(SubscriptionKeys::parse("not base64!", "AAAAAAAAAAAAAAAAAAAAAA"), Err(BadKeys));
}

#[test]
fn install_ids_are_checked_and_tell_chatctl_from_browsers() {
    for id in ["12345678", "A_b-C_d-1", &"x".repeat(64)] {
        assert!(InstallId::parse(id).is_ok(), "{id}");
    }
    for id in ["", "1234567", "with space", "ümlaut-id", &"x".repeat(65)] {
        assert!(InstallId::parse(id).is_err(), "{id}");
    }
    assert!(InstallId::parse("browser-1").unwrap().collapses());
    assert!(!InstallId::parse("chatctl-1").unwrap().collapses());
}

#[test]
fn an_install_of_another_member_is_another() {
    let install = InstallId::parse("install-1").unwrap();
    let (ann, bob) = (contract::author(), contract::author());
    assert_eq!(install.of(&ann), install.of(&ann));
    assert_ne!(install.of(&ann), install.of(&bob));
}

#[test]
fn clients_are_spread_over_all_shards() {
    let mut counts = [0; 4];
    for n in 0..400 {
        counts[usize::from(ClientId::of(&format!("https://x/{n}")).shard(4))] += 1;
    }
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
    assert_eq!(ClientId::of("https://x/").shard(0), 0);
}

#[test]
fn a_client_is_written_again_when_it_changed_or_after_a_day() {
    let room = contract::room(NOW);
    let client = contract::client(&room, &contract::author(), "install-1", NOW);
    let later = |ms| Client { seen_at: NOW + ms, ..client.clone() };
    assert!(!client.outdated_by(&later(REFRESH_MS - 1)));
    assert!(client.outdated_by(&later(REFRESH_MS)));
    assert!(client.outdated_by(&Client { keys: ReceiverKey::generate().keys(), ..client.clone() }));
    assert!(client.outdated_by(&Client { page: Some("https://chat.example.org".into()), ..client.clone() }));
    assert!(client.live(NOW + (CLIENT_S - 1) * 1_000));
    assert!(!client.live(NOW + CLIENT_S * 1_000));
}
