//! A review's body in, its answer out: never an exit, never a panic, and "not allowed" only where a pod asked for it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use gtoken_inject::{
    Decision, InvalidReview, Pod, Review, ServerVersion, Settings, Subject, Unbound, advise, decide,
};
use hyper::StatusCode;
use tokio::sync::watch;
use tokio::time::timeout_at;
use tracing::{debug, info, warn};

use crate::accounts::{Accounts, Unknown};
use crate::metrics::{Answered, Metrics};

/// Answers reviews.
#[derive(Debug)]
pub struct Admitter {
    /// What ServiceAccounts ask for.
    pub accounts: Arc<Accounts>,
    /// What the operator configured.
    pub settings: Settings,
    /// The API server's version, as last read.
    pub server: watch::Receiver<ServerVersion>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What goes back to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// An AdmissionReview in JSON.
    Answer(Vec<u8>),
    /// The body is none of ours to answer; the sentence says why.
    Invalid(String),
    /// The answer is not known now; the sentence says why, and asking again may help.
    Unknown(String),
}

impl Admission {
    /// What is sent back.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Answer(json) => json,
            Self::Invalid(reason) | Self::Unknown(reason) => reason.as_bytes(),
        }
    }

    /// The status that tells the API server what to make of it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Answer(_) => StatusCode::OK,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unknown(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Admitter {
    /// Answers one review; it waits on the API server for no longer than a bounded GET takes, and not past `deadline`.
    pub async fn admit(&self, body: &[u8], deadline: Instant) -> Admission {
        let start = Instant::now();
        let review = match Review::parse(body) {
            Ok(review) => review,
            Err(invalid) => return self.invalid(body, &invalid, start),
        };
        let decided = match review.subject() {
            Subject::Pod(pod) => {
                let decided = timeout_at(deadline.into(), self.decide(pod)).await;
                decided.unwrap_or_else(|_| {
                    self.metrics.lookup(Unknown::OutOfTime.label());
                    Err(Unknown::OutOfTime)
                })
            }
            Subject::Nothing(reason) => Ok(Decision::Skip(reason.clone())),
        };
        match decided {
            Ok(decision) => self.answer(&review, &decision, start),
            Err(unknown) => self.unknown(&review, &unknown, start),
        }
    }

    /// Tells whoever annotates a ServiceAccount what is wrong with it; nobody else has to be asked.
    pub fn advise(&self, body: &[u8]) -> Admission {
        let start = Instant::now();
        match advise(body, &self.settings) {
            Ok((answer, outcome)) => {
                self.metrics
                    .review(outcome, Answered::Allowed, start.elapsed());
                Admission::Answer(answer)
            }
            Err(invalid) => self.invalid(body, &invalid, start),
        }
    }

    fn invalid(&self, body: &[u8], invalid: &InvalidReview, start: Instant) -> Admission {
        let reason = invalid.to_string();
        warn!(bytes = body.len(), reason, "a request that is no review");
        self.metrics
            .review("invalid-review", Answered::Refused, start.elapsed());
        Admission::Invalid(reason)
    }

    async fn decide(&self, pod: &Pod<'_>) -> Result<Decision, Unknown> {
        let server = *self.server.borrow();
        let by = |binding: Result<_, &Unbound>| decide(pod, binding, &self.settings, server);
        let asks = pod.left_alone().is_none();
        let Some(name) = pod.service_account().filter(|_| asks) else {
            return Ok(by(Err(&Unbound::NotFound)));
        };
        let answer = self
            .accounts
            .answer(pod.namespace(), name, pod.must_inject())
            .await?;
        Ok(by(answer.as_deref().map_err(AsRef::as_ref)))
    }

    fn answer(&self, review: &Review<'_>, decision: &Decision, start: Instant) -> Admission {
        let answer = review.answer(decision);
        let answered = match decision {
            Decision::Inject(_) | Decision::Skip(_) => Answered::Allowed,
            Decision::Deny(_) => Answered::Denied,
        };
        macro_rules! tell {
            ($level:ident) => {
                $level!(
                    uid = review.uid(),
                    namespace = review.namespace(),
                    service_account = service_account(review),
                    dry_run = review.dry_run(),
                    outcome = decision.label(),
                    answer = answered.label(),
                    answer_bytes = answer.len(),
                    microseconds = micros(start),
                    "reviewed"
                )
            };
        }
        // Most pods ask for nothing; a line for each would bury those that somebody looks for.
        match decision {
            Decision::Skip(reason) if !reason.warns() => tell!(debug),
            Decision::Inject(_) | Decision::Skip(_) | Decision::Deny(_) => tell!(info),
        }
        self.metrics
            .review(decision.label(), answered, start.elapsed());
        Admission::Answer(answer)
    }

    fn unknown(&self, review: &Review<'_>, unknown: &Unknown, start: Instant) -> Admission {
        let reason = unknown.to_string();
        warn!(
            uid = review.uid(),
            namespace = review.namespace(),
            service_account = service_account(review),
            outcome = unknown.label(),
            reason,
            microseconds = micros(start),
            "cannot answer a review"
        );
        self.metrics
            .review(unknown.label(), Answered::Unavailable, start.elapsed());
        Admission::Unknown(reason)
    }
}

fn service_account<'a>(review: &'a Review<'_>) -> &'a str {
    match review.subject() {
        Subject::Pod(pod) => pod.service_account().unwrap_or_default(),
        Subject::Nothing(_) => "",
    }
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
