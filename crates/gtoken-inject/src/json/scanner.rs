//! Where the parts of a JSON text begin and end. Nothing is copied, and what nobody reads is passed over at once.

use super::Fault;

/// How deep lists and objects may stand in each other. What API servers send of pods is less than a quarter of that.
pub(super) const MAX_DEPTH: u32 = 127;

/// A JSON text, read up to some place.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    ends: Ends,
    here: Place,
}

/// A place in a JSON text.
#[derive(Clone, Copy, Debug)]
struct Place {
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

/// Where what begins at some byte has been passed, or where it breaks off.
type Passed = Result<usize, usize>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            ends: Ends::of(text.as_bytes()),
            here: Place {
                at: 0,
                around: 0,
                depth: 0,
            },
        }
    }

    /// How many bytes lie behind.
    pub(super) fn at(&self) -> usize {
        self.here.at
    }

    /// What was passed since then.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.here.at]
    }

    /// The next byte that is no white space, which is not passed.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.here.peek(self.text.as_bytes())
    }

    /// Passes `byte` if it is next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.here.take(self.text.as_bytes(), byte)
    }

    /// Passes the bracket that a list or object begins with.
    #[inline]
    pub(super) fn enter(&mut self, is_object: bool) -> Result<(), Fault> {
        self.here.enter(is_object).map_err(|stop| self.fault(stop))
    }

    /// Passes the bracket that the innermost list or object ends with, if it is next.
    #[inline]
    pub(super) fn leave(&mut self) -> bool {
        let end = self.here.end();
        let is_end = self.peek() == Some(end);
        if is_end {
            self.here.leave();
        }
        is_end
    }

    /// Passes `true`, `false` or `null`.
    pub(super) fn word(&mut self, text: &str) -> Result<(), Fault> {
        self.pass(word(self.text.as_bytes(), self.here.at, text))
    }

    /// Passes a number and gives it as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.here.at;
        self.pass(number(self.text.as_bytes(), start))?;
        Ok(self.since(start))
    }

    /// Passes a string.
    pub(super) fn string(&mut self) -> Result<Written<'a>, Fault> {
        if !self.take(b'"') {
            return Err(self.unexpected());
        }
        let start = self.here.at;
        let mut has_escapes = false;
        let passed = string(self.text.as_bytes(), &self.ends, start, &mut has_escapes);
        self.pass(passed)?;
        let text = &self.text[start..self.here.at - 1];
        Ok(Written { text, has_escapes })
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
        // What nobody else sees may stay in registers.
        let mut here = self.here;
        let skipped = skip(self.text.as_bytes(), &self.ends, &mut here);
        self.here = here;
        skipped.map_err(|stop| self.fault(stop))
    }

    /// What is wrong where something else should stand.
    pub(super) fn unexpected(&self) -> Fault {
        let byte = self.text.as_bytes().get(self.here.at);
        byte.map_or(Fault::End, |byte| Fault::Unexpected(*byte))
    }

    fn fault(&self, stop: Stop) -> Fault {
        match stop {
            Stop::Depth => Fault::Depth,
            Stop::Unexpected => self.unexpected(),
        }
    }

    #[inline]
    fn pass(&mut self, passed: Passed) -> Result<(), Fault> {
        self.here.go(passed).map_err(|stop| self.fault(stop))
    }
}

impl Place {
    #[inline]
    fn peek(&mut self, text: &[u8]) -> Option<u8> {
        loop {
            match *text.get(self.at)? {
                // API servers send no white space, so this is nearly always it.
                byte if byte > b' ' => return Some(byte),
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn take(&mut self, text: &[u8], byte: u8) -> bool {
        let is_next = self.peek(text) == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline]
    fn enter(&mut self, is_object: bool) -> Result<(), Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::Depth);
        }
        self.depth += 1;
        self.around = self.around << 1 | u128::from(is_object);
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
        self.around >>= 1;
        self.at += 1;
    }

