//! Bytes as a row of choices, so that a fuzzer and the properties make the same worlds.
//!
//! Where the bytes are used up, nothing unusual is chosen any more: a shorter row is a plainer world.

use serde_json::{Map, Value, json};

/// What is left of the bytes.
pub(crate) struct Choices<'a>(&'a [u8]);

/// Texts that break what is put together without care: pointers, URLs, JSON, shells, logs.
const ODD: &[&str] = &[
    "a",
    "",
    "~",
    "~1/~0",
    "a/b",
    "100%2f",
    "\"quoted\" \\back",
    "$(HOME) $$ ${x}",
    "line\nbreak\ttab\u{0}\u{1b}[31m",
    "naïve 🦀 ß",
    "\u{2028}\u{feff}\u{202e}",
    "-",
    "..",
    "null",
];

/// Numbers at the edges of what Go and others hold.
const NUMBERS: &[f64] = &[0.0, -1.0, 0.5, 1e300, -1e-300];

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    /// A number below another, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// One of these; the first is the usual one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Whether something happens that happens so many times in 256.
    pub(crate) fn happens(&mut self, times: u8) -> bool {
        self.byte() > u8::MAX - times
    }

    /// Something that is there so many times in 256.
    pub(crate) fn maybe<T>(&mut self, times: u8, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.happens(times).then(|| make(self))
    }

    /// As many as there happen to be.
    pub(crate) fn several<T>(
        &mut self,
        most: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    /// A text of any kind, seldom a long one.
    pub(crate) fn text(&mut self) -> String {
        match self.byte() {
            0..=207 => self.pick(ODD).to_owned(),
            208..=223 => self.pick(ODD).repeat(70),
            _ => {
                let length = self.below(16).min(self.0.len());
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }

    /// Any JSON, as some later Kubernetes may send it.
    pub(crate) fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => self.text().into(),
            1 => Value::Null,
            2 => true.into(),
            3 => self.pick(NUMBERS).into(),
            4 => u64::MAX.into(),
            5 => i64::MIN.into(),
            6 => self.several(3, |choices| choices.json(depth - 1)).into(),
            7 => {
                let members = self.several(3, |choices| (choices.text(), choices.json(depth - 1)));
                Value::Object(members.into_iter().collect())
            }
            _ => (0..50).fold(json!([]), |inner, _| json!([inner])),
        }
    }

    /// Adds members that nobody knows. No name of Kubernetes' begins as theirs do.
    pub(crate) fn strange(&mut self, object: &mut Map<String, Value>) {
        if self.happens(48) {
            for (name, value) in self.several(3, |choices| (choices.text(), choices.json(2))) {
                object.insert(format!("x{name}"), value);
            }
        }
    }

    /// Adds a member that is there so many times in 256.
    pub(crate) fn member<T: Into<Value>>(
        &mut self,
        object: &mut Map<String, Value>,
        name: &str,
        times: u8,
        make: impl FnOnce(&mut Self) -> T,
    ) {
        if let Some(value) = self.maybe(times, make) {
            object.insert(name.to_owned(), value.into());
        }
    }
}
