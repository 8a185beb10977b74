//! Who sends: a push service is shown a token signed with the stage's VAPID key (RFC 8292).
//! It must not know where the key is kept, nor the time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::BadKey;
use crate::base64url;

/// How long a token is good: half of what RFC 8292 allows, so that no clock that is a little wrong spoils it.
pub const TOKEN_S: i64 = 12 * 3_600;
/// The furthest end of a token that is accepted.
const TOKEN_MAX_S: i64 = 24 * 3_600;
/// How wrong the clocks of sender and service may be.
const CLOCK_S: i64 = 60;
/// `{"typ":"JWT","alg":"ES256"}`
const HEADER: &str = r#"{"typ":"JWT","alg":"ES256"}"#;

/// The key by which push services know a stage.
pub struct VapidKey {
    pair: EcdsaKeyPair,
    private: [u8; 32],
    public: [u8; 65],
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
}

impl VapidKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: Option<EcPrivateKeyBin<'static>> =
            PrivateKey::generate(&ECDH_P256).ok().and_then(|key| key.as_be_bytes().ok());
        match bytes.ok_or(BadKey).and_then(|bytes| Self::from_bytes(bytes.as_ref())) {
            Ok(key) => key,
            Err(BadKey) => unreachable!("a P-256 key pair can always be made"),
        }
    }

    /// The key of its 32 secret bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        let private: [u8; 32] = bytes.try_into().map_err(|_| BadKey)?;
        let public = PrivateKey::from_private_key(&ECDH_P256, &private).map_err(|_| BadKey)?.compute_public_key();
        let public: [u8; 65] = public.ok().and_then(|key| key.as_ref().try_into().ok()).ok_or(BadKey)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public);
        Ok(Self { pair: pair.map_err(|_| BadKey)?, private, public })
    }

    /// The secret bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.private
    }

    /// The key as it is kept.
    pub fn from_base64(text: &str) -> Result<Self, BadKey> {
        Self::from_bytes(&base64url::decode(text).ok_or(BadKey)?)
    }

    /// The secret bytes, as they are kept.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64url::encode(self.private)
    }

    /// The public key: the `applicationServerKey` of a subscription.
    #[must_use]
    pub fn public(&self) -> [u8; 65] {
        self.public
    }

    /// The header `Authorization` for the push service at an origin.
    #[must_use]
    pub fn header(&self, endpoint_origin: &str, subject: &str, now_s: i64) -> String {
        let sub = (!subject.is_empty()).then(|| subject.to_owned());
        let claims = Claims { aud: endpoint_origin.to_owned(), exp: now_s + TOKEN_S, sub };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{}.{}", base64url::encode(HEADER), base64url::encode(claims));
        let signature = match self.pair.sign(&SystemRandom::new(), signed.as_bytes()) {
            Ok(signature) => base64url::encode(signature),
            Err(_) => unreachable!("a P-256 key signs"),
        };
        format!("vapid t={signed}.{signature}, k={}", base64url::encode(self.public))
    }
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidKey(of {})", base64url::encode(self.public))
    }
}

/// Why a push service would not accept a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// Not `vapid t=…, k=…` with a token of ES256.
    #[error("the header is not a VAPID token and key")]
    Form,
    /// Not signed with the key that the header names.
    #[error("the token's signature is not that of its key")]
    Signature,
    /// For another push service.
    #[error("the token is for another push service")]
    Audience,
    /// No longer good.
    #[error("the token has expired")]
    Expired,
    /// Good for longer than a token may be.
    #[error("the token is good for more than 24 hours")]
    TooLong,
}

/// The public key of whoever signed the header `Authorization` for this origin.
pub fn verify(header: &str, origin: &str, now_s: i64) -> Result<[u8; 65], Unverified> {
    let (scheme, parameters) = header.trim().split_once(' ').ok_or(Unverified::Form)?;
    if !scheme.eq_ignore_ascii_case("vapid") {
        return Err(Unverified::Form);
    }
    let parameter = |name: &str| {
        parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).ok_or(Unverified::Form)
    };
    let (token, key) = (parameter("t")?, parameter("k")?);
    let key: [u8; 65] = base64url::decode_array(key.trim_end_matches('=')).ok_or(Unverified::Form)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(Unverified::Form)?;
    let (head, claims) = signed.split_once('.').ok_or(Unverified::Form)?;
    let decoded = |part: &str| base64url::decode(part).ok_or(Unverified::Form);
    let head: serde_json::Value = serde_json::from_slice(&decoded(head)?).map_err(|_| Unverified::Form)?;
    if head["alg"] != "ES256" {
        return Err(Unverified::Form);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key)
        .verify(signed.as_bytes(), &decoded(signature)?)
        .map_err(|_| Unverified::Signature)?;
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).map_err(|_| Unverified::Form)?;
    match claims.exp - now_s {
        _ if claims.aud != origin => Err(Unverified::Audience),
        left if left <= -CLOCK_S => Err(Unverified::Expired),
        left if left > TOKEN_MAX_S + CLOCK_S => Err(Unverified::TooLong),
        _ => Ok(key),
    }
}

/// The most push services whose headers are kept.
const ORIGINS: usize = 1_000;

/// The headers of a key, signed once for each push service and again when half of their time is over.
pub struct VapidHeaders {
    key: VapidKey,
    subject: String,
    signed: Mutex<HashMap<String, (i64, Arc<str>)>>,
}

impl VapidHeaders {
    /// Headers of a key, with the address under which the push services find its holder (`mailto:` or `https:`).
    #[must_use]
    pub fn new(key: VapidKey, subject: impl Into<String>) -> Self {
        Self { key, subject: subject.into(), signed: Mutex::default() }
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &VapidKey {
        &self.key
    }

    /// The header `Authorization` for the push service at an origin.
    #[must_use]
    pub fn header(&self, endpoint_origin: &str, now_s: i64) -> Arc<str> {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, header)) = signed.get(endpoint_origin)
            && (0..TOKEN_S / 2).contains(&(now_s - at))
        {
            return Arc::clone(header);
        }
        if signed.len() >= ORIGINS {
            signed.clear();
        }
        let header: Arc<str> = self.key.header(endpoint_origin, &self.subject, now_s).into();
        signed.insert(endpoint_origin.to_owned(), (now_s, Arc::clone(&header)));
        header
    }
}

impl fmt::Debug for VapidHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidHeaders({:?})", self.key)
    }
}
