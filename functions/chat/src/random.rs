//! Random bytes from the system, for keys, secrets and ids. It must not know what they are for.

/// Fresh random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        unreachable!("the system always has random bytes");
    }
    bytes
}
