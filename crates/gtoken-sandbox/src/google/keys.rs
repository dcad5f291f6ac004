//! Google's signing keys and the JWKS that publishes them (RFC 7517).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use getrandom::SysRng;
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::hex;

/// One RSA key with the name that tokens call it by.
pub(crate) struct Key {
    id: String,
    signer: SigningKey<Sha256>,
}

/// The keys that are published, of which the last signs.
pub(crate) struct KeyRing {
    published: Vec<Arc<Key>>,
}

/// The size of Google's own keys, in bits.
const BITS: usize = 2048;

impl Key {
    /// Makes a new key, which takes a noticeable part of a second.
    pub(crate) fn generate() -> Self {
        let private = PrivateKey::new(&mut SysRng, BITS).expect("RSA knows this size of key");
        let modulus = private.n().to_be_bytes_trimmed_vartime();
        let id = hex::encode(&Sha256::digest(&modulus)[..20]);
        let signer = SigningKey::new(private);
        Self { id, signer }
    }

    /// A JWT over these claims, signed with RS256 (RFC 7515).
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": self.id, "typ": "JWT"});
        let signed = format!("{}.{}", segment(&header), segment(claims));
        let signature = self.signer.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The name that tokens call it by.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The private side, for a file.
    pub(crate) fn private(&self) -> &PrivateKey {
        self.signer.as_ref()
    }

    /// The public side (RFC 7517).
    pub(crate) fn public(&self) -> Value {
        let key = self.private();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(key.n().to_be_bytes_trimmed_vartime()),
            "e": URL_SAFE_NO_PAD.encode(key.e().to_be_bytes_trimmed_vartime()),
        })
    }
}

impl KeyRing {
    pub(crate) fn new(first: Arc<Key>) -> Self {
        Self {
            published: vec![first],
        }
    }

    /// The key that signs.
    pub(crate) fn current(&self) -> Arc<Key> {
        Arc::clone(self.published.last().expect("a ring is never empty"))
    }

    /// Signs with `key` from now on; tokens of the older keys stay verifiable.
    pub(crate) fn rotate(&mut self, key: Arc<Key>) {
        self.published.push(key);
    }

    /// Publishes the signing key only, so that tokens of older keys are no longer verifiable.
    pub(crate) fn retire(&mut self) {
        let current = self.current();
        self.published.retain(|key| Arc::ptr_eq(key, &current));
    }

    /// The public side of all keys.
    pub(crate) fn jwks(&self) -> Value {
        let keys: Vec<_> = self
            .published
            .iter()
            .rev()
            .map(|key| key.public())
            .collect();
        json!({"keys": keys})
    }
}

fn segment(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
