//! The changes of the Secret, each made as one write.

use std::time::Duration;

use super::authority::{Authority, CannotMake};
use super::plan::View;
use super::secret::{Stored, Trusted};

/// How long certificates of others stay that were in `caBundle` before us: until whoever was served with them is gone.
const GUESTS_STAY: Duration = Duration::from_hours(24);
/// How many bytes of such certificates are kept: a Secret holds 1 MiB.
const MOST_OF_GUESTS: usize = 256 << 10;

/// A change of the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Takes note of what others had in `caBundle`, and drops what cannot be used.
    Adopt,
    /// Makes the first authority.
    MakeFirst,
    /// Makes the authority that is to sign next.
    MakeNext,
    /// Says that what others have put into `caBundle` is to leave it.
    PutRight,
    /// Says that an authority is to leave `caBundle`, now that its last leaf has ended.
    Retire,
    /// Has the current authority sign a leaf.
    Sign,
    /// Has the next authority take over, and sign a leaf.
    TakeOver,
}

impl Change {
    /// The Secret after this change.
    pub fn apply(self, view: &View<'_>) -> Result<Stored, CannotMake> {
        let mut stored = view.stored.clone();
        stored.adopt(view);
        let (now, policy) = (view.now, view.policy);
        match self {
            Self::Adopt | Self::PutRight => {}
            Self::MakeFirst => {
                stored.current = Some(Authority::make(now, policy.authority_life)?);
                stored.signed_until = None;
                stored.signing_since = Some(now);
            }
            Self::MakeNext => stored.next = Some(Authority::make(now, policy.authority_life)?),
            Self::Retire => {
                let (over, trusted): (Vec<_>, _) = stored
                    .trusted
                    .into_iter()
                    .partition(|trusted| view.is_over(trusted));
                stored.trusted = trusted;
                stored.retire(&over);
            }
            Self::Sign => stored.sign(view)?,
            Self::TakeOver => {
                let until = stored.signed_until.unwrap_or(now + policy.leaf_life);
                let previous = std::mem::replace(&mut stored.current, stored.next.take());
                stored.trusted.extend(previous.map(|authority| Trusted {
                    certificate: authority.certificate().clone(),
                    until,
                }));
                stored.signed_until = None;
                stored.signing_since = Some(now);
                stored.sign(view)?;
            }
        }
        Ok(stored)
    }
}

impl Stored {
    /// Takes note of what others have in `caBundle`, drops what cannot be used, and forgets what has left.
    fn adopt(&mut self, view: &View<'_>) {
        let is_there = |fingerprint: &_| view.entries.values().any(|own| own.has(fingerprint));
        self.retired.retain(is_there);
        let mut room = MOST_OF_GUESTS;
        for certificate in view.unknown() {
            let size = certificate.der().len();
            if view.is_a_strangers(certificate) || size > room {
                self.retired.insert(certificate.fingerprint());
            } else if self.wanted().all(|wanted| wanted != certificate) {
                room -= size;
                let stay = if certificate.is_ours() {
                    view.policy.leaf_life
                } else {
                    GUESTS_STAY
                };
                self.trusted.push(Trusted {
                    certificate: certificate.clone(),
                    until: view.now + stay,
                });
            }
        }
        self.is_taken_over = true;
        self.defects.clear();
    }

    fn retire(&mut self, over: &[Trusted]) {
        let fingerprints = over.iter().map(|trusted| trusted.certificate.fingerprint());
        self.retired.extend(fingerprints);
    }

    fn sign(&mut self, view: &View<'_>) -> Result<(), CannotMake> {
        if let Some(current) = &self.current {
            let leaf = current.sign(&view.policy.names, view.now, view.policy.leaf_life)?;
            let end = leaf.certificate().validity().not_after;
            self.signed_until = self.signed_until.max(Some(end));
            self.leaf = Some(leaf);
        }
        Ok(())
    }
}
