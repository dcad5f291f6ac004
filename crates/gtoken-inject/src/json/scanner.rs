//! Where the parts of a JSON text begin and end. Nothing is copied, and what nobody reads is passed over at once.

use super::Fault;

/// How deep lists and objects may stand in each other. What API servers send of pods is less than a quarter of that.
pub(super) const MAX_DEPTH: u32 = 127;

/// A place in a JSON text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    ends: Ends,
    at: usize,
    /// One bit for each list or object around this place, the innermost last: whether it is an object.
    around: u128,
    depth: u32,
}

/// A string between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) text: &'a str,
    pub(super) has_escapes: bool,
}

/// Why a text cannot be passed, where the place tells the rest; small, for it comes back from every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Depth,
    Unexpected,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            ends: Ends::of(text.as_bytes()),
            at: 0,
            around: 0,
            depth: 0,
        }
    }

    /// How many bytes lie behind.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was passed since then.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// The next byte that is no white space, which is not passed.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                // API servers send no white space, so this is nearly always it.
                byte if byte > b' ' => return Some(byte),
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes `byte` if it is next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Passes the bracket that a list or object begins with.
    pub(super) fn enter(&mut self, is_object: bool) -> Result<(), Fault> {
        self.go_in(is_object).map_err(|stop| self.fault(stop))
    }

    /// Passes the bracket that the innermost list or object ends with, if it is next.
    #[inline]
    pub(super) fn leave(&mut self) -> bool {
        let is_end = self.peek() == Some(if self.is_in_object() { b'}' } else { b']' });
        if is_end {
            self.go_out();
        }
        is_end
    }

    /// Passes `true`, `false` or `null`.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Fault> {
        self.skip_word(word).map_err(|stop| self.fault(stop))
    }

    /// Passes a number and gives it as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        match self.skip_number() {
            Ok(()) => Ok(self.since(start)),
            Err(stop) => Err(self.fault(stop)),
        }
    }

    /// Passes a string.
    pub(super) fn string(&mut self) -> Result<Written<'a>, Fault> {
        // White space before the quote is no part of it.
        self.peek();
        let start = self.at + 1;
        match self.skip_string() {
            Ok(has_escapes) => Ok(Written {
                text: &self.text[start..self.at - 1],
                has_escapes,
            }),
            Err(stop) => Err(self.fault(stop)),
        }
    }

    /// Passes a member's key and colon.
    pub(super) fn key(&mut self) -> Result<Written<'a>, Fault> {
        let key = self.string()?;
        if self.take(b':') {
            Ok(key)
        } else {
            Err(self.unexpected())
        }
    }

    /// Passes a whole value, which is well formed then.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        self.skip_value().map_err(|stop| self.fault(stop))
    }

    /// What is wrong where something else should stand.
    pub(super) fn unexpected(&self) -> Fault {
        self.byte().map_or(Fault::End, Fault::Unexpected)
    }

    fn fault(&self, stop: Stop) -> Fault {
        match stop {
            Stop::Depth => Fault::Depth,
            Stop::Unexpected => self.unexpected(),
        }
    }

    fn skip_value(&mut self) -> Result<(), Stop> {
        let depth = self.depth;
        loop {
            if self.skip_to_element()? {
                continue;
            }
            // A value is passed: on to the next one, through all that ends with it.
            loop {
                if self.depth == depth {
                    return Ok(());
                }
                let is_in_object = self.is_in_object();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        break;
                    }
                    Some(b'}') if is_in_object => self.go_out(),
                    Some(b']') if !is_in_object => self.go_out(),
                    _ => return Err(Stop::Unexpected),
                }
            }
            if self.is_in_object() {
                self.skip_key()?;
            }
        }
    }

    /// Passes a scalar or an empty list or object; of another, only what stands before its first element: true then.
    #[inline]
    fn skip_to_element(&mut self) -> Result<bool, Stop> {
        match self.peek() {
            Some(b'"') => self.skip_string().map(|_| false),
            Some(b'{') => {
                self.go_in(true)?;
                if self.leave() {
                    return Ok(false);
                }
                self.skip_key().map(|()| true)
            }
            Some(b'[') => {
                self.go_in(false)?;
                Ok(!self.leave())
            }
            Some(b't') => self.skip_word("true").map(|()| false),
            Some(b'f') => self.skip_word("false").map(|()| false),
            Some(b'n') => self.skip_word("null").map(|()| false),
            _ => self.skip_number().map(|()| false),
        }
    }

    #[inline]
    fn go_in(&mut self, is_object: bool) -> Result<(), Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::Depth);
        }
        self.depth += 1;
        self.around = self.around << 1 | u128::from(is_object);
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn go_out(&mut self) {
        self.depth -= 1;
        self.around >>= 1;
        self.at += 1;
    }

    #[inline]
    fn skip_key(&mut self) -> Result<(), Stop> {
        self.skip_string()?;
        if self.take(b':') {
            Ok(())
        } else {
            Err(Stop::Unexpected)
        }
    }

    /// Passes a string and says whether it holds escapes.
    #[inline]
    fn skip_string(&mut self) -> Result<bool, Stop> {
        if !self.take(b'"') {
            return Err(Stop::Unexpected);
        }
        let mut has_escapes = false;
        loop {
            self.at = self.ends.next(self.at).unwrap_or(self.text.len());
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(has_escapes);
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.skip_escape()?;
                }
                _ => return Err(Stop::Unexpected),
            }
        }
    }

    /// Passes a backslash and what belongs to it.
    fn skip_escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        let digits = match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(Stop::Unexpected),
        };
        self.at += 1;
        for _ in 0..digits {
            if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(Stop::Unexpected);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn skip_word(&mut self, word: &str) -> Result<(), Stop> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Stop::Unexpected);
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_number(&mut self) -> Result<(), Stop> {
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), Stop> {
        let digits = self.text.as_bytes()[self.at..].iter();
        let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(Stop::Unexpected);
        }
        self.at += digits;
        Ok(())
    }

    #[inline]
    fn is_in_object(&self) -> bool {
        self.around & 1 == 1
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// A bit for each byte that ends plain text in a string: quotes, backslashes and control characters.
///
/// Most of a review is strings, and most of them are short: looked for one after the other, their ends would cost a
/// misprediction each.
#[derive(Debug)]
struct Ends(Vec<u64>);

impl Ends {
    fn of(bytes: &[u8]) -> Self {
        let (whole, rest) = bytes.as_chunks();
        let mut ends = Vec::with_capacity(whole.len() + 1);
        ends.extend(whole.iter().map(ends_among));
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        ends.push(ends_among(&last));
        Self(ends)
    }

    /// The first one from there on; none where all that comes is plain.
    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        let mut index = from / 64;
        let mut word = self.0.get(index)? & (u64::MAX << (from % 64));
        while word == 0 {
            index += 1;
            word = *self.0.get(index)?;
        }
        Some(index * 64 + word.trailing_zeros() as usize)
    }
}

