//! Our reader of JSON takes what serde's takes and makes the same of it, but for three things that it says.

use std::collections::BTreeMap;

use gtoken_inject::json::{self, Fault};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Every way in which derived code asks for something.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Shape {
    a: String,
    b: bool,
    c: Option<Box<Shape>>,
    d: Vec<Shape>,
    e: BTreeMap<String, Value>,
    f: Option<IgnoredAny>,
    g: Value,
}

/// Panics where a promise is broken. The bytes are the text.
pub(super) fn hold(bytes: &[u8]) {
    agree::<Value>(bytes);
    agree::<Shape>(bytes);
    agree::<IgnoredAny>(bytes);
}

fn agree<'a, T>(bytes: &'a [u8])
where
    T: Deserialize<'a> + std::fmt::Debug + PartialEq,
{
    let ours = json::read::<T>(bytes);
    let theirs = serde_json::from_slice::<T>(bytes);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
        (Err(_), Err(_)) => {}
        // serde looks neither for depth nor for UTF-8 in what it passes over, and takes a list for an object.
        (Err(ours), Ok(_)) => assert!(
            matches!(ours.fault, Fault::Depth | Fault::Encoding | Fault::List),
            "we refuse it: {ours}"
        ),
        (Ok(_), Err(theirs)) => panic!("serde refuses it: {theirs}"),
    }
}
