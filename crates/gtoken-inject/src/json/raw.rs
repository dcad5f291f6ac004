//! A value that is kept as it is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The name by which the reader knows that a value is wanted as it is written.
pub(super) const RAW: &str = "gtoken::Raw";

/// A value as it is written, for whoever knows later what it is; it is well formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The JSON text.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, json: &'de str) -> Result<Self::Value, E> {
        Ok(Raw(json))
    }
}
