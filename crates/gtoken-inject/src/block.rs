//! Bytes, looked at 64 at a time.

use wide::u8x64;

/// The bytes of a text from the one of that number on, filled up with spaces at its end; none behind it.
#[inline]
pub(crate) fn block(text: &[u8], index: usize) -> Option<u8x64> {
    let (whole, rest) = text.as_chunks();
    match whole.get(index) {
        Some(bytes) => Some(u8x64::new(*bytes)),
        None if index > whole.len() => None,
        None => filled(rest),
    }
}

/// These bytes, filled up with spaces; none where they are more than 64.
#[inline]
pub(crate) fn filled(bytes: &[u8]) -> Option<u8x64> {
    let mut all = [b' '; 64];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u8x64::new(all))
}

/// A bit for each of 64 bytes, the first one lowest: whether it is this one.
#[inline]
pub(crate) fn are(bytes: u8x64, byte: u8) -> u64 {
    bytes.simd_eq(u8x64::splat(byte)).to_bitmask()
}
