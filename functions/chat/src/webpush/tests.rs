//! Tests of `webpush`: the examples of RFC 8291 and RFC 8292, and what must be refused.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};

use super::vapid::{self, TOKEN_S, Unverified, VapidHeaders, VapidKey};
use super::*;
use crate::base64url;
use crate::client::SubscriptionKeys;

const NOW: i64 = 1_767_323_045;

// RFC 8291 Appendix A.
const PLAINTEXT: &[u8] = b"When I grow up, I want to be a watermelon";
const RECEIVER_PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const RECEIVER_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const SENDER_PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const SALT: &str = "DGv6ra1nlYgDCS1FRnbzlw";
const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    base64url::decode_array(text).unwrap()
}

fn receiver() -> ReceiverKey {
    let kept = [bytes::<32>(RECEIVER_PRIVATE).to_vec(), bytes::<16>(AUTH).to_vec()].concat();
    ReceiverKey::from_bytes(&kept).unwrap()
}

#[test]
fn the_example_of_rfc_8291_is_sealed_byte_for_byte() {
    let keys = SubscriptionKeys::parse(RECEIVER_PUBLIC, AUTH).unwrap();
    let with = Ephemeral::from_bytes(&bytes(SENDER_PRIVATE), bytes(SALT)).unwrap();
    assert_eq!(base64url::encode(seal(PLAINTEXT, &keys, &with).unwrap()), BODY);
}

#[test]
fn the_example_of_rfc_8291_is_opened() {
    assert_eq!(receiver().p256dh(), bytes(RECEIVER_PUBLIC));
    assert_eq!(receiver().open(&base64url::decode(BODY).unwrap()).unwrap(), PLAINTEXT);
}

#[test]
fn what_is_sealed_is_opened_from_nothing_to_the_largest() {
    let key = ReceiverKey::generate();
    for length in [0, 1, 300, PLAINTEXT_MAX - 1, PLAINTEXT_MAX] {
        let plaintext = vec![0; length];
        let body = seal(&plaintext, &key.keys(), &Ephemeral::generate()).unwrap();
        assert!(body.len() <= 4_096);
        assert_eq!(key.open(&body).unwrap(), plaintext, "{length} bytes");
    }
    assert_eq!(PLAINTEXT_MAX, 3_993);
    assert_eq!(seal(&[0; PLAINTEXT_MAX], &key.keys(), &Ephemeral::generate()).unwrap().len(), 4_096);
    assert_eq!(seal(&[0; PLAINTEXT_MAX + 1], &key.keys(), &Ephemeral::generate()), Err(SealError::TooLong));
}

#[test]
fn no_two_pushes_are_alike() {
    let key = ReceiverKey::generate();
    let body = || seal(b"hi", &key.keys(), &Ephemeral::generate()).unwrap();
    assert_ne!(body()[..86], body()[..86]);
}

#[test]
fn a_push_with_any_changed_byte_is_not_opened() {
    let good = base64url::decode(BODY).unwrap();
    for at in 0..good.len() {
        // A larger record size holds the same record; a smaller one does not.
        if (16..20).contains(&at) {
            continue;
        }
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(receiver().open(&bad).is_err(), "byte {at}");
    }
}

#[test]
fn a_push_of_another_form_is_not_opened() {
    let good = base64url::decode(BODY).unwrap();
    for length in 0..good.len() {
        assert!(receiver().open(&good[..length]).is_err(), "{length} bytes");
    }
    let mut small_records = good.clone();
    small_records[16..20].copy_from_slice(&18_u32.to_be_bytes());
    assert_eq!(receiver().open(&small_records), Err(OpenError::Form));
    assert_eq!(ReceiverKey::generate().open(&good), Err(OpenError::Sealed));
}

/// What a sender makes that writes this record (text, delimiter, padding).
fn sealed_by_another(record: &[u8]) -> Vec<u8> {
    let sender = PrivateKey::from_private_key(&ECDH_P256, &bytes::<32>(SENDER_PRIVATE)).unwrap();
    let public: [u8; 65] = sender.compute_public_key().unwrap().as_ref().try_into().unwrap();
    let peer = UnparsedPublicKey::new(&ECDH_P256, bytes::<65>(RECEIVER_PUBLIC));
    let (key, nonce) = agree(&sender, peer, (), |secret| {
        Ok(record_key(secret, &bytes(AUTH), &bytes(RECEIVER_PUBLIC), &public, &bytes(SALT)))
    })
    .unwrap();
    let mut body = [&bytes::<16>(SALT)[..], &RECORD_SIZE.to_be_bytes(), &[65], &public, record].concat();
    let tag = key.seal_in_place_separate_tag(nonce, no_data(), &mut body[HEADER..]).unwrap();
    body.extend(tag.as_ref());
    body
}

#[test]
fn the_padding_of_other_senders_is_taken_away() {
    assert_eq!(receiver().open(&sealed_by_another(b"hi\x02\0\0\0")).unwrap(), b"hi");
    assert_eq!(receiver().open(&sealed_by_another(b"hi\0\x02\x02")).unwrap(), b"hi\0\x02");
}

#[test]
fn a_record_without_the_last_ones_delimiter_is_refused() {
    for record in [&b"hi"[..], b"hi\x01", b"hi\x01\0\0", b"\0\0\0", b""] {
        assert_eq!(receiver().open(&sealed_by_another(record)), Err(OpenError::Form), "{record:?}");
    }
}

