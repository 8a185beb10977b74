//! Sealing one message to a client: RFC 8291 with the one record of RFC 8188 that a push may have.
//! It must not know what the message says.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};

use super::{DELIMITER, HEADER, PLAINTEXT_MAX, RECORD_SIZE, TAG, no_data, record_key};
use crate::client::SubscriptionKeys;
use crate::random;

/// What one push is sealed with: a key pair and a salt, used once.
pub struct Ephemeral {
    key: PrivateKey,
    public: [u8; 65],
    salt: [u8; 16],
}

impl Ephemeral {
    /// Fresh ones.
    #[must_use]
    pub fn generate() -> Self {
        match PrivateKey::generate(&ECDH_P256).ok().and_then(|key| Self::of(key, random::bytes())) {
            Some(fresh) => fresh,
            None => unreachable!("a P-256 key pair can always be made"),
        }
    }

    /// Given ones: for the example of RFC 8291.
    #[must_use]
    pub fn from_bytes(key: &[u8; 32], salt: [u8; 16]) -> Option<Self> {
        Self::of(PrivateKey::from_private_key(&ECDH_P256, key).ok()?, salt)
    }

    fn of(key: PrivateKey, salt: [u8; 16]) -> Option<Self> {
        let public = key.compute_public_key().ok()?.as_ref().try_into().ok()?;
        Some(Self { key, public, salt })
    }
}

/// Why a message can't be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More than one push can hold.
    #[error("a push holds at most {PLAINTEXT_MAX} bytes")]
    TooLong,
    /// The client's key is not on the curve.
    #[error("the client's key is not a point on P-256")]
    Keys,
}

/// The body of a push (`Content-Encoding: aes128gcm`).
pub fn seal(plaintext: &[u8], to: &SubscriptionKeys, with: &Ephemeral) -> Result<Vec<u8>, SealError> {
    if plaintext.len() > PLAINTEXT_MAX {
        return Err(SealError::TooLong);
    }
    let peer = UnparsedPublicKey::new(&ECDH_P256, &to.p256dh()[..]);
    let (key, nonce) = agree(&with.key, peer, SealError::Keys, |secret| {
        Ok(record_key(secret, to.auth(), to.p256dh(), &with.public, &with.salt))
    })?;
    let mut body = Vec::with_capacity(HEADER + plaintext.len() + 1 + TAG);
    body.extend(with.salt);
    body.extend(RECORD_SIZE.to_be_bytes());
    body.push(65);
    body.extend(with.public);
    body.extend(plaintext);
    body.push(DELIMITER);
    match key.seal_in_place_separate_tag(nonce, no_data(), &mut body[HEADER..]) {
        Ok(tag) => body.extend(tag.as_ref()),
        Err(_) => unreachable!("AES-GCM seals 4 KiB"),
    }
    Ok(body)
}
