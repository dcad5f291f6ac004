//! Where, in a JSON text, strings may end and lists and objects begin and end, found for 64 bytes at a time.
//!
//! Most of a review is read by nobody, and most of that is strings, nearly all of them short: passed one after the other,
//! their ends would cost a misprediction each. The way is simdjson's (<https://arxiv.org/abs/1902.08318>, §3.1).

use wide::u8x64;

use crate::block::{are, block};

/// What ends plain text in strings, of the bytes that were looked at last.
#[derive(Debug)]
pub(super) struct Ends {
    index: usize,
    ends: u64,
}

impl Ends {
    /// Before a text.
    pub(super) fn new() -> Self {
        Self {
            index: usize::MAX,
            ends: 0,
        }
    }

    /// The first byte from there on that is a quote, a backslash or a control character; none where all that comes is plain.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut index = from / 64;
        if index != self.index {
            self.look_at(text, index)?;
        }
        let mut ends = self.ends & (u64::MAX << (from % 64));
        while ends == 0 {
            index += 1;
            self.look_at(text, index)?;
            ends = self.ends;
        }
        Some(index * 64 + ends.trailing_zeros() as usize)
    }

    /// The same, if it is among the 64 bytes in which the search begins.
    #[inline]
    pub(super) fn near(&mut self, text: &[u8], from: usize) -> Option<usize> {
        if from / 64 != self.index {
            self.look_at(text, from / 64)?;
        }
        let ends = self.ends >> (from % 64);
        (ends != 0).then(|| from + ends.trailing_zeros() as usize)
    }

    #[inline]
    fn look_at(&mut self, text: &[u8], index: usize) -> Option<()> {
        let bytes = block(text, index)?;
        let quotes = bytes.simd_eq(u8x64::splat(b'"'));
        let backslashes = bytes.simd_eq(u8x64::splat(b'\\'));
        let controls = bytes.min(u8x64::splat(b' ' - 1)).simd_eq(bytes);
        *self = Self {
            index,
            ends: (quotes | backslashes | controls).to_bitmask(),
        };
        Some(())
    }
}

/// What comes behind the list or object that begins there; none where it does not end.
///
/// Brackets outside of strings are counted, whatever else is between them.
pub(super) fn behind(text: &[u8], bracket: usize) -> Option<usize> {
    let mut index = bracket / 64;
    let mut wanted = u64::MAX << (bracket % 64);
    let mut before = Before::default();
    let mut depth = 0;
    loop {
        let (opens, mut closes) = before.brackets(block(text, index)?, wanted);
        let mut left = closes.count_ones();
        if left >= depth {
            left = 0;
            while closes != 0 {
                left += 1;
                let place = closes.trailing_zeros();
                let entered = opens & !(u64::MAX << place);
                if depth + entered.count_ones() == left {
                    return Some(index * 64 + place as usize + 1);
                }
                closes &= closes - 1;
            }
        }
        depth = depth + opens.count_ones() - left;
        index += 1;
        wanted = u64::MAX;
    }
}

/// Brackets differ from their curly kin by this bit.
const CURLY: u8 = b'{' ^ b'[';

/// What the bytes before a block say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// All ones within a string.
    in_string: u64,
    /// One where the block's first byte follows a backslash that counts.
    escapes: u64,
}

impl Before {
    /// Those outside of strings that begin a list or object, and those that end one, but for the empty ones of which the
    /// beginning is not where the first wanted byte is.
    #[inline]
    fn brackets(&mut self, bytes: u8x64, wanted: u64) -> (u64, u64) {
        let quotes = are(bytes, b'"') & wanted & !self.escaped(are(bytes, b'\\') & wanted);
        let in_string = parities(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };
        let curly = bytes | u8x64::splat(CURLY);
        let opens = are(curly, b'{') & wanted & !in_string;
        let closes = are(curly, b'}') & wanted & !in_string;
        // Every other value of managedFields is an empty object.
        let first = wanted & wanted.wrapping_neg();
        let empty = opens & (closes >> 1) & !first;
        (opens & !empty, closes & !(empty << 1))
    }

    /// The bytes that follow a backslash which follows none that counts.
    /// (<https://github.com/simdjson/simdjson/blob/v3.10.0/src/generic/stage1/json_escape_scanner.h>)
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        if backslashes == 0 {
            return std::mem::take(&mut self.escapes);
        }
        let perhaps = backslashes & !self.escapes;
        let series = ((perhaps << 1) | ODD).wrapping_sub(perhaps) ^ ODD;
        let escaped = series ^ (backslashes | self.escapes);
        self.escapes = (series & backslashes) >> 63;
        escaped
    }
}

/// For each bit, whether the bits up to and with it are an odd number.
#[inline]
fn parities(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .iter()
        .fold(bits, |bits, distance| bits ^ (bits << distance))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_ends_at_what_means_something() {
        for end in (0..=0x7f).map(char::from) {
            let is_end = matches!(end, '"' | '\\' | '\0'..='\x1f');
            for before in [0, 1, 7, 8, 62, 63, 64, 65, 127, 128, 200] {
                let text = "x".repeat(before) + &end.to_string() + "\x7fÿ![ #]\u{80}";
                let mut ends = Ends::new();
                for from in 0..=text.len() {
                    let next = (is_end && from <= before).then_some(before);
                    let found = ends.next(text.as_bytes(), from);
                    assert_eq!(found, next, "{end:?} after {before}, from {from}");
                }
            }
        }
    }

    /// What comes behind the list or object that the text begins with, byte by byte.
    fn by_bytes(text: &str) -> Option<usize> {
        let (mut depth, mut in_string, mut escapes) = (0, false, false);
        for (at, byte) in text.bytes().enumerate() {
            let is_escaped = escapes;
            escapes = byte == b'\\' && !is_escaped;
            match byte {
                b'"' if !is_escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    proptest! {
        #[test]
        fn a_list_or_object_ends_with_its_own_bracket(
            before in 0..130_usize,
            text in r#"[\[{]([\[\]{}"\\ax]|\[\]|\{\}){0,300}[\]}]{0,30}"#,
        ) {
            let whole = " ".repeat(before) + &text;
            let expected = by_bytes(&text).map(|at| before + at);
            prop_assert_eq!(behind(whole.as_bytes(), before), expected);
        }
    }
}
