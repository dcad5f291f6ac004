//! RFC 6902 patches that hold only what changes.

use serde::Serialize;
use serde_json::Value;

/// One step of a [`Patch`]. Only what an earlier injection added is ever removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts `value` at `path`: a new member, or an element before the one at that index.
    Add {
        /// An RFC 6901 pointer.
        path: String,
        /// What is added.
        value: Value,
    },
    /// Takes away what stands at `path`.
    Remove {
        /// An RFC 6901 pointer.
        path: String,
    },
}

/// The steps from the pod that was sent to the pod that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Patch(Vec<Operation>);

impl Patch {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patch as the API server takes it.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and JSON values always serialise")
    }

    /// Adds `values` at the end of a list, which is made where it is missing or `null`.
    pub(crate) fn append(&mut self, list: &str, exists: bool, values: Vec<Value>) {
        if exists {
            self.0
                .extend(values.into_iter().map(|value| Operation::Add {
                    path: format!("{list}/-"),
                    value,
                }));
        } else {
            self.make(list, values);
        }
    }

    /// Adds `values` before the element at an index of a list, which is made where it is missing or `null`.
    pub(crate) fn insert(&mut self, list: &str, exists: bool, at: usize, values: Vec<Value>) {
        if exists {
            let insert = |(offset, value)| Operation::Add {
                path: format!("{list}/{}", at + offset),
                value,
            };
            self.0.extend(values.into_iter().enumerate().map(insert));
        } else {
            self.make(list, values);
        }
    }

    /// Takes away the element at an index of a list.
    pub(crate) fn remove(&mut self, list: &str, at: usize) {
        let path = format!("{list}/{at}");
        self.0.push(Operation::Remove { path });
    }

    /// Sets a member of an object.
    pub(crate) fn set(&mut self, path: &str, value: Value) {
        let path = path.to_owned();
        self.0.push(Operation::Add { path, value });
    }

    /// A list is only made to hold something: an empty one would be a change without a use.
    fn make(&mut self, list: &str, values: Vec<Value>) {
        if !values.is_empty() {
            self.0.push(Operation::Add {
                path: list.to_owned(),
                value: Value::Array(values),
            });
        }
    }
}
