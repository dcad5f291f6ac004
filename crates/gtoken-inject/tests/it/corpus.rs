//! What fuzzers begin with, tried without one: `fuzz/` has the promises and the corpora.

#[path = "../../../../fuzz/promises/admission.rs"]
mod admission;
#[path = "../../../../fuzz/promises/annotated.rs"]
mod annotated;
#[path = "../../../../fuzz/promises/annotations.rs"]
mod annotations;
#[path = "../../../../fuzz/promises/arn.rs"]
mod arn;
#[path = "../../../../fuzz/promises/choices.rs"]
pub(crate) mod choices;
#[path = "../../../../fuzz/promises/codec.rs"]
mod codec;
#[path = "../../../../fuzz/promises/corpus.rs"]
mod entries;
#[path = "../../../../fuzz/promises/patch.rs"]
pub(crate) mod patch;
#[path = "../../../../fuzz/promises/pod.rs"]
mod pod;
#[path = "../../../../fuzz/promises/pods.rs"]
mod pods;
#[path = "../../../../fuzz/promises/reader.rs"]
pub(crate) mod reader;
#[path = "../../../../fuzz/promises/review.rs"]
mod review;
#[path = "../../../../fuzz/promises/warnings.rs"]
mod warnings;
#[path = "../../../../fuzz/promises/world.rs"]
pub(crate) mod world;

#[test]
fn no_review_of_the_corpus_breaks_a_promise() {
    entries::try_each("review", review::hold);
}

#[test]
fn the_codec_agrees_with_serde_on_its_corpus() {
    entries::try_each("codec", codec::hold);
    entries::try_each("review", codec::hold);
}

#[test]
fn the_codec_agrees_with_serde_on_every_beginning_of_a_text() {
    let text = r#" { "a" : "\u00e9\ud83d\ude00\\\"x", "b": true,"c":{"d":[{},{"g":-1.5e+3}]},"e":{"k":null},"f":[0,[]] } "#;
    assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
    for end in 0..=text.len() {
        codec::hold(&text.as_bytes()[..end]);
    }
}

#[test]
fn no_world_of_the_corpus_breaks_a_promise() {
    entries::try_each("patch", patch::hold);
}

#[test]
fn no_annotations_of_the_corpus_break_a_promise() {
    entries::try_each("annotations", annotations::hold);
}

#[test]
fn no_arn_of_the_corpus_breaks_a_promise() {
    entries::try_each("arn", arn::hold);
}

#[test]
fn no_pod_of_the_corpus_breaks_a_promise() {
    entries::try_each("pod", pod::hold);
}
