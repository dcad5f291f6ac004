//! A review's body in, its answer out: never an exit, never a panic, and "not allowed" only where a pod asked for it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use gtoken_inject::{
    Decision, InvalidReview, Pod, Reason, Review, ServerVersion, Settings, Subject, Unbound,
    advise, decide,
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
    /// What the operator wants of a pod whose ServiceAccount cannot be known now.
    pub on_unknown: OnUnknown,
    /// The API server's version, as last read.
    pub server: watch::Receiver<ServerVersion>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What becomes of a pod whose ServiceAccount cannot be known now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It is admitted as it is, with a warning; unless it must not start without credentials.
    Admit,
    /// The API server asks again, and in the end does what its `failurePolicy` says.
    #[default]
    Retry,
}

/// The text names nothing that can become of such a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is retry or admit")]
pub struct NeitherRetryNorAdmit;

impl OnUnknown {
    /// What is decided without the ServiceAccount; none where the API server had better ask again.
    fn decide(self, subject: &Subject<'_>) -> Option<Decision> {
        match (self, subject) {
            (Self::Admit, Subject::Pod(pod)) if !pod.must_inject() => {
                Some(Decision::Skip(Reason::UnknownServiceAccount))
            }
            _ => None,
        }
    }
}

impl FromStr for OnUnknown {
    type Err = NeitherRetryNorAdmit;

    fn from_str(text: &str) -> Result<Self, NeitherRetryNorAdmit> {
        match text {
            "admit" => Ok(Self::Admit),
            "retry" => Ok(Self::Retry),
            _ => Err(NeitherRetryNorAdmit),
        }
    }
}

impl fmt::Display for OnUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admit => "admit",
            Self::Retry => "retry",
        })
    }
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
        let decision = self.on_unknown.decide(review.subject());
        let (outcome, answered) = match &decision {
            Some(decision) => (decision.label(), Answered::Allowed),
            None => (unknown.label(), Answered::Unavailable),
        };
        warn!(
            uid = review.uid(),
            namespace = review.namespace(),
            service_account = service_account(review),
            dry_run = review.dry_run(),
            outcome,
            answer = answered.label(),
            reason,
            microseconds = micros(start),
            "the ServiceAccount of a review is not known"
        );
        self.metrics.review(outcome, answered, start.elapsed());
        match decision {
            Some(decision) => Admission::Answer(review.answer(&decision)),
            None => Admission::Unknown(reason),
        }
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
