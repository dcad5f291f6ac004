//! Where, in a JSON text, strings may end and lists and objects begin and end, found for 64 bytes at a time.
//!
//! Most of a review is read by nobody, and most of that is strings, nearly all of them short: passed one after the other,
//! their ends would cost a misprediction each. The way is simdjson's (<https://arxiv.org/abs/1902.08318>, §3.1).

use wide::u8x64;

/// The marks of a whole text.
#[derive(Debug)]
pub(super) struct Marks(Vec<Block>);

/// A bit for each of 64 bytes, the first one lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    /// What ends plain text in a string: quotes, backslashes and control characters.
    ends: u64,
    /// Brackets outside of strings that begin a list or object, but for empty ones.
    opens: u64,
    /// Those that end one, but for empty ones.
    closes: u64,
}

/// What the bytes of a block are, wherever they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds {
    quotes: u64,
    backslashes: u64,
    controls: u64,
    opens: u64,
    closes: u64,
}

/// What the bytes before a block say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// All ones within a string.
    in_string: u64,
    /// One where the block's first byte follows a backslash that counts.
    escapes: u64,
}

impl Marks {
    pub(super) fn of(text: &str) -> Self {
        let (whole, rest) = text.as_bytes().as_chunks();
        let mut blocks = Vec::with_capacity(whole.len() + 1);
        let mut before = Before::default();
        blocks.extend(whole.iter().map(|bytes| before.block(Kinds::of(bytes))));
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        blocks.push(before.block(Kinds::of(&last)));
        Self(blocks)
    }

    /// The first byte from there on that ends plain text in a string; none where all that comes is plain.
    #[inline]
    pub(super) fn end_of_plain(&self, from: usize) -> Option<usize> {
        let mut index = from / 64;
        let mut ends = self.0.get(index)?.ends & (u64::MAX << (from % 64));
        while ends == 0 {
            index += 1;
            ends = self.0.get(index)?.ends;
        }
        Some(index * 64 + ends.trailing_zeros() as usize)
    }

    /// What comes behind the list or object whose bracket is there; none where it does not end.
    ///
    /// Brackets are counted, whatever else is between them.
    #[inline]
    pub(super) fn behind(&self, bracket: usize) -> Option<usize> {
        let mut index = bracket / 64;
        let mut wanted = u64::MAX << (bracket % 64);
        let is_empty = self.0.get(index)?.opens & (1 << (bracket % 64)) == 0;
        if is_empty {
            return Some(bracket + 2);
        }
        let mut depth = 0;
        loop {
            let block = self.0.get(index)?;
            let (opens, mut closes) = (block.opens & wanted, block.closes & wanted);
            let mut left = closes.count_ones();
            if left >= depth {
                left = 0;
                while closes != 0 {
                    left += 1;
                    let before = closes.trailing_zeros();
                    let entered = opens & !(u64::MAX << before);
                    if depth + entered.count_ones() == left {
                        return Some(index * 64 + before as usize + 1);
                    }
                    closes &= closes - 1;
                }
            }
            depth = depth + opens.count_ones() - left;
            index += 1;
            wanted = u64::MAX;
        }
    }
}

impl Before {
    #[inline]
    fn block(&mut self, kinds: Kinds) -> Block {
        let quotes = kinds.quotes & !self.escaped(kinds.backslashes);
        let in_string = parities(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };
        let opens = kinds.opens & !in_string;
        let closes = kinds.closes & !in_string;
        // Every other value of managedFields is an empty object.
        let empty = opens & (closes >> 1);
        Block {
            ends: kinds.quotes | kinds.backslashes | kinds.controls,
            opens: opens & !empty,
            closes: closes & !(empty << 1),
        }
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

/// Brackets differ from their curly kin by this bit.
const CURLY: u8 = b'{' ^ b'[';

impl Kinds {
    #[inline]
    fn of(bytes: &[u8; 64]) -> Self {
        let bytes = u8x64::new(*bytes);
        let curly = bytes | u8x64::splat(CURLY);
        let are = |bytes: u8x64, byte| bytes.simd_eq(u8x64::splat(byte)).to_bitmask();
        Self {
            quotes: are(bytes, b'"'),
            backslashes: are(bytes, b'\\'),
            controls: bytes
                .min(u8x64::splat(b' ' - 1))
                .simd_eq(bytes)
                .to_bitmask(),
            opens: are(curly, b'{'),
            closes: are(curly, b'}'),
        }
    }
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
                let marks = Marks::of(&text);
                for from in 0..=text.len() {
                    let next = (is_end && from <= before).then_some(before);
                    assert_eq!(
                        marks.end_of_plain(from),
                        next,
                        "{end:?} after {before}, from {from}"
                    );
                }
            }
        }
    }

    /// What comes behind the list or object that the text begins with, byte by byte.
    fn behind(text: &str) -> Option<usize> {
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
            let found = behind(&text).map(|at| before + at);
            prop_assert_eq!(Marks::of(&whole).behind(before), found);
        }
    }
}
