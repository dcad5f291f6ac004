//! The subject token: what the workload outside of Google has to show.

use serde_json::Value;

use super::advice::Step;
use super::attempt::{Attempt, failed, refused};
use super::{CredentialsError, executable};
use crate::credentials::{ExternalAccount, Format, MAX_BYTES, Secret, Subject, read_file};
use crate::excerpt::shown_path;
use crate::exchange::Answer;
use crate::source::{A_SUBJECT_TOKEN, Retry, SourceError};

/// Gets it from where the file of credentials says.
pub(super) fn token(
    external: &ExternalAccount,
    attempt: &Attempt<'_>,
) -> Result<Secret, SourceError> {
    let unusable = |retry, reason: String| CredentialsError::Subject {
        path: attempt.apis.path(),
        reason,
        retry,
    };
    match &external.subject {
        Subject::File { path, format } => {
            let unusable = |reason: String| {
                // Whatever keeps the file there writes it again.
                unusable(
                    Retry::NeedsPerson,
                    format!("the file `{}`: {reason}", shown_path(path)),
                )
            };
            let text = read_file(path, MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
            written_subject(&text, format).map_err(|reason| unusable(reason).into())
        }
        Subject::Url {
            url,
            headers,
            format,
        } => {
            let server = format!("the subject token's server at {}", url.server());
            match attempt.https.get(url.as_str(), headers) {
                Ok(Answer {
                    status: 200, body, ..
                }) => written_subject(&body, format).map_err(|reason| {
                    let reason = format!("what {server} answered: {reason}");
                    unusable(Retry::NeedsPerson, reason).into()
                }),
                Ok(answer) => Err(refused(server, A_SUBJECT_TOKEN, &answer, &Step::Subject)),
                Err(failure) => Err(failed(server, A_SUBJECT_TOKEN, &failure)),
            }
        }
        Subject::Executable { .. } => executable::token(external, attempt)
            .map_err(|error| unusable(error.retry(), error.to_string()).into()),
    }
}

/// The token in a text of this format; a complaint shows nothing of the text.
pub fn written_subject(text: &[u8], format: &Format) -> Result<Secret, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let found = match format {
        Format::Text => text.trim().to_owned(),
        Format::Json(field) => {
            let json: Value =
                serde_json::from_str(text).map_err(|_| "it is not JSON".to_owned())?;
            let token = json.get(field).and_then(Value::as_str);
            token
                .ok_or_else(|| format!("it has no text `{field}`"))?
                .to_owned()
        }
    };
    if found.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret::new(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_token_in_both_formats_and_shows_nothing_of_the_rest() {
        let json = Format::Json("id".to_owned());
        for (text, format, expected) in [
            ("abc\n", &Format::Text, Ok("abc")),
            (" \n", &Format::Text, Err("it is empty")),
            (r#"{"id": "abc"}"#, &json, Ok("abc")),
            (r#"{"id": 1}"#, &json, Err("it has no text `id`")),
            ("secret", &json, Err("it is not JSON")),
        ] {
            let found = written_subject(text.as_bytes(), format);
            let found = found.as_ref().map(Secret::expose).map_err(String::as_str);
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(
            written_subject(b"\xff", &json).unwrap_err(),
            "it is not UTF-8"
        );
    }
}
