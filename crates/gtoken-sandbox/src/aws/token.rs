//! Verifying a web identity token from public keys alone: form, signature (RFC 7515, RS256) and times.
//!
//! AWS takes more algorithms than RS256; Google signs with no other, so here every other one is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey};
use serde_json::{Map, Value};
use sha2::Sha256;

/// A token in its parts, not verified yet.
pub(crate) struct WebIdentityToken {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

/// Why a token is not believed; times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("the token is no JWT of three parts in base64url with JSON in the first two")]
    Malformed,
    #[error("the token's algorithm is {0}, which is not RS256")]
    Algorithm(String),
    #[error("the token is signed with the key {0}, which its issuer does not publish")]
    UnknownKey(String),
    #[error("the token's signature does not fit its content")]
    Signature,
    #[error("the token has no {0} claim of the right type")]
    Claim(&'static str),
    #[error("the token expired at {expiry}, it is {now}")]
    Expired { now: u64, expiry: u64 },
    #[error("the token is valid from {from} on, it is {now}")]
    NotYetValid { now: u64, from: u64 },
}

impl WebIdentityToken {
    pub(crate) fn parse(text: &str) -> Result<Self, TokenFault> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(TokenFault::Malformed);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let object = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Ok(Self {
            header: object(header).ok_or(TokenFault::Malformed)?,
            claims: object(claims).ok_or(TokenFault::Malformed)?,
            signed: format!("{header}.{claims}"),
            signature: decode(signature).ok_or(TokenFault::Malformed)?,
        })
    }

    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// A claim that must be there and be a text.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, TokenFault> {
        let claim = self.claims.get(name).and_then(Value::as_str);
        claim.ok_or(TokenFault::Claim(name))
    }

    /// The names that the account it is of goes by: its `sub`, and its `email` where it has one.
    pub(crate) fn account(&self) -> Vec<&str> {
        let names = ["sub", "email"].iter();
        let names = names.filter_map(|name| self.claims.get(*name)?.as_str());
        names.collect()
    }

    /// Whether one of these keys made the signature.
    pub(crate) fn verify(&self, jwks: &Value) -> Result<(), TokenFault> {
        let field = |name: &str| self.header.get(name).and_then(Value::as_str);
        let algorithm = field("alg").unwrap_or("missing");
        if algorithm != "RS256" {
            return Err(TokenFault::Algorithm(algorithm.to_owned()));
        }
        let id = field("kid").unwrap_or("missing");
        let key = published(jwks, id).ok_or_else(|| TokenFault::UnknownKey(id.to_owned()))?;
        let signature = Signature::try_from(self.signature.as_slice());
        let signature = signature.map_err(|_| TokenFault::Signature)?;
        VerifyingKey::<Sha256>::new(key)
            .verify(self.signed.as_bytes(), &signature)
            .map_err(|_| TokenFault::Signature)
    }

    /// Whether the token is valid now, give or take `grace` seconds of skew between the clocks.
    pub(crate) fn check_times(&self, now: u64, grace: u64) -> Result<(), TokenFault> {
        let expiry = self.time("exp")?.ok_or(TokenFault::Claim("exp"))?;
        if now >= expiry.saturating_add(grace) {
            return Err(TokenFault::Expired { now, expiry });
        }
        let issued = self.time("iat")?.ok_or(TokenFault::Claim("iat"))?;
        let from = self.time("nbf")?.unwrap_or(0).max(issued);
        if from > now.saturating_add(grace) {
            return Err(TokenFault::NotYetValid { now, from });
        }
        Ok(())
    }

    /// A time, which AWS wants to be an integer.
    fn time(&self, name: &'static str) -> Result<Option<u64>, TokenFault> {
        let time = self.claims.get(name);
        time.map(|time| time.as_u64().ok_or(TokenFault::Claim(name)))
            .transpose()
    }
}

fn published(jwks: &Value, id: &str) -> Option<PublicKey> {
    let keys = jwks.get("keys")?.as_array()?;
    let key = keys
        .iter()
        .find(|key| key.get("kid").and_then(Value::as_str) == Some(id))?;
    let number = |name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok()?;
        Some(BoxedUint::from_be_slice_vartime(&bytes))
    };
    PublicKey::new(number("n")?, number("e")?).ok()
}