fn ends_among(bytes: &[u8; 64]) -> u64 {
    /// Moves the lowest bits of eight bytes to the highest byte, the first one's lowest.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let ends = bytes.map(|byte| u8::from(byte == b'"' || byte == b'\\' || byte < b' '));
    let (words, _) = ends.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let octets = words.map(|word| word.wrapping_mul(GATHER) >> 56);
    octets.rev().fold(0, |all, octet| all << 8 | octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_what_means_something() {
        for end in 0..=u8::MAX {
            let is_end = matches!(end, b'"' | b'\\' | 0..=0x1f);
            for before in [0, 1, 7, 8, 62, 63, 64, 65, 127, 128, 200] {
                let mut bytes = vec![b'x'; before];
                bytes.push(end);
                bytes.extend([0x7f, 0xff, b'!', b'[', b' ', b'#', b']', 0x80]);
                let ends = Ends::of(&bytes);
                for from in 0..=bytes.len() {
                    let next = (is_end && from <= before).then_some(before);
                    assert_eq!(ends.next(from), next, "{end} after {before}, from {from}");
                }
            }
        }
    }

    #[test]
    fn what_stands_too_deep_is_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let skip = |text: &str| Scanner::new(text).skip();
        assert_eq!(skip(&nested(MAX_DEPTH as usize)), Ok(()));
        assert_eq!(skip(&nested(MAX_DEPTH as usize + 1)), Err(Fault::Depth));
        assert_eq!(skip(&"{\"a\":".repeat(4 << 20)), Err(Fault::Depth));
    }
}
