//! The fields of a JSON object, each read with its form; a complaint names the field and never shows its value.

use gtoken_contract::GoogleIdentity;
use serde_json::{Map, Value};

use super::{AccountUrl, HttpsUrl, InvalidCredentials, Secret};

/// A JSON object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

/// The one universe whose tokens AWS takes.
const UNIVERSE: &str = "googleapis.com";

impl<'a> Fields<'a> {
    /// The object that is called so.
    pub(super) fn of(value: &'a Value, field: &'static str) -> Result<Self, InvalidCredentials> {
        let object = value.as_object().map(Self);
        object.ok_or_else(|| not(field, "a JSON object"))
    }

    /// A field of any form; `null` is as good as none.
    pub(super) fn value(self, field: &str) -> &'a Value {
        self.0.get(field).unwrap_or(&Value::Null)
    }

    /// A text that is not empty.
    pub(super) fn text(self, field: &'static str) -> Result<&'a str, InvalidCredentials> {
        let text = self.optional_text(field)?;
        text.ok_or_else(|| not(field, "a text"))
    }

    /// A text, where there is one; an empty one is none.
    pub(super) fn optional_text(
        self,
        field: &'static str,
    ) -> Result<Option<&'a str>, InvalidCredentials> {
        match self.value(field) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            _ => Err(not(field, "a text")),
        }
    }

    /// Texts in a list, which may be missing.
    pub(super) fn texts(self, field: &'static str) -> Result<Vec<String>, InvalidCredentials> {
        let texts = match self.value(field) {
            Value::Null => Some(Vec::new()),
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        texts.ok_or_else(|| not(field, "a list of texts"))
    }

    pub(super) fn email(self, field: &'static str) -> Result<GoogleIdentity, InvalidCredentials> {
        let email = self.text(field)?.parse();
        email.map_err(|_| not(field, "the email of a Google service account"))
    }

    pub(super) fn secret(self, field: &'static str) -> Result<Secret, InvalidCredentials> {
        self.text(field).map(Secret::new)
    }

    pub(super) fn url_or(
        self,
        field: &'static str,
        usual: &str,
    ) -> Result<HttpsUrl, InvalidCredentials> {
        let url = self.optional_text(field)?.unwrap_or(usual);
        url.parse()
            .map_err(|reason| InvalidCredentials::Url { field, reason })
    }

    /// The service account that a URL of IAM Credentials names, where there is one.
    pub(super) fn account(
        self,
        field: &'static str,
    ) -> Result<Option<AccountUrl>, InvalidCredentials> {
        let url = self.optional_text(field)?;
        url.map(AccountUrl::of_file)
            .transpose()
            .map_err(|reason| InvalidCredentials::Url { field, reason })
    }

    /// Whether these are credentials of the Google that AWS knows.
    pub(super) fn check_universe(self) -> Result<(), InvalidCredentials> {
        match self.optional_text("universe_domain")? {
            None | Some(UNIVERSE) => Ok(()),
            Some(_) => Err(InvalidCredentials::Universe),
        }
    }
}

pub(super) fn not(field: &'static str, form: &'static str) -> InvalidCredentials {
    InvalidCredentials::Field { field, form }
}
