//! The receiving side of RFC 8291: a client's keys and the opening of what was sealed to them.
//! It must not know how a push arrived.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};

use super::{BadKey, DELIMITER, TAG, no_data, record_key};
use crate::client::SubscriptionKeys;
use crate::random;

/// The keys of a client that receives pushes: a P-256 key pair and an authentication secret.
pub struct ReceiverKey {
    key: PrivateKey,
    public: [u8; 65],
    auth: [u8; 16],
}

/// Why a push can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not the header and the one record that a push has.
    #[error("the push is not one record of aes128gcm")]
    Form,
    /// Sealed with other keys, or changed on the way.
    #[error("the push was sealed for other keys, or changed on its way")]
    Sealed,
}

impl ReceiverKey {
    /// New keys.
    #[must_use]
    pub fn generate() -> Self {
        match PrivateKey::generate(&ECDH_P256).ok().and_then(|key| Self::of(key, random::bytes())) {
            Some(fresh) => fresh,
            None => unreachable!("a P-256 key pair can always be made"),
        }
    }

    /// Keys that were kept, 48 bytes: the private key and the authentication secret.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        let (key, auth) = bytes.split_first_chunk::<32>().ok_or(BadKey)?;
        let key = PrivateKey::from_private_key(&ECDH_P256, key).map_err(|_| BadKey)?;
        Self::of(key, auth.try_into().map_err(|_| BadKey)?).ok_or(BadKey)
    }

    /// The secret bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 48] {
        let key: EcPrivateKeyBin<'static> = match self.key.as_be_bytes() {
            Ok(key) => key,
            Err(_) => unreachable!("a P-256 key can be written as bytes"),
        };
        let mut bytes = [0; 48];
        bytes[..32].copy_from_slice(key.as_ref());
        bytes[32..].copy_from_slice(&self.auth);
        bytes
    }

    fn of(key: PrivateKey, auth: [u8; 16]) -> Option<Self> {
        let public = key.compute_public_key().ok()?.as_ref().try_into().ok()?;
        Some(Self { key, public, auth })
    }

    /// The public key, as the subscription names it.
    #[must_use]
    pub fn p256dh(&self) -> [u8; 65] {
        self.public
    }

    /// The authentication secret, as the subscription names it.
    #[must_use]
    pub fn auth(&self) -> [u8; 16] {
        self.auth
    }

    /// Both, as a sender uses them.
    #[must_use]
    pub fn keys(&self) -> SubscriptionKeys {
        match SubscriptionKeys::new(&self.public, &self.auth) {
            Ok(keys) => keys,
            Err(_) => unreachable!("a public key is on its curve"),
        }
    }

    /// What a push says.
    pub fn open(&self, body: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (salt, rest) = body.split_first_chunk::<16>().ok_or(OpenError::Form)?;
        let (record_size, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Form)?;
        let (id_length, rest) = rest.split_first().ok_or(OpenError::Form)?;
        let (sender, record) = rest.split_first_chunk::<65>().ok_or(OpenError::Form)?;
        let record_size = usize::try_from(u32::from_be_bytes(*record_size)).unwrap_or(usize::MAX);
        // One record only (RFC 8291 section 4), with room for a tag and a delimiter.
        if usize::from(*id_length) != 65 || sender[0] != 4 || record.len() <= TAG || record.len() > record_size {
            return Err(OpenError::Form);
        }
        let peer = UnparsedPublicKey::new(&ECDH_P256, &sender[..]);
        let (key, nonce) = agree(&self.key, peer, OpenError::Form, |secret| {
            Ok(record_key(secret, &self.auth, &self.public, sender, salt))
        })?;
        let mut record = record.to_vec();
        let padded = key.open_in_place(nonce, no_data(), &mut record).map_err(|_| OpenError::Sealed)?;
        let end = padded.iter().rposition(|byte| *byte != 0).ok_or(OpenError::Form)?;
        if padded[end] != DELIMITER {
            return Err(OpenError::Form);
        }
        record.truncate(end);
        Ok(record)
    }
}

impl fmt::Debug for ReceiverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiverKey(hidden)")
    }
}
