//! A file of credentials is understood or refused in one line, and what is said of it depends on no secret in it.

use gtoken::credentials::{Credentials, Format, HttpsUrl, Kind, Subject};
use serde_json::Value;
use ureq::http::Uri;

use super::complaint;

/// The fields that nobody may see. A private key is one too, but another text there is another mistake.
const SECRETS: [&str; 2] = ["client_secret", "refresh_token"];

/// Panics where a promise is broken.
pub(super) fn hold(bytes: &[u8]) {
    let read = Credentials::parse(bytes);
    match &read {
        Ok(credentials) => leads_by_https(credentials),
        Err(error) => complaint::hold(error, 300),
    }
    let Ok(mut file) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    if replace_secrets(&mut file) {
        let other = Credentials::parse(file.to_string().as_bytes());
        assert_eq!(format!("{read:?}"), format!("{other:?}"));
    }
}

/// Wherever a secret is sent to is named by a URL that says so.
fn leads_by_https(credentials: &Credentials) {
    let account = match credentials {
        Credentials::AuthorizedUser(user) => {
            assert_eq!(credentials.kind(), Kind::AuthorizedUser);
            is_https(&user.token_uri);
            None
        }
        Credentials::ServiceAccount(key) => {
            is_https(key.token_uri());
            assert!(credentials.are_of(key.email()));
            None
        }
        Credentials::Impersonated(impersonated) => {
            assert_ne!(impersonated.source.kind(), Kind::Impersonated);
            leads_by_https(&impersonated.source);
            Some(&impersonated.account)
        }
        Credentials::ExternalAccount(external) => {
            is_https(&external.token_url);
            names_its_source(&external.subject);
            external.account.as_ref()
        }
    };
    if let Some(account) = account {
        assert!(credentials.are_of(account.account()));
        for url in [account.id_token(), account.access_token()] {
            leads_to(&url, account.server());
        }
    }
}

fn is_https(url: &HttpsUrl) {
    leads_to(url.as_str(), url.server());
}

fn leads_to(url: &str, server: &str) {
    let uri: Uri = url.parse().expect("a URL");
    assert_eq!(uri.scheme_str(), Some("https"));
    let authority = uri.authority().expect("a server");
    assert_eq!(authority.as_str(), server);
}

fn names_its_source(subject: &Subject) {
    let format = match subject {
        Subject::Executable { program, .. } => {
            assert!(!program.trim().is_empty(), "no program");
            return;
        }
        Subject::File { path, format } => {
            assert!(!path.as_os_str().is_empty(), "no file");
            format
        }
        Subject::Url { url, format, .. } => {
            url.as_str().parse::<Uri>().expect("a URL");
            format
        }
    };
    assert!(!matches!(format, Format::Json(field) if field.is_empty()));
}

/// Puts another text in place of each secret; whether there was any.
fn replace_secrets(file: &mut Value) -> bool {
    match file {
        Value::Object(fields) => {
            let mut found = false;
            for (name, value) in fields {
                let is_text = value.as_str().is_some_and(|text| !text.trim().is_empty());
                if is_text && SECRETS.contains(&name.as_str()) {
                    *value = "another".into();
                    found = true;
                } else {
                    found |= replace_secrets(value);
                }
            }
            found
        }
        _ => false,
    }
}
