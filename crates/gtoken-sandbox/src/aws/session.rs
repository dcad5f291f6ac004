//! The temporary credentials that STS gave out.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::Generate;
use sha2::{Digest, Sha256};

use super::role::RoleArn;

/// A session of an assumed role; `Debug` is not derived because it holds the credentials.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub(crate) arn: String,
    /// `AROA…:SESSION`.
    pub(crate) assumed_role_id: String,
    pub(crate) account: String,
    pub(crate) role_arn: String,
    pub(crate) name: String,
    /// The `sub` of the token it came from.
    pub(crate) subject: String,
}

/// The sessions by access key id.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

/// For how long an ended session is remembered as such, in seconds.
const REMEMBERED: u64 = 86_400;

/// The digits of AWS's identifiers (RFC 4648, base32).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Session {
    /// New credentials for a role, valid until `expires`.
    pub(crate) fn new(
        role_arn: &str,
        role: &RoleArn,
        session_name: &str,
        subject: &str,
        expires: u64,
    ) -> Self {
        let RoleArn {
            partition,
            account,
            name,
        } = role;
        let secret: [u8; 30] = Generate::generate();
        let opaque: [u8; 384] = Generate::generate();
        Self {
            access_key_id: format!("ASIA{}", identifier::<16>(&Generate::generate())),
            secret_access_key: STANDARD.encode(secret),
            // The first bytes of real tokens, so that what recognises secrets by them does so here.
            token: format!("IQoJb3JpZ2luX2Vj{}", STANDARD.encode(opaque)),
            expires,
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"),
            assumed_role_id: format!("{}:{session_name}", role_id(role_arn)),
            account: account.clone(),
            role_arn: role_arn.to_owned(),
            name: session_name.to_owned(),
            subject: subject.to_owned(),
        }
    }
}

impl Sessions {
    /// Remembers a session and forgets those that ended long ago.
    pub(crate) fn add(&mut self, session: Session, now: u64) {
        self.0.retain(|_, old| old.expires + REMEMBERED > now);
        self.0.insert(session.access_key_id.clone(), session);
    }

    pub(crate) fn find(&self, access_key_id: &str) -> Option<&Session> {
        self.0.get(access_key_id)
    }
}

/// The same id for the same role at all times, as a role that is not created anew has.
fn role_id(role_arn: &str) -> String {
    let digest = Sha256::digest(role_arn);
    format!(
        "AROA{}",
        identifier::<17>(digest[..17].try_into().expect("a digest has 32 bytes"))
    )
}

fn identifier<const N: usize>(bytes: &[u8; N]) -> String {
    let digit = |byte: &u8| char::from(BASE32[usize::from(byte % 32)]);
    bytes.iter().map(digit).collect()
}
