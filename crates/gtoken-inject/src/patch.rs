//! RFC 6902 patches that hold only what changes.

/// More bytes than a patch has for a pod of few containers.
const USUAL: usize = 6 << 10;

/// What is written as JSON.
pub(crate) trait Json {
    /// Writes it at the end of a text.
    fn write(&self, json: &mut String);
}

/// What is in JSON already.
impl<T: AsRef<str>> Json for T {
    fn write(&self, json: &mut String) {
        json.push_str(self.as_ref());
    }
}

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

    /// Adds `values` at the end of a list, which is made where it is missing or `null`.
    pub(crate) fn append<V: Json>(
        &mut self,
        list: &str,
        exists: bool,
        values: impl IntoIterator<Item = V>,
    ) {
        if exists {
            for value in values {
                self.step("add", &[list, "/-"]);
                self.close_with(&value);
            }
        } else {
            self.make(list, values);
        }
    }

    /// Adds `values` before the element at an index of a list, which is made where it is missing or `null`.
    pub(crate) fn insert<V: Json>(
        &mut self,
        list: &str,
        exists: bool,
        at: usize,
        values: impl IntoIterator<Item = V>,
    ) {
        if exists {
            for (offset, value) in values.into_iter().enumerate() {
                self.step("add", &[list, "/", &(at + offset).to_string()]);
                self.close_with(&value);
            }
        } else {
            self.make(list, values);
        }
    }

    /// Takes away the element at an index of a list.
    pub(crate) fn remove(&mut self, list: &str, at: usize) {
        self.step("remove", &[list, "/", &at.to_string()]);
        self.0.push_str("}]");
    }

    /// Puts a value at a new member.
    pub(crate) fn add(&mut self, path: &str, value: &impl Json) {
        self.step("add", &[path]);
        self.close_with(value);
    }

    /// A list is only made to hold something: an empty one would be a change without a use.
    fn make<V: Json>(&mut self, list: &str, values: impl IntoIterator<Item = V>) {
        let mut values = values.into_iter();
        let Some(first) = values.next() else {
            return;
        };
        self.step("add", &[list]);
        self.0.push_str(r#","value":["#);
        first.write(&mut self.0);
        for value in values {
            self.0.push(',');
            value.write(&mut self.0);
        }
        self.0.push_str("]}]");
    }

    /// Begins a step at an RFC 6901 pointer, of parts that need no escapes in JSON; it has to be closed, and the list with it.
    fn step(&mut self, operation: &str, path: &[&str]) {
        let steps = &mut self.0;
        if steps.is_empty() {
            steps.reserve(USUAL);
            steps.push('[');
        } else {
            // What closes the list makes room for one more step.
            steps.pop();
            steps.push(',');
        }
        steps.extend([r#"{"op":""#, operation, r#"","path":""#]);
        steps.extend(path.iter().copied());
        steps.push('"');
    }

    /// Closes the step that was begun, with its value.
    fn close_with(&mut self, value: &impl Json) {
        self.0.push_str(r#","value":"#);
        value.write(&mut self.0);
        self.0.push_str("}]");
    }
}
