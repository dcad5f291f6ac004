//! What fuzzers begin with, tried without one: `fuzz/` has the promises and the corpora.

#[path = "../../../../fuzz/promises/answer.rs"]
mod answer;
#[path = "../../../../fuzz/promises/claims.rs"]
mod claims;
#[path = "../../../../fuzz/promises/complaint.rs"]
mod complaint;
#[path = "../../../../fuzz/promises/credentials.rs"]
mod credentials;
#[path = "../../../../fuzz/promises/durations.rs"]
mod durations;
#[path = "../../../../fuzz/promises/corpus.rs"]
mod entries;
#[path = "../../../../fuzz/promises/executable.rs"]
mod executable;
#[path = "../../../../fuzz/promises/flags.rs"]
mod flags;
#[path = "../../../../fuzz/promises/request.rs"]
mod request;
#[path = "../../../../fuzz/promises/subject.rs"]
mod subject;
#[path = "../../../../fuzz/promises/token.rs"]
mod token;

#[test]
fn no_answer_of_the_corpus_breaks_a_promise() {
    entries::try_each("answer", answer::hold);
}

#[test]
fn no_claims_of_the_corpus_break_a_promise() {
    entries::try_each("claims", claims::hold);
}

#[test]
fn no_credentials_of_the_corpus_break_a_promise() {
    entries::try_each("credentials", credentials::hold);
}

#[test]
fn no_duration_of_the_corpus_breaks_a_promise() {
    entries::try_each("durations", durations::hold);
}

#[test]
fn no_command_line_of_the_corpus_breaks_a_promise() {
    entries::try_each("flags", flags::hold);
}

#[test]
fn no_token_of_the_corpus_breaks_a_promise() {
    entries::try_each("token", token::hold);
}

#[test]
fn nothing_a_program_prints_in_the_corpus_breaks_a_promise() {
    entries::try_each("executable", executable::hold);
}

#[test]
fn no_request_of_the_corpus_breaks_a_promise() {
    entries::try_each("request", request::hold);
}

#[test]
fn no_subject_of_the_corpus_breaks_a_promise() {
    entries::try_each("subject", subject::hold);
}
