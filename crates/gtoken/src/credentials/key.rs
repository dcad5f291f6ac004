//! The key of a service account, which signs assertions (RS256, RFC 7515).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use gtoken_contract::GoogleIdentity;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::RsaSigningKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde_json::{Value, json};

use super::fields::Fields;
use super::{HttpsUrl, InvalidCredentials, Secret, TOKEN_URI};

/// A service account with one of its keys.
pub struct ServiceAccountKey {
    email: GoogleIdentity,
    key_id: Option<String>,
    key: RsaSigningKey,
    token_uri: HttpsUrl,
}

/// The longest that Google takes an assertion for.
const LIFE: Duration = Duration::from_hours(1);

const SCHEMES: [SignatureScheme; 1] = [SignatureScheme::RSA_PKCS1_SHA256];

impl ServiceAccountKey {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, InvalidCredentials> {
        fields.check_universe()?;
        let pem = fields.text("private_key")?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok();
        let key = key.and_then(|key| RsaSigningKey::new(&key).ok());
        Ok(Self {
            email: fields.email("client_email")?,
            key_id: fields.optional_text("private_key_id")?.map(str::to_owned),
            key: key
                .filter(|key| key.choose_scheme(&SCHEMES).is_some())
                .ok_or(InvalidCredentials::Key)?,
            token_uri: fields.url_or("token_uri", TOKEN_URI)?,
        })
    }

    /// The account's email.
    pub fn email(&self) -> &str {
        self.email.as_str()
    }

    /// Where assertions are taken.
    pub fn token_uri(&self) -> &HttpsUrl {
        &self.token_uri
    }

    /// A signed claim to be the account, which asks for `wanted` by this name of a claim.
    ///
    /// `None` where the key cannot sign, which one that was parsed can.
    pub fn assertion(&self, wanted: (&str, &str), now: SystemTime) -> Option<Secret> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_secs()
        };
        let claims = json!({
            "iss": self.email(),
            "sub": self.email(),
            "aud": self.token_uri.as_str(),
            "iat": seconds(now),
            "exp": seconds(now + LIFE),
            wanted.0: wanted.1,
        });
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let with_key = self.key.choose_scheme(&SCHEMES)?;
        let signature = with_key.sign(signed.as_bytes()).ok()?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(Secret::new(format!("{signed}.{signature}")))
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccountKey({})", self.email)
    }
}
