//! The entries of a corpus: what was thought of, what a fuzzer on this machine found, and a little of what it would try.

use std::fs;
use std::path::Path;

/// How often each entry is tried with something changed.
const CHANGES: u64 = 24;

/// Bytes that mean something in what is read here.
const MARKS: &[u8] = b"\0\n\"{}[]:,/=%~\xff";

/// Tries each entry of the target's corpus, and some changes of it; what fails is printed before it does.
pub(super) fn try_each(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut tried = 0;
    for entry in fs::read_dir(folder.join(target)).expect("the target has a corpus") {
        let path = entry.expect("the corpus can be listed").path();
        println!("{}", path.display());
        let bytes = fs::read(&path).expect("the corpus can be read");
        hold(&bytes);
        for seed in 0..CHANGES {
            let changed = changed(&bytes, seed);
            println!("{} {seed}: {}", path.display(), changed.escape_ascii());
            hold(&changed);
        }
        tried += 1;
    }
    assert!(tried > 0, "the corpus is empty");
}

/// The bytes with one of a fuzzer's changes: an end cut off, a bit flipped, a byte put in, a part doubled or left out.
fn changed(bytes: &[u8], seed: u64) -> Vec<u8> {
    // Far apart for each seed (Knuth, The Art of Computer Programming, volume 3, 6.4).
    let chosen = usize::try_from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).expect("31 bits");
    let at = chosen % (bytes.len() + 1);
    let (before, after) = bytes.split_at(at);
    let part = &after[..after.len().min(1 + chosen % 7)];
    match seed % 5 {
        0 => before.to_vec(),
        1 => {
            let mut flipped = bytes.to_vec();
            flipped
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << (chosen % 8));
            flipped
        }
        2 => [before, &[MARKS[chosen % MARKS.len()]], after].concat(),
        3 => [before, part, after].concat(),
        _ => [before, &after[part.len()..]].concat(),
    }
}