    #[inline]
    fn is_in_object(self) -> bool {
        self.around & 1 == 1
    }

    /// What the innermost list or object ends with.
    #[inline]
    fn end(self) -> u8 {
        if self.is_in_object() { b'}' } else { b']' }
    }

    #[inline]
    fn go(&mut self, passed: Passed) -> Result<(), Stop> {
        match passed {
            Ok(at) => {
                self.at = at;
                Ok(())
            }
            Err(at) => {
                self.at = at;
                Err(Stop::Unexpected)
            }
        }
    }
}

/// Passes a whole value.
#[inline]
fn skip(text: &[u8], ends: &Ends, here: &mut Place) -> Result<(), Stop> {
    let depth = here.depth;
    let mut is_key = false;
    loop {
        match here.peek(text) {
            Some(b'"') => {
                here.go(string(text, ends, here.at + 1, &mut false))?;
                if is_key {
                    if !here.take(text, b':') {
                        return Err(Stop::Unexpected);
                    }
                    is_key = false;
                    continue;
                }
            }
            _ if is_key => return Err(Stop::Unexpected),
            // Every other value of managedFields is an empty object.
            Some(b'{') if here.depth < MAX_DEPTH && text.get(here.at + 1) == Some(&b'}') => {
                here.at += 2;
            }
            Some(open @ (b'{' | b'[')) => {
                here.enter(open == b'{')?;
                if here.peek(text) != Some(here.end()) {
                    is_key = open == b'{';
                    continue;
                }
                here.leave();
            }
            Some(b't') => here.go(word(text, here.at, "true"))?,
            Some(b'f') => here.go(word(text, here.at, "false"))?,
            Some(b'n') => here.go(word(text, here.at, "null"))?,
            _ => here.go(number(text, here.at))?,
        }
        // A value is passed: on to the next one, through all that ends with it.
        loop {
            if here.depth == depth {
                return Ok(());
            }
            match here.peek(text) {
                Some(b',') => break,
                Some(end) if end == here.end() => here.leave(),
                _ => return Err(Stop::Unexpected),
            }
        }
        here.at += 1;
        is_key = here.is_in_object();
    }
}

/// Passes a string from behind its first quote on.
#[inline]
fn string(text: &[u8], ends: &Ends, mut at: usize, has_escapes: &mut bool) -> Passed {
    loop {
        at = ends.next(at).unwrap_or(text.len());
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => {
                *has_escapes = true;
                at = escape(text, at)?;
            }
            _ => return Err(at),
        }
    }
}

/// Passes a backslash and what belongs to it.
#[inline(never)]
fn escape(text: &[u8], at: usize) -> Passed {
    let mut at = at + 1;
    let digits = match text.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
        Some(b'u') => 4,
        _ => return Err(at),
    };
    at += 1;
    for _ in 0..digits {
        if !text.get(at).is_some_and(u8::is_ascii_hexdigit) {
            return Err(at);
        }
        at += 1;
    }
    Ok(at)
}

#[inline(never)]
fn word(text: &[u8], at: usize, word: &str) -> Passed {
    if text[at..].starts_with(word.as_bytes()) {
        Ok(at + word.len())
    } else {
        Err(at)
    }
}

#[inline(never)]
fn number(text: &[u8], mut at: usize) -> Passed {
    at += usize::from(text.get(at) == Some(&b'-'));
    if text.get(at) == Some(&b'0') {
        at += 1;
    } else {
        at = digits(text, at)?;
    }
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        at = digits(text, at)?;
    }
    Ok(at)
}

/// Passes at least one digit.
#[inline]
fn digits(text: &[u8], start: usize) -> Passed {
    let mut at = start;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(start) }
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
        let around_empty = |depth: usize| "[".repeat(depth) + "{}" + &"]".repeat(depth);
        assert_eq!(skip(&around_empty(MAX_DEPTH as usize - 1)), Ok(()));
        assert_eq!(skip(&around_empty(MAX_DEPTH as usize)), Err(Fault::Depth));
    }
}
