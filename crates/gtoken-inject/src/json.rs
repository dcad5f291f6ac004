//! Reading JSON as Go reads it, without copying: `null` is the zero value, and unknown fields are passed over.
//!
//! What a review says and nobody reads, `managedFields` before all, is most of it; [`read`] finds the ends of all strings at
//! once, and otherwise agrees with `serde_json` (`fuzz/promises/codec.rs`).

mod fault;
mod raw;
mod reader;
mod scanner;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

pub use fault::{Fault, Malformed};
pub(crate) use raw::Raw;
pub use reader::read;
pub(crate) use writer::{quote, quoted};

/// A string that stays in the buffer it was read from unless it holds an escape; `null` reads as empty.
///
/// A plain `Cow` inside a list or map would always be copied by serde.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(Cow<'a, str>);

/// Reads `null` as the default, as Go does for every type.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_only_what_holds_an_escape() {
        let texts: Vec<Text<'_>> = read(br#"["plain", "a\nb", null]"#).unwrap();
        assert!(matches!(&texts[0].0, Cow::Borrowed("plain")));
        assert!(matches!(&texts[1].0, Cow::Owned(text) if text == "a\nb"));
        assert_eq!(&*texts[2], "");
    }
}
