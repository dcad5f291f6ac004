//! What our reader makes of a JSON text is what serde makes of it; what it passes over it takes as it is.

use std::collections::BTreeMap;

use gtoken_inject::json::{self, Fault, Read, Reader, Stop};
use serde::de::IgnoredAny;
use serde_json::Value;

/// How deep lists and objects are looked into; more than any type of the product.
const MOST: usize = 8;

/// Panics where a promise is broken. The bytes are the text.
pub(super) fn hold(bytes: &[u8]) {
    whatever_is_read_is_read_as_by_serde(bytes);
    what_is_passed_over_is_anything_that_ends(bytes);
}

/// All that can be read, to some depth; the rest is passed over.
#[derive(Debug, Default, PartialEq)]
enum Tree {
    #[default]
    Nothing,
    Word(bool),
    Text(String),
    List(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
    /// What is not read.
    Other(String),
}

impl Tree {
    fn fill(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Stop> {
        *self = match reader.peek() {
            Some(b'"') => Self::Text(reader.text()?.to_string()),
            Some(b't' | b'f') => Self::Word(reader.boolean()?),
            Some(b'n') => reader.null().map(|_| Self::Nothing)?,
            Some(b'[') if depth < MOST => {
                let mut all = Vec::new();
                reader.list(|reader| all.push_mut(Tree::default()).fill(reader, depth + 1))?;
                Self::List(all)
            }
            Some(b'{') if depth < MOST => {
                let mut all = BTreeMap::new();
                reader.object(|reader, key| {
                    let key = key.text(reader)?.to_string();
                    let mut value = Tree::default();
                    value.fill(reader, depth + 1)?;
                    all.insert(key, value);
                    Ok(())
                })?;
                Self::Object(all)
            }
            _ => Self::Other(reader.skip()?.to_owned()),
        };
        Ok(())
    }

    /// Whether serde's reader made the same of it.
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Nothing, Value::Null) => true,
            (Self::Word(ours), Value::Bool(theirs)) => ours == theirs,
            (Self::Text(ours), Value::String(theirs)) => ours == theirs,
            (Self::List(ours), Value::Array(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .all(|(ours, theirs)| ours.is(theirs))
            }
            (Self::Object(ours), Value::Object(theirs)) => {
                let same = |(key, ours): (&String, &Tree)| {
                    theirs.get(key).is_some_and(|theirs| ours.is(theirs))
                };
                ours.len() == theirs.len() && ours.iter().all(same)
            }
            (Self::Other(ours), theirs) => {
                serde_json::from_str::<Value>(ours).is_ok_and(|ours| ours == *theirs)
            }
            _ => false,
        }
    }

    /// Whether anything was passed over, be it a number that no type holds.
    fn passes_over(&self) -> bool {
        match self {
            Self::List(all) => all.iter().any(Self::passes_over),
            Self::Object(all) => all.values().any(Self::passes_over),
            Self::Other(_) => true,
            Self::Nothing | Self::Word(_) | Self::Text(_) => false,
        }
    }
}

impl<'a> Read<'a> for Tree {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.fill(reader, 0)
    }
}

fn whatever_is_read_is_read_as_by_serde(bytes: &[u8]) {
    let ours = json::read::<Tree>(bytes);
    let theirs = serde_json::from_slice::<Value>(bytes);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert!(ours.is(&theirs), "{ours:?} is not {theirs:?}"),
        (Err(ours), Ok(_)) => panic!("we refuse it: {ours}"),
        (Ok(ours), Err(theirs)) => assert!(ours.passes_over(), "serde refuses it: {theirs}"),
        (Err(_), Err(_)) => {}
    }
}

/// The text of a value that is passed over.
#[derive(Default)]
struct Passed<'a>(&'a str);

impl<'a> Read<'a> for Passed<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.0 = reader.skip()?;
        Ok(())
    }
}

fn what_is_passed_over_is_anything_that_ends(bytes: &[u8]) {
    let ours = json::read::<Passed<'_>>(bytes);
    let theirs = serde_json::from_slice::<IgnoredAny>(bytes);
    match (ours, theirs) {
        // serde does not look for UTF-8 in what it passes over.
        (Err(ours), Ok(_)) => assert_eq!(ours.fault, Fault::Encoding),
        (Ok(ours), _) => {
            let text = std::str::from_utf8(bytes).expect("it is read");
            let space = [' ', '\n', '\r', '\t'];
            assert_eq!(ours.0, text.trim_matches(space));
        }
        (Err(_), Err(_)) => {}
    }
}
