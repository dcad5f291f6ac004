//! What is read of a JSON text: types say what they want of it, the [`Scanner`] passes over the rest.

use super::scanner::{Next, Scanner, Written};
use super::{Fault, Malformed, Text};

/// A type that can be read from JSON. Values are filled where they lie: handed on from function to function, copying them
/// would take longer than reading.
pub trait Read<'a>: Default {
    /// Reads the value that the reader stands before into this one, which is the default still.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop>;
}

/// The text cannot be read on; the reader knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(());

/// A JSON text, read up to some place.
#[derive(Debug)]
pub struct Reader<'a> {
    scanner: Scanner<'a>,
    fault: Option<Fault>,
}

/// Reads a whole JSON text.
///
/// Strings without escapes are borrowed; a member that is read and stands there twice is refused, so that nobody has to know
/// which of them others would take.
pub fn read<'a, T: Read<'a>>(json: &'a [u8]) -> Result<T, Malformed> {
    let text = simdutf8::compat::from_utf8(json).map_err(|error| Malformed {
        fault: Fault::Encoding,
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        scanner: Scanner::new(text),
        fault: None,
    };
    let mut value = T::default();
    if value.read(&mut reader).is_ok() && reader.peek().is_none() {
        return Ok(value);
    }
    let scanner = &reader.scanner;
    Err(Malformed {
        fault: reader.fault.unwrap_or_else(|| scanner.unexpected()),
        at: scanner.at(),
    })
}

impl<'a> Reader<'a> {
    /// The byte that the next value begins with.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        self.scanner.peek()
    }

    /// Passes `null`, which leaves the default, as Go has it for every type.
    #[inline]
    pub fn null(&mut self) -> Result<bool, Stop> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null")?;
        Ok(true)
    }

    /// Reads an object: `member` reads the value of each key.
    #[inline]
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Key<'a>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.items([b'{', b'}'], "an object", |reader| {
            let key = reader.scanner.key();
            let key = reader.passed(key)?;
            member(reader, Key(key))
        })
    }

    /// Reads a list: `element` reads each of its values.
    #[inline]
    pub fn list(&mut self, element: impl FnMut(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        self.items([b'[', b']'], "a list", element)
    }

    /// Reads a string.
    #[inline]
    pub fn text(&mut self) -> Result<Text<'a>, Stop> {
        match self.scanner.string() {
            Some(written) => self.unescaped(written),
            None => Err(self.other("a string")),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Stop> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.other("true or false")),
        }
    }

    /// Passes over a value and gives it as it is written.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a str, Stop> {
        // White space before a value is none of it.
        self.peek();
        let start = self.scanner.at();
        let skipped = self.scanner.skip();
        self.passed(skipped)?;
        Ok(self.scanner.since(start))
    }

    /// Reads the value of the member of that name and number, unless one was seen already.
    #[inline]
    pub(crate) fn member<T: Read<'a>>(
        &mut self,
        (name, number): (&'static str, u32),
        seen: &mut u32,
        value: &mut T,
    ) -> Result<(), Stop> {
        let member = 1 << number;
        if *seen & member != 0 {
            return Err(self.stop(Fault::Twice(name)));
        }
        *seen |= member;
        if self.null()? {
            return Ok(());
        }
        value.read(self)
    }

    #[cold]
    fn stop(&mut self, fault: Fault) -> Stop {
        self.fault = Some(fault);
        Stop(())
    }

    /// Reads what stands between two brackets and is separated by commas.
    #[inline]
    fn items(
        &mut self,
        [begin, end]: [u8; 2],
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !self.scanner.take(begin) {
            return Err(self.other(what));
        }
        if self.scanner.take(end) {
            return Ok(());
        }
        loop {
            item(self)?;
            let next = self.scanner.next(end);
            if self.passed(next)? == Next::End {
                return Ok(());
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Stop> {
        let passed = self.scanner.word(word);
        self.passed(passed)
    }

    #[inline]
    fn unescaped(&mut self, written: Written<'a>) -> Result<Text<'a>, Stop> {
        match written.text() {
            Some(text) => Ok(text),
            None => Err(self.stop(Fault::Surrogate)),
        }
    }

    #[inline]
    fn passed<T>(&mut self, passed: Option<T>) -> Result<T, Stop> {
        match passed {
            Some(passed) => Ok(passed),
            None => Err(self.unexpected()),
        }
    }

    #[cold]
    fn unexpected(&mut self) -> Stop {
        let fault = self.scanner.unexpected();
        self.stop(fault)
    }

    /// What is wrong where something else than `wanted` stands.
    #[cold]
    fn other(&mut self, wanted: &'static str) -> Stop {
        match self.peek() {
            Some(b'"' | b'{' | b'[' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => {
                self.stop(Fault::Other(wanted))
            }
            _ => self.unexpected(),
        }
    }
}

/// A member's key, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a>(Written<'a>);

impl<'a> Key<'a> {
    /// The key's text.
    #[inline]
    pub fn text(self, reader: &mut Reader<'a>) -> Result<Text<'a>, Stop> {
        reader.unescaped(self.0)
    }
}

/// Reads the members of an object that are named, each once, and passes over the others.
macro_rules! read_members {
    (
        $type:ident $(<$lifetime:lifetime $(, $object:ident)?>)? {
            $($name:literal => $field:ident),+ $(,)?
        }
    ) => {
        impl<'a $($(, $object: $crate::json::Read<'a>)?)?> $crate::json::Read<'a>
            for $type $(<$lifetime $(, $object)?>)?
        {
            fn read(
                &mut self,
                reader: &mut $crate::json::Reader<'a>,
            ) -> Result<(), $crate::json::Stop> {
                #[expect(non_camel_case_types, reason = "they are named as the fields are")]
                enum Member { $($field),+ }
                let mut seen = 0_u32;
                reader.object(|reader, key| {
                    let key = key.text(reader)?;
                    match &*key {
                        $($name => {
                            let member = ($name, Member::$field as u32);
                            reader.member(member, &mut seen, &mut self.$field)
                        })+
                        _ => reader.skip().map(|_| ()),
                    }
                })
            }
        }
    };
}

pub(crate) use read_members;
