//! The AdmissionReview codec: v1 and v1beta1, answered in the version received.

mod answer;

use answer::{Answer, Version};

use crate::decision::Decision;
use crate::json::{self, Malformed, Raw, Text, read_members};
use crate::pod::Pod;
use crate::reason::Reason;

/// A request for admission, borrowed from the body it came in.
#[derive(Debug)]
pub struct Review<'a> {
    version: Version,
    uid: Text<'a>,
    namespace: Text<'a>,
    dry_run: bool,
    kind: Kind<'a>,
    subject: Subject<'a>,
}

/// What a review is about.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one per review, and nearly all hold a pod"
)]
pub enum Subject<'a> {
    /// A pod is about to be created.
    Pod(Pod<'a>),
    /// Nothing that we decide about, for that reason.
    Nothing(Reason),
}

/// Why a body is no review that can be answered; whoever sent it gets one sentence.
#[derive(Debug, thiserror::Error)]
pub enum InvalidReview {
    /// The body is no AdmissionReview in JSON.
    #[error("the body is no AdmissionReview in JSON: {0}")]
    Json(#[source] Malformed),
    /// It is of another kind or version.
    #[error(
        "the body is {kind} of {api_version}, but only AdmissionReview of admission.k8s.io/v1 or v1beta1 is answered"
    )]
    Kind {
        /// What it says of its kind.
        kind: String,
        /// What it says of its version.
        api_version: String,
    },
    /// The pod inside cannot be read.
    #[error("request.object is no Pod: {0}")]
    Pod(#[source] Malformed),
    /// The ServiceAccount inside cannot be read.
    #[error("request.object is no ServiceAccount: {0}")]
    ServiceAccount(#[source] Malformed),
    /// There is nothing to answer.
    #[error("the AdmissionReview holds no request with a uid")]
    Request,
}

impl<'a> Review<'a> {
    /// Reads a request's body, nearly always in one go: only what holds no pod is read again.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidReview> {
        if let Ok(envelope) = json::read::<Envelope<'a, Pod<'a>>>(body) {
            let (review, request) = Self::open(envelope)?;
            let creates_pod = request.creates_pod();
            return Ok(review.about(request.object.filter(|_| creates_pod)));
        }
        let (review, request) = Self::open(envelope(body)?)?;
        let creates_pod = request.creates_pod();
        let object = request.object.filter(|_| creates_pod);
        let pod = object.map(|object| Pod::read(object.get())).transpose();
        Ok(review.about(pod.map_err(InvalidReview::Pod)?))
    }

    /// Reads a request's body whatever it is about, with the object as it was sent, if there is one.
    pub(crate) fn with_object(body: &'a [u8]) -> Result<(Self, Option<Raw<'a>>), InvalidReview> {
        let (review, request) = Self::open(envelope(body)?)?;
        Ok((review, request.object))
    }

    /// A review that is about nothing yet.
    fn open<O>(envelope: Envelope<'a, O>) -> Result<(Self, Request<'a, O>), InvalidReview> {
        let version = match (&*envelope.kind, &*envelope.api_version) {
            ("AdmissionReview", "admission.k8s.io/v1") => Version::V1,
            ("AdmissionReview", "admission.k8s.io/v1beta1") => Version::V1Beta1,
            (kind, api_version) => {
                let [kind, api_version] = [kind, api_version].map(crate::reason::cut);
                return Err(InvalidReview::Kind { kind, api_version });
            }
        };
        let request = envelope
            .request
            .filter(|request| !request.uid.is_empty())
            .ok_or(InvalidReview::Request)?;
        let review = Self {
            version,
            uid: request.uid.clone(),
            namespace: request.namespace.clone(),
            dry_run: request.dry_run,
            kind: request.kind.clone(),
            subject: Subject::Nothing(Reason::NotAPodCreation),
        };
        Ok((review, request))
    }

    fn about(mut self, pod: Option<Pod<'a>>) -> Self {
        if let Some(pod) = pod {
            self.subject = Subject::Pod(pod.within(self.namespace.clone()));
        }
        self
    }

    /// The request's id, by which the API server knows its answer.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The namespace that the request is for.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether nothing will be stored; the decision is the same.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// What is asked about.
    pub fn subject(&self) -> &Subject<'a> {
        &self.subject
    }

    /// Whether it is about a kind of the core group.
    pub(crate) fn is_about(&self, kind: &str) -> bool {
        self.kind.group.is_empty() && &*self.kind.kind == kind
    }

    /// The AdmissionReview that answers this one, as JSON.
    pub fn answer(&self, decision: &Decision) -> Vec<u8> {
        let allowed = !matches!(decision, Decision::Deny(_));
        let mut answer = Answer::begin(self.version, &self.uid, allowed);
        match decision {
            Decision::Deny(reason) => answer.status(reason),
            Decision::Inject(injection) => {
                answer.patch(injection.patch());
                answer.warnings(injection.warnings());
            }
            Decision::Skip(reason) if reason.warns() => answer.warnings(&[reason]),
            Decision::Skip(_) => {}
        }
        answer.end(decision.label())
    }

    /// Answers that the object is admitted as it is, with what whoever sent it should know.
    pub(crate) fn admit(&self, outcome: &'static str, warnings: &[String]) -> Vec<u8> {
        let mut answer = Answer::begin(self.version, &self.uid, true);
        answer.warnings(warnings);
        answer.end(outcome)
    }
}

fn envelope(body: &[u8]) -> Result<Envelope<'_, Raw<'_>>, InvalidReview> {
    json::read(body).map_err(InvalidReview::Json)
}

#[derive(Default)]
struct Envelope<'a, O> {
    kind: Text<'a>,
    api_version: Text<'a>,
    request: Option<Request<'a, O>>,
}

read_members!(Envelope<'a, O> {
    "kind" => kind,
    "apiVersion" => api_version,
    "request" => request,
});

/// A request with its object, read as whatever is wanted of it.
#[derive(Default)]
struct Request<'a, O> {
    uid: Text<'a>,
    kind: Kind<'a>,
    sub_resource: Text<'a>,
    namespace: Text<'a>,
    operation: Text<'a>,
    dry_run: bool,
    object: Option<O>,
}

read_members!(Request<'a, O> {
    "uid" => uid,
    "kind" => kind,
    "subResource" => sub_resource,
    "namespace" => namespace,
    "operation" => operation,
    "dryRun" => dry_run,
    "object" => object,
});

#[derive(Clone, Debug, Default)]
struct Kind<'a> {
    group: Text<'a>,
    kind: Text<'a>,
}

read_members!(Kind<'a> {
    "group" => group,
    "kind" => kind,
});

impl<O> Request<'_, O> {
    fn creates_pod(&self) -> bool {
        let is_pod = &*self.kind.kind == "Pod" && self.kind.group.is_empty();
        is_pod && self.sub_resource.is_empty() && &*self.operation == "CREATE"
    }
}
