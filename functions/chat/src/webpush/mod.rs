//! Web Push: messages sealed to a client (RFC 8291), opened by it, and signed for its push service (RFC 8292).
//! It must not know how a push is sent, nor what it says.

mod open;
mod seal;
pub mod vapid;

pub use open::{OpenError, ReceiverKey};
pub use seal::{Ephemeral, SealError, seal};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// The bytes are not a private key on P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not a private key on P-256")]
pub struct BadKey;

/// The largest plaintext of a push: a body of 4,096 bytes without header, delimiter and tag.
pub const PLAINTEXT_MAX: usize = 4_096 - HEADER - 1 - TAG;

/// Salt 16, record size 4, length of the key id 1, key id 65.
const HEADER: usize = 16 + 4 + 1 + 65;
const TAG: usize = 16;
const RECORD_SIZE: u32 = 4_096;
/// RFC 8188 section 2: the last record ends with this before its padding.
const DELIMITER: u8 = 2;

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &Prk, info: &[&[u8]], out: &mut [u8]) {
    let length = Bytes(out.len());
    if prk.expand(info, length).and_then(|okm| okm.fill(out)).is_err() {
        unreachable!("HKDF-SHA256 expands to {} bytes", out.len());
    }
}

/// The content key and nonce of RFC 8291 section 3.4, for the one record of a push.
fn record_key(
    secret: &[u8],
    auth: &[u8; 16],
    receiver: &[u8; 65],
    sender: &[u8; 65],
    salt: &[u8; 16],
) -> (LessSafeKey, Nonce) {
    let mut ikm = [0; 32];
    expand(&Salt::new(HKDF_SHA256, auth).extract(secret), &[b"WebPush: info\0", receiver, sender], &mut ikm);
    let prk = Salt::new(HKDF_SHA256, salt).extract(&ikm);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    expand(&prk, &[b"Content-Encoding: aes128gcm\0"], &mut key);
    expand(&prk, &[b"Content-Encoding: nonce\0"], &mut nonce);
    match UnboundKey::new(&AES_128_GCM, &key) {
        Ok(key) => (LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)),
        Err(_) => unreachable!("an AES-128 key has 16 bytes"),
    }
}

fn no_data() -> Aad<[u8; 0]> {
    Aad::empty()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
