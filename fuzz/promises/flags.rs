//! A command line is understood, and then it can be written again, or refused in one line that shows no token.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use gtoken::cli::{self, Command};
use gtoken::config::MetadataHost;
use ureq::http::Uri;
use ureq::http::uri::Authority;

use super::complaint;

/// Panics where a promise is broken. Each line is an argument, and any of them may be the metadata server's name.
pub(super) fn hold(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n');
    let words: Vec<_> = words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    for host in words.iter().filter_map(|word| word.to_str()) {
        is_a_host_or_refused(host);
    }
    match parse(words) {
        Ok(Command::Run(flags, ..)) => {
            let again = parse(flags.to_args().into_iter().map(OsString::from));
            assert!(
                matches!(&again, Ok(Command::Run(same, ..)) if *same == flags),
                "{flags:?} became {again:?}"
            );
        }
        Ok(_) => {}
        Err(error) => complaint::hold(&error, 2000),
    }
}

fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, cli::UsageError> {
    cli::parse([OsString::from("gtoken")].into_iter().chain(words))
}

/// A host leads to itself, whatever is in it.
fn is_a_host_or_refused(text: &str) {
    if let Ok(host) = text.parse::<MetadataHost>() {
        let uri: Uri = format!("http://{host}/path").parse().expect("a URL");
        assert_eq!(uri.authority().map(Authority::as_str), Some(text));
        assert_eq!(uri.path(), "/path");
    }
}
