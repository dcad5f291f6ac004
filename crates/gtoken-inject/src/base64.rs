//! Base64 (RFC 4648, §4), two characters at a time: most of an answer is written by it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The characters of each twelve bits, the first one lowest.
static PAIRS: [u16; 4096] = pairs();

const fn pairs() -> [u16; 4096] {
    let mut pairs = [0; 4096];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = u16::from_le_bytes([ALPHABET[bits >> 6], ALPHABET[bits & 63]]);
        bits += 1;
    }
    pairs
}

/// Writes `bytes` at the end of `encoded`.
pub(crate) fn encode(bytes: &[u8], encoded: &mut Vec<u8>) {
    let (triples, rest) = bytes.as_chunks();
    let start = encoded.len();
    encoded.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    let (quads, _) = encoded[start..].as_chunks_mut();
    for (triple, quad) in triples.iter().zip(quads) {
        *quad = characters(*triple);
    }
    let end = &mut encoded[start + triples.len() * 4..];
    match *rest {
        [a] => end[..2].copy_from_slice(&characters([a, 0, 0])[..2]),
        [a, b] => end[..3].copy_from_slice(&characters([a, b, 0])[..3]),
        _ => {}
    }
}

fn characters([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    let first = u32::from(PAIRS[(bits >> 12) as usize]);
    let second = u32::from(PAIRS[(bits & 0xfff) as usize]);
    (first | second << 16).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_encoded_is_decoded_by_others(bytes: Vec<u8>) {
            let mut encoded = b"before".to_vec();
            encode(&bytes, &mut encoded);
            prop_assert_eq!(STANDARD.decode(&encoded[6..]), Ok(bytes));
        }
    }
}
