//! base64url without padding, the one spelling of bytes in the chat. It must not know what the bytes mean.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes as base64url.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a text in its one canonical spelling; anything else is `None`.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Exactly `N` bytes.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // A slice of exactly N would refuse what its own size estimate rounds up.
    let decoded = decode(text)?;
    if decoded.len() != N {
        return None;
    }
    bytes.copy_from_slice(&decoded);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        assert_eq!(decode(&encode([0xfb, 0xff, 0x01])), Some(vec![0xfb, 0xff, 0x01]));
        assert_eq!(encode([0xfb, 0xff]), "-_8");
    }

    #[test]
    fn padding_other_alphabets_and_loose_bits_are_refused() {
        for text in ["-_8=", "+/8", "-_9", "-", "a b"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn another_length_is_refused() {
        assert_eq!(decode_array::<2>("-_8"), Some([0xfb, 0xff]));
        assert_eq!(decode_array::<3>("-_8"), None);
    }
}
