//! Where the parts of a JSON text begin and end. Nothing is copied, and what nobody reads is passed over at once.

use super::Fault;

/// How deep lists and objects may stand in each other. What API servers send of pods is less than a quarter of that.
pub(super) const MAX_DEPTH: u32 = 127;

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
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

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
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
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Passes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Passes the bracket that a list or object begins with.
    pub(super) fn enter(&mut self, is_object: bool) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::Depth);
        }
        self.depth += 1;
        self.around = self.around << 1 | u128::from(is_object);
        self.at += 1;
        Ok(())
    }

    /// Passes the bracket that the innermost list or object ends with, if it is next.
    pub(super) fn leave(&mut self) -> bool {
        let is_end = self.take(if self.is_in_object() { b'}' } else { b']' });
        if is_end {
            self.depth -= 1;
            self.around >>= 1;
        }
        is_end
    }

    /// Passes `true`, `false` or `null`.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes a number and gives it as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.since(start))
    }

    /// Passes a string.
    pub(super) fn string(&mut self) -> Result<Written<'a>, Fault> {
        if !self.take(b'"') {
            return Err(self.unexpected());
        }
        let start = self.at;
        let mut has_escapes = false;
        loop {
            self.at += plain(&self.text.as_bytes()[self.at..]);
            match self.byte() {
                Some(b'"') => {
                    let text = self.since(start);
                    self.at += 1;
                    return Ok(Written { text, has_escapes });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return Err(self.unexpected()),
            }
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
                if self.take(b',') {
                    break;
                }
                if !self.leave() {
                    return Err(self.unexpected());
                }
            }
            if self.is_in_object() {
                self.key()?;
            }
        }
    }

    /// Passes a scalar or an empty list or object; of another, only what stands before its first element: true then.
    fn skip_to_element(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| false),
            Some(b'{') => {
                self.enter(true)?;
                if self.leave() {
                    return Ok(false);
                }
                self.key().map(|_| true)
            }
            Some(b'[') => {
                self.enter(false)?;
                Ok(!self.leave())
            }
            Some(b't') => self.word("true").map(|()| false),
            Some(b'f') => self.word("false").map(|()| false),
            Some(b'n') => self.word("null").map(|()| false),
            _ => self.number().map(|_| false),
        }
    }

    /// What is wrong where something else should stand.
    pub(super) fn unexpected(&self) -> Fault {
        self.byte().map_or(Fault::End, Fault::Unexpected)
    }

    fn is_in_object(&self) -> bool {
        self.around & 1 == 1
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let digits = self.text.as_bytes()[self.at..].iter();
        let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.unexpected());
        }
        self.at += digits;
        Ok(())
    }

    /// Passes a backslash and what belongs to it.
    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let digits = match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        for _ in 0..digits {
            if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// How many bytes come before the first quote, backslash or control character, looked for eight at a time.
fn plain(bytes: &[u8]) -> usize {
    let mut plain = 0;
    while let Some(word) = bytes[plain..].first_chunk() {
        let found = ends(u64::from_le_bytes(*word));
        if found != 0 {
            return plain + (found.trailing_zeros() / 8) as usize;
        }
        plain += 8;
    }
    let rest = bytes[plain..].iter();
    plain
        + rest
            .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .count()
}

/// Marks the bytes of a word that end plain text. The lowest mark is right; those above it may be too many, for a
/// subtraction borrows from the byte above (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>).
fn ends(word: u64) -> u64 {
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quote | backslash | below(word, 0x20)) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_what_means_something() {
        for end in 0..=u8::MAX {
            let ends = matches!(end, b'"' | b'\\' | 0..=0x1f);
            for before in 0..20 {
                let mut bytes = vec![b'x'; before];
                bytes.extend([end, 0x7f, 0xff, b'!', b'[', b' ', b'#', b']', 0x80]);
                let all = bytes.len();
                assert_eq!(plain(&bytes), if ends { before } else { all }, "{end}");
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
