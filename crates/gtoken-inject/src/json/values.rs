//! What the parts of a JSON text are read as.

use std::borrow::{Borrow, Cow};
use std::ops::Deref;

use super::reader::{Read, Reader, Stop};
use super::scanner::Written;

/// A string that stays in the buffer it was read from unless it holds an escape; `null` reads as empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(Cow<'a, str>);

/// Texts by name, in the order of their names. Of those that have one name the last one counts, as in Go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Map<'a, V>(Vec<(Text<'a>, V)>);

/// A value as it is written, for whoever knows later what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw<'a>(&'a str);

/// A value that is there, whatever it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Present;

impl<'a> Written<'a> {
    /// The text that is meant; none where half of a pair of surrogates is in it.
    #[inline]
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self {
            Self::Plain(text) => Some(Text(Cow::Borrowed(text))),
            Self::Escaped(text) => unescaped(text),
        }
    }
}

#[cold]
fn unescaped(text: &str) -> Option<Text<'static>> {
    let json = ["\"", text, "\""].concat();
    let text = serde_json::from_str(&json).ok()?;
    Some(Text(Cow::Owned(text)))
}

impl<'a, V> Map<'a, V> {
    /// The value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        let at = self.0.binary_search_by(|(other, _)| (**other).cmp(name));
        at.ok().map(|at| &self.0[at].1)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Text<'a>, &V)> + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Raw<'a> {
    /// The JSON text.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> Read<'a> for Text<'a> {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        if !reader.null()? {
            *self = reader.text()?;
        }
        Ok(())
    }
}

impl<'a> Read<'a> for bool {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        *self = reader.boolean()?;
        Ok(())
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.insert(T::default()).read(reader)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        reader.list(|reader| self.push_mut(T::default()).read(reader))
    }
}

impl<'a, V: Read<'a>> Read<'a> for Map<'a, V> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        let all = &mut self.0;
        reader.object(|reader, key| {
            let (name, value) = all.push_mut(Default::default());
            *name = key.text(reader)?;
            value.read(reader)
        })?;
        // Those of one name keep their order; of each, the first one stays.
        all.reverse();
        all.sort_by(|(name, _), (other, _)| name.cmp(other));
        all.dedup_by(|(name, _), (kept, _)| name == kept);
        Ok(())
    }
}

impl<'a> Read<'a> for Raw<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.0 = reader.skip()?;
        Ok(())
    }
}

impl<'a> Read<'a> for Present {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        reader.skip().map(|_| ())
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn copies_only_what_holds_an_escape() {
        let texts: Vec<Text<'_>> = read(br#"["plain", "a\nb", null]"#).unwrap();
        assert!(matches!(&texts[0].0, Cow::Borrowed("plain")));
        assert!(matches!(&texts[1].0, Cow::Owned(text) if text == "a\nb"));
        assert_eq!(&*texts[2], "");
    }

    #[test]
    fn of_two_values_of_one_name_the_last_counts() {
        let map: Map<'_, Text<'_>> = read(br#"{"b":"1","a":"2","b":"3"}"#).unwrap();
        let all: Vec<_> = map
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(all, [("a", "2"), ("b", "3")]);
        assert_eq!(map.get("b").map(|value| &**value), Some("3"));
        assert_eq!(map.get("c"), None);
    }
}
