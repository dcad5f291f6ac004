//! Where the parts of a JSON text begin and end. Nothing is copied, and what nobody reads is passed over at once.

use super::Fault;
use super::marks::{Ends, behind};

/// A JSON text, passed up to some place; what cannot be passed is none.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    ends: Ends,
    at: usize,
}

/// A string between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written<'a> {
    /// It means what is written.
    Plain(&'a str),
    /// Something in it is escaped.
    Escaped(&'a str),
}

/// What follows a value in a list or object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one.
    Item,
    /// The end.
    End,
}

/// Where what begins at some byte has been passed, or where it breaks off.
type Passed = Result<usize, usize>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            ends: Ends::new(),
            at: 0,
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
            match *self.text.as_bytes().get(self.at)? {
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

    /// Passes `true`, `false` or `null`.
    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        let is_next = self.text[self.at..].starts_with(word);
        is_next.then(|| self.at += word.len())
    }

    /// Passes a string; nearly all are plain and short.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Written<'a>> {
        let Some((text, behind)) = self.near() else {
            return self.any_string();
        };
        self.at = behind;
        Some(Written::Plain(text))
    }

    /// Passes a member's key and the colon behind it.
    #[inline]
    pub(super) fn key(&mut self) -> Option<Written<'a>> {
        match self.near() {
            Some((text, behind)) if self.text.as_bytes().get(behind) == Some(&b':') => {
                self.at = behind + 1;
                Some(Written::Plain(text))
            }
            _ => self.any_key(),
        }
    }

    /// Passes what stands behind a value: a comma, or the bracket that ends the list or object.
    #[inline]
    pub(super) fn next(&mut self, end: u8) -> Option<Next> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Some(Next::Item)
            }
            byte if byte == end => {
                self.at += 1;
                Some(Next::End)
            }
            _ => None,
        }
    }

    /// The string that is next, and what comes behind it, as far as that is seen at a glance.
    #[inline]
    fn near(&mut self) -> Option<(&'a str, usize)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = self.ends.near(bytes, start)?;
        let is_plain = bytes.get(end) == Some(&b'"');
        is_plain.then(|| (&self.text[start..end], end + 1))
    }

    #[inline(never)]
    fn any_key(&mut self) -> Option<Written<'a>> {
        let key = self.any_string()?;
        self.take(b':').then_some(key)
    }

    #[inline(never)]
    fn any_string(&mut self) -> Option<Written<'a>> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        let mut has_escapes = false;
        let bytes = self.text.as_bytes();
        loop {
            self.at = self.ends.next(bytes, self.at).unwrap_or(bytes.len());
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    self.pass(escape(bytes, self.at))?;
                }
                _ => return None,
            }
        }
        let text = self.since(start);
        self.at += 1;
        Some(if has_escapes {
            Written::Escaped(text)
        } else {
            Written::Plain(text)
        })
    }

    /// Passes a whole value. Of a list or an object it is only seen to that it ends: whether all in it is well formed, and how
    /// deep it is, means nothing to whoever passes over it.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => {
                let behind = behind(self.text.as_bytes(), self.at);
                self.pass(behind.ok_or(self.text.len()))
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.pass(number(self.text.as_bytes(), self.at)),
        }
    }

    /// What is wrong with what is next.
    #[cold]
    pub(super) fn unexpected(&self) -> Fault {
        let byte = self.text.as_bytes().get(self.at);
        byte.map_or(Fault::End, |byte| Fault::Unexpected(*byte))
    }

    #[inline]
    fn pass(&mut self, passed: Passed) -> Option<()> {
        let (Ok(at) | Err(at)) = passed;
        self.at = at;
        passed.is_ok().then_some(())
    }
}

/// Passes a backslash and what belongs to it.
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
fn digits(text: &[u8], start: usize) -> Passed {
    let mut at = start;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_may_be_of_any_depth_and_has_to_end() {
        let ends = |text: &str| Scanner::new(text).skip().is_some();
        for depth in [1, 2, 63, 64, 65, 1 << 20] {
            let nested = "[".repeat(depth) + "{}" + &"]".repeat(depth);
            assert!(ends(&nested));
            assert!(!ends(&nested[..nested.len() - 1]));
        }
    }
}
