//! Who sends: VAPID (RFC 8292) as a push service checks it, with the words and the leeway of Mozilla's.
//! Knows no subscription: the key that one is bound to is given to it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// How far two clocks may be apart.
const LEEWAY: i64 = 60;
/// How far ahead a token may end (RFC 8292, section 2).
const LONGEST: i64 = 24 * 60 * 60;

/// Why a sender is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error("Missing VAPID public key")]
    NoKey,
    #[error("Invalid VAPID token")]
    Token,
    #[error("VAPID public key mismatch")]
    OtherKey,
    #[error("InvalidAlgorithm")]
    Algorithm,
    #[error("InvalidSignature")]
    Signature,
    #[error("Missing required claim: exp")]
    NoExpiry,
    #[error("ExpiredSignature")]
    Expired,
    #[error("VAPID token expiration is too long")]
    TooLong,
    #[error("Invalid VAPID audience")]
    Audience,
}

/// Checks `Authorization: vapid t=…, k=…` for a subscription that is bound to `bound`; one that is bound to no
/// key needs no header.
pub(super) fn check(header: Option<&str>, bound: Option<&[u8]>, origin: &str, now: i64) -> Result<(), Stranger> {
    let Some(header) = header else {
        return if bound.is_some() { Err(Stranger::NoKey) } else { Ok(()) };
    };
    let (token, key) = parts(header)?;
    verify(token, &key, origin, now)?;
    match bound {
        Some(bound) if bound != key => Err(Stranger::OtherKey),
        _ => Ok(()),
    }
}

/// A public key as text: base64url, with padding or without.
pub(super) fn key(text: &str) -> Option<Vec<u8>> {
    let key = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let on_the_curve = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key).parse().is_ok();
    (key.len() == 65 && on_the_curve).then_some(key)
}

/// The token and the key of a header.
fn parts(header: &str) -> Result<(&str, Vec<u8>), Stranger> {
    let (scheme, rest) = header.split_once(' ').ok_or(Stranger::Token)?;
    if !scheme.eq_ignore_ascii_case("vapid") {
        return Err(Stranger::NoKey);
    }
    let (mut token, mut public) = (None, None);
    for part in rest.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => token = Some(value.trim_matches('"')),
            Some(("k", value)) => public = Some(value.trim_matches('"')),
            _ => {}
        }
    }
    let public = public.ok_or(Stranger::NoKey)?;
    Ok((token.ok_or(Stranger::Token)?, key(public).ok_or(Stranger::Token)?))
}

fn verify(token: &str, key: &[u8], origin: &str, now: i64) -> Result<(), Stranger> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Stranger::Token)?;
    let (head, claims) = signed.split_once('.').ok_or(Stranger::Token)?;
    let (head, claims) = (json(head)?, json(claims)?);
    if head["alg"] != "ES256" {
        return Err(Stranger::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Stranger::Token)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Stranger::Signature)?;
    let expiry = claims["exp"].as_f64().ok_or(Stranger::NoExpiry)? as i64;
    if expiry.saturating_add(LEEWAY) < now {
        return Err(Stranger::Expired);
    }
    if expiry > now + LONGEST + LEEWAY {
        return Err(Stranger::TooLong);
    }
    match claims["aud"].as_str() {
        Some(audience) if audience.strip_suffix('/').unwrap_or(audience) == origin => Ok(()),
        _ => Err(Stranger::Audience),
    }
}

fn json(part: &str) -> Result<Value, Stranger> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Stranger::Token)?;
    serde_json::from_slice(&bytes).map_err(|_| Stranger::Token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    const ORIGIN: &str = "http://127.0.0.1:4566";
    const NOW: i64 = 1_800_000_000;

    fn header(pair: &EcdsaKeyPair, head: Value, claims: Value) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        format!("vapid t={signed}.{}, k={key}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    #[test]
    fn a_sender_is_let_in_or_told_why_not_in_mozillas_words() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let own = pair.public_key().as_ref();
        let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let alg = json!({ "alg": "ES256", "typ": "JWT" });
        let asked = |claims: Value| check(Some(&header(&pair, alg.clone(), claims)), Some(own), ORIGIN, NOW);
        let good = json!({ "aud": ORIGIN, "exp": NOW + 3600 });

        assert_eq!(asked(good.clone()), Ok(()));
        assert_eq!(asked(json!({ "aud": format!("{ORIGIN}/"), "exp": NOW + 86_400 })), Ok(()));
        assert_eq!(asked(json!({ "aud": ORIGIN, "exp": NOW - 60 })), Ok(()));
        assert_eq!(asked(json!({ "aud": ORIGIN, "exp": NOW - 600 })), Err(Stranger::Expired));
        assert_eq!(asked(json!({ "aud": ORIGIN, "exp": NOW + 90_000 })), Err(Stranger::TooLong));
        assert_eq!(asked(json!({ "aud": ORIGIN })), Err(Stranger::NoExpiry));
        assert_eq!(asked(json!({ "aud": "http://127.0.0.1", "exp": NOW })), Err(Stranger::Audience));
        assert_eq!(asked(json!({ "aud": "https://127.0.0.1:4566", "exp": NOW })), Err(Stranger::Audience));

        let signed = header(&pair, alg.clone(), good.clone());
        assert_eq!(check(Some(&signed.replace(", k=", ",k=")), Some(own), ORIGIN, NOW), Ok(()));
        assert_eq!(check(Some(&signed), None, ORIGIN, NOW), Ok(()));
        assert_eq!(check(Some(&signed), Some(other.public_key().as_ref()), ORIGIN, NOW), Err(Stranger::OtherKey));
        assert_eq!(check(None, Some(own), ORIGIN, NOW), Err(Stranger::NoKey));
        assert_eq!(check(None, None, ORIGIN, NOW), Ok(()));
        assert_eq!(check(Some("Bearer x"), Some(own), ORIGIN, NOW), Err(Stranger::NoKey));
        let forged = header(&other, alg, good.clone()).split(", k=").next().unwrap().to_owned();
        let forged = format!("{forged}, k={}", URL_SAFE_NO_PAD.encode(own));
        assert_eq!(check(Some(&forged), Some(own), ORIGIN, NOW), Err(Stranger::Signature));
        let none = header(&pair, json!({ "alg": "none" }), good);
        assert_eq!(check(Some(&none), Some(own), ORIGIN, NOW), Err(Stranger::Algorithm));
    }

    #[test]
    fn a_key_is_a_point_on_the_curve_with_padding_or_without() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let text = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        assert_eq!(key(&text).as_deref(), Some(pair.public_key().as_ref()));
        assert_eq!(key(&format!("{text}=")).as_deref(), Some(pair.public_key().as_ref()));
        assert_eq!(key(&URL_SAFE_NO_PAD.encode([4; 65])), None);
        assert_eq!(key("rubbish"), None);
    }
}
