//! What fuzzers begin with, tried without one: `fuzz/` has the promises and the corpora.

#[path = "../../../../fuzz/promises/corpus.rs"]
mod entries;
#[path = "../../../../fuzz/promises/review.rs"]
mod review;

#[test]
fn no_review_of_the_corpus_breaks_a_promise() {
    entries::try_each("review", review::hold);
}
