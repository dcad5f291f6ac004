//! RFC 6902 patches that hold only what changes.

use std::borrow::Borrow;

use crate::json::quote;

/// More bytes than a patch has for a pod of few containers.
const USUAL: usize = 6 << 10;

/// The steps from the pod that was sent to the pod that is wanted, as JSON from the first step on.
///
/// Only what an earlier injection added is ever removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch(String);

impl Patch {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patch as the API server takes it.
    pub fn as_json(&self) -> &str {
        if self.is_empty() { "[]" } else { &self.0 }
    }

    /// Adds `values`, in JSON, at the end of a list, which is made where it is missing or `null`.
    pub(crate) fn append<V: Borrow<str>>(&mut self, list: &str, exists: bool, values: &[V]) {
        if exists {
            let end = [list, "/-"].concat();
            for value in values {
                self.add(&end, value.borrow());
            }
        } else {
            self.make(list, values);
        }
    }

    /// Adds `values`, in JSON, before the element at an index of a list, which is made where it is missing or `null`.
    pub(crate) fn insert<V: Borrow<str>>(
        &mut self,
        list: &str,
        exists: bool,
        at: usize,
        values: &[V],
    ) {
        if exists {
            for (offset, value) in values.iter().enumerate() {
                self.add(&element(list, at + offset), value.borrow());
            }
        } else {
            self.make(list, values);
        }
    }

    /// Takes away the element at an index of a list.
    pub(crate) fn remove(&mut self, list: &str, at: usize) {
        self.step("remove", &element(list, at), None);
    }

    /// Puts a value, in JSON, at an RFC 6901 pointer: a new member, or an element before the one at that index.
    pub(crate) fn add(&mut self, path: &str, value: &str) {
        self.step("add", path, Some(value));
    }

    /// A list is only made to hold something: an empty one would be a change without a use.
    fn make<V: Borrow<str>>(&mut self, list: &str, values: &[V]) {
        if !values.is_empty() {
            self.add(list, &["[", &values.join(","), "]"].concat());
        }
    }

    fn step(&mut self, operation: &str, path: &str, value: Option<&str>) {
        let steps = &mut self.0;
        // What closes the list makes room for one more step.
        let before = if steps.pop().is_some() {
            ","
        } else {
            steps.reserve(USUAL);
            "["
        };
        steps.extend([before, r#"{"op":""#, operation, r#"","path":"#]);
        quote(path, steps);
        if let Some(value) = value {
            steps.extend([r#","value":"#, value]);
        }
        steps.push_str("}]");
    }
}

/// Where an element of a list is.
pub(crate) fn element(list: &str, at: usize) -> String {
    [list, "/", &at.to_string()].concat()
}