#[test]
fn a_receivers_keys_are_kept_as_48_bytes() {
    let key = ReceiverKey::generate();
    let kept = ReceiverKey::from_bytes(&key.to_bytes()).unwrap();
    assert_eq!((kept.p256dh(), kept.auth()), (key.p256dh(), key.auth()));
    for bad in [&[0; 48][..], &[0xff; 48], &[1; 47], &[]] {
        assert_eq!(ReceiverKey::from_bytes(bad).unwrap_err(), BadKey);
    }
    assert_eq!(format!("{key:?}"), "ReceiverKey(hidden)");
}

#[test]
fn the_example_of_rfc_8292_is_verified() {
    let header = "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
    let at = 1_453_523_768 - 3_600;
    let key = vapid::verify(header, "https://push.example.net", at).unwrap();
    assert_eq!(
        base64url::encode(key),
        "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    );
    assert_eq!(vapid::verify(&header.replace(", k", ",k"), "https://push.example.net", at), Ok(key));
}

#[test]
fn a_header_names_the_service_with_its_port_and_ends_in_twelve_hours() {
    let key = VapidKey::generate();
    let header = key.header("http://127.0.0.1:4566", "mailto:operator@example.org", NOW);
    let claims = header.split(['.', ' ']).nth(2).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&base64url::decode(claims).unwrap()).unwrap();
    assert_eq!(
        claims,
        serde_json::json!({"aud": "http://127.0.0.1:4566", "exp": NOW + TOKEN_S, "sub": "mailto:operator@example.org"})
    );
    assert_eq!(vapid::verify(&header, "http://127.0.0.1:4566", NOW), Ok(key.public()));
    assert_eq!(vapid::verify(&header, "http://127.0.0.1", NOW), Err(Unverified::Audience));
}

#[test]
fn a_header_is_good_from_now_until_it_ends() {
    let (key, origin) = (VapidKey::generate(), "https://fcm.googleapis.com");
    let header = key.header(origin, "", NOW);
    let at = |now| vapid::verify(&header, origin, now);
    assert_eq!(at(NOW), Ok(key.public()));
    assert_eq!(at(NOW + TOKEN_S), Ok(key.public()));
    assert_eq!(at(NOW + TOKEN_S + 60), Err(Unverified::Expired));
    // To a clock that is thirteen hours behind it seems to last too long.
    assert_eq!(at(NOW - 13 * 3_600), Err(Unverified::TooLong));
}

#[test]
fn a_forged_header_is_refused() {
    let (key, other, origin) = (VapidKey::generate(), VapidKey::generate(), "https://fcm.googleapis.com");
    let header = key.header(origin, "mailto:a@example.org", NOW);
    let (k, other_k) = (base64url::encode(key.public()), base64url::encode(other.public()));
    assert_eq!(vapid::verify(&header.replace(&k, &other_k), origin, NOW), Err(Unverified::Signature));
    let token = header.strip_prefix("vapid t=").and_then(|rest| rest.split(',').next()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let claims = base64url::encode(format!(r#"{{"aud":"{origin}","exp":{}}}"#, NOW + 60));
    let forged = format!("vapid t={}.{claims}.{}, k={k}", parts[0], parts[2]);
    assert_eq!(vapid::verify(&forged, origin, NOW), Err(Unverified::Signature));
    let none = base64url::encode(r#"{"typ":"JWT","alg":"none"}"#);
    assert_eq!(vapid::verify(&format!("vapid t={none}.{claims}., k={k}"), origin, NOW), Err(Unverified::Form));
    for header in [
        "",
        "vapid",
        "vapid t=a.b.c",
        &format!("vapid k={k}"),
        &format!("Bearer {token}"),
        &format!("vapid t=abc, k={k}"),
        "vapid t=a.b.c, k=AAAA",
    ] {
        assert_eq!(vapid::verify(header, origin, NOW), Err(Unverified::Form), "{header}");
    }
}

#[test]
fn a_vapid_key_is_kept_as_32_bytes() {
    let key = VapidKey::generate();
    assert_eq!(VapidKey::from_bytes(&key.to_bytes()).unwrap().public(), key.public());
    assert_eq!(VapidKey::from_base64(&key.to_base64()).unwrap().public(), key.public());
    for bad in [&[0; 32][..], &[0xff; 32], &[1; 31], &[]] {
        assert_eq!(VapidKey::from_bytes(bad).unwrap_err(), BadKey);
    }
    assert!(!format!("{key:?}").contains(&key.to_base64()));
}

#[test]
fn headers_are_signed_once_for_each_service_and_again_at_half_their_time() {
    let headers = VapidHeaders::new(VapidKey::generate(), "mailto:a@example.org");
    let (one, other) = ("https://fcm.googleapis.com", "https://web.push.apple.com");
    let first = headers.header(one, NOW);
    assert_eq!(headers.header(one, NOW + TOKEN_S / 2 - 1), first);
    assert_ne!(headers.header(other, NOW), first);
    let second = headers.header(one, NOW + TOKEN_S / 2);
    assert_ne!(second, first);
    assert_eq!(vapid::verify(&second, one, NOW + TOKEN_S / 2), Ok(headers.key().public()));
    // A clock that was set back.
    assert_eq!(vapid::verify(&headers.header(one, NOW - 86_400), one, NOW - 86_400), Ok(headers.key().public()));
}
