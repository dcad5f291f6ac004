//! JSON as a format of serde's: its derived code says what is read, the [`Scanner`] passes over the rest.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::raw::RAW;
use super::scanner::{Scanner, Written};
use super::{Fault, Malformed};

/// Reads a whole JSON text.
///
/// Strings without escapes are borrowed; a member that is read and stands there twice is refused, as serde's derived
/// code has it, so that nobody has to know which of them others would take.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Malformed> {
    let text = std::str::from_utf8(json).map_err(|error| Malformed {
        fault: Fault::Encoding,
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader(Scanner::new(text));
    let value = T::deserialize(&mut reader);
    let value = value.and_then(|value| match reader.0.peek() {
        None => Ok(value),
        Some(byte) => Err(Fault::Unexpected(byte)),
    });
    value.map_err(|fault| Malformed {
        fault,
        at: reader.0.at(),
    })
}

struct Reader<'a>(Scanner<'a>);

impl<'a> Reader<'a> {
    fn list<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        self.0.enter(false)?;
        let mut elements = Elements(Items::of(self));
        let value = visitor.visit_seq(&mut elements)?;
        elements.0.ended(value)
    }

    fn object<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        self.0.enter(true)?;
        let mut members = Members(Items::of(self));
        let value = visitor.visit_map(&mut members)?;
        members.0.ended(value)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.peek() {
            Some(b'"') => visit(self.0.string()?, visitor),
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.list(visitor),
            Some(b't') => self.0.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self
                .0
                .word("false")
                .and_then(|()| visitor.visit_bool(false)),
            Some(b'n') => self.0.word("null").and_then(|()| visitor.visit_unit()),
            _ => {
                let number: serde_json::Number = by_serde(self.0.number()?)?;
                number.deserialize_any(visitor).map_err(Fault::custom)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.peek() == Some(b'n') {
            self.0.word("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.0.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name != RAW {
            return visitor.visit_newtype_struct(self);
        }
        // White space before a value is none of it.
        self.0.peek();
        let start = self.0.at();
        self.0.skip()?;
        visitor.visit_borrowed_str(self.0.since(start))
    }

    /// Derived code would take a list for an object, its elements for the members in their order; nobody else does.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _members: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0.peek() {
            Some(b'{') => self.object(visitor),
            Some(b'[') => Err(Fault::List),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map enum identifier
    }
}

fn visit<'a, V: Visitor<'a>>(written: Written<'a>, visitor: V) -> Result<V::Value, Fault> {
    if written.has_escapes {
        visitor.visit_string(by_serde(&format!("\"{}\"", written.text))?)
    } else {
        visitor.visit_borrowed_str(written.text)
    }
}

/// What serde makes of the few texts that are not borrowed.
fn by_serde<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(Fault::custom)
}

/// What stands between two brackets and is separated by commas.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    is_first: bool,
    has_ended: bool,
}

impl<'r, 'a> Items<'r, 'a> {
    fn of(reader: &'r mut Reader<'a>) -> Self {
        Self {
            reader,
            is_first: true,
            has_ended: false,
        }
    }

    /// Goes to the next item, if there is one.
    fn next(&mut self) -> Result<bool, Fault> {
        let scanner = &mut self.reader.0;
        self.has_ended = scanner.leave();
        if self.has_ended {
            return Ok(false);
        }
        let is_separated = std::mem::take(&mut self.is_first) || scanner.take(b',');
        if is_separated {
            Ok(true)
        } else {
            Err(scanner.unexpected())
        }
    }

    /// Gives the value, if whoever made it read to the end.
    fn ended<T>(&mut self, value: T) -> Result<T, Fault> {
        if self.has_ended || !self.next()? {
            Ok(value)
        } else {
            Err(self.reader.0.unexpected())
        }
    }
}

struct Elements<'r, 'a>(Items<'r, 'a>);

impl<'a> SeqAccess<'a> for &mut Elements<'_, 'a> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'a>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if !self.0.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.0.reader).map(Some)
    }
}

struct Members<'r, 'a>(Items<'r, 'a>);

impl<'a> MapAccess<'a> for &mut Members<'_, 'a> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'a>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if !self.0.next()? {
            return Ok(None);
        }
        let key = self.0.reader.0.key()?;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.0.reader)
    }
}

/// A member's key, which is text whatever is asked for.
struct Key<'a>(Written<'a>);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visit(self.0, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
