//! The cryptography of TLS: as little of ring as the web needs, for each algorithm more makes the agent larger.

use std::sync::Arc;

use ring::rand::SystemRandom;
use rustls::crypto::ring::sign::RsaSigningKey;
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{Error, SignatureScheme};
use webpki::ring as signed_by;

/// AES-GCM alone, which TLS 1.3 obliges every server to speak, and the two curves that all of them do.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &Ring,
        key_provider: &Ring,
    })
}

/// What authorities of the web sign by; none of them uses Ed25519.
static SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        signed_by::ECDSA_P256_SHA256,
        signed_by::ECDSA_P256_SHA384,
        signed_by::ECDSA_P384_SHA256,
        signed_by::ECDSA_P384_SHA384,
        signed_by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        signed_by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        signed_by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        signed_by::RSA_PKCS1_2048_8192_SHA256,
        signed_by::RSA_PKCS1_2048_8192_SHA384,
        signed_by::RSA_PKCS1_2048_8192_SHA512,
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            // In TLS 1.2 the scheme does not fix the curve.
            &[signed_by::ECDSA_P384_SHA384, signed_by::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[signed_by::ECDSA_P256_SHA256, signed_by::ECDSA_P384_SHA256],
        ),
        (
            SignatureScheme::RSA_PSS_SHA512,
            &[signed_by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA384,
            &[signed_by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA256,
            &[signed_by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA512,
            &[signed_by::RSA_PKCS1_2048_8192_SHA512],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA384,
            &[signed_by::RSA_PKCS1_2048_8192_SHA384],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA256,
            &[signed_by::RSA_PKCS1_2048_8192_SHA256],
        ),
    ],
};

#[derive(Debug)]
struct Ring;

impl SecureRandom for Ring {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        let random = SystemRandom::new();
        ring::rand::SecureRandom::fill(&random, bytes).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for Ring {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Ok(Arc::new(RsaSigningKey::new(&key)?))
    }
}
