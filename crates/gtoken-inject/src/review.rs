//! The AdmissionReview codec: v1 and v1beta1, answered in the version received.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::json::{self, Malformed, Raw, Text, or_default};
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
    object: Option<Raw<'a>>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Version {
    #[serde(rename = "admission.k8s.io/v1")]
    V1,
    #[serde(rename = "admission.k8s.io/v1beta1")]
    V1Beta1,
}

impl<'a> Review<'a> {
    /// Reads a request's body.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidReview> {
        let envelope: Envelope<'a> = json::read(body).map_err(InvalidReview::Json)?;
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
        let subject = request.subject()?;
        Ok(Self {
            version,
            uid: request.uid,
            namespace: request.namespace,
            dry_run: request.dry_run,
            kind: request.kind,
            object: request.object,
            subject,
        })
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

    /// The object as it was sent, if there is one.
    pub(crate) fn object(&self) -> Option<Raw<'a>> {
        self.object
    }

    /// The AdmissionReview that answers this one, as JSON.
    pub fn answer(&self, decision: &Decision) -> Vec<u8> {
        let mut response = Response {
            uid: &self.uid,
            allowed: true,
            status: None,
            patch_type: None,
            patch: None,
            warnings: Vec::new(),
            audit_annotations: AuditAnnotations {
                outcome: decision.label(),
            },
        };
        match decision {
            Decision::Deny(reason) => {
                response.allowed = false;
                response.status = Some(Status {
                    code: 403,
                    reason: "Forbidden",
                    message: reason.to_string(),
                });
            }
            Decision::Inject(injection) => {
                response.patch_type = Some("JSONPatch");
                response.patch = Some(STANDARD.encode(injection.patch().to_json()));
                response.warnings = injection
                    .warnings()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
            }
            Decision::Skip(reason) => response
                .warnings
                .extend(reason.warns().then(|| reason.to_string())),
        }
        self.write(response)
    }

    /// Answers that the object is admitted as it is, with what whoever sent it should know.
    pub(crate) fn admit(&self, outcome: &'static str, warnings: Vec<String>) -> Vec<u8> {
        self.write(Response {
            uid: &self.uid,
            allowed: true,
            status: None,
            patch_type: None,
            patch: None,
            warnings,
            audit_annotations: AuditAnnotations { outcome },
        })
    }

    fn write(&self, response: Response<'_>) -> Vec<u8> {
        let answer = Answer {
            api_version: self.version,
            kind: "AdmissionReview",
            response,
        };
        serde_json::to_vec(&answer).expect("strings and numbers always serialise")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    kind: Kind<'a>,
    #[serde(borrow, default)]
    sub_resource: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    operation: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    dry_run: bool,
    #[serde(borrow, default)]
    object: Option<Raw<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

impl<'a> Request<'a> {
    fn subject(&self) -> Result<Subject<'a>, InvalidReview> {
        let is_pod =
            &*self.kind.kind == "Pod" && self.kind.group.is_empty() && self.sub_resource.is_empty();
        match self.object {
            Some(object) if is_pod && &*self.operation == "CREATE" => {
                Pod::read(object.get(), self.namespace.clone())
                    .map(Subject::Pod)
                    .map_err(InvalidReview::Pod)
            }
            _ => Ok(Subject::Nothing(Reason::NotAPodCreation)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: Version,
    kind: &'static str,
    response: Response<'a>,
}

/// `patch` and `patchType` are both there or both absent; anything else is an error to the API server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    audit_annotations: AuditAnnotations,
}

#[derive(Serialize)]
struct AuditAnnotations {
    outcome: &'static str,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}
