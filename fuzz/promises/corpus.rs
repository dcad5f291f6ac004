//! The entries of a corpus: what was thought of, and what a fuzzer on this machine found.

use std::fs;
use std::path::Path;

/// Tries each entry of the target's corpus; what fails is printed before it does.
pub(super) fn try_each(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut tried = 0;
    for entry in fs::read_dir(folder.join(target)).expect("the target has a corpus") {
        let path = entry.expect("the corpus can be listed").path();
        println!("{}", path.display());
        hold(&fs::read(&path).expect("the corpus can be read"));
        tried += 1;
    }
    assert!(tried > 0, "the corpus is empty");
}
