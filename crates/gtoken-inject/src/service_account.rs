//! What whoever annotates a ServiceAccount is told at once: pods' warnings reach a controller more often than a person.

use crate::annotation::Name;
use crate::binding::{Binding, Unbound};
use crate::json::{self, Map, Text, read_members};
use crate::options::{Layers, Options, TokenSource};
use crate::reason::{Reason, Warning};
use crate::review::{InvalidReview, Review};
use crate::settings::Settings;

/// Answers the review of a ServiceAccount: it is always admitted, and what is wrong with its annotations is told.
///
/// The second value is the outcome in metrics, logs and the audit log.
pub fn advise(body: &[u8], settings: &Settings) -> Result<(Vec<u8>, &'static str), InvalidReview> {
    let (review, object) = Review::with_object(body)?;
    let object: Object<'_> = match object {
        Some(object) => {
            json::read(object.get().as_bytes()).map_err(InvalidReview::ServiceAccount)?
        }
        None => Object::default(),
    };
    let texts = object.metadata.annotations.iter();
    let texts = texts.map(|(name, value)| (&**name, &**value));
    let advice = if review.is_about("ServiceAccount") {
        advice(texts, settings)
    } else {
        Vec::new()
    };
    let outcome = if advice.is_empty() {
        "nothing-to-advise"
    } else {
        "advised"
    };
    Ok((review.admit(outcome, &advice), outcome))
}

/// What is wrong with a ServiceAccount's annotations, each in a sentence.
fn advice<'a>(
    annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    settings: &Settings,
) -> Vec<String> {
    let dialect = &settings.dialect;
    let binding = match Binding::parse(dialect, annotations.clone()) {
        Ok(binding) => binding,
        Err(Unbound::NoRole) => {
            let found = dialect.find(annotations);
            let mut warnings = found.misspelt.clone();
            if Name::ALL.iter().any(|name| found.value(*name).is_some()) {
                warnings.push(Warning::NoRole);
            }
            return warnings.iter().map(ToString::to_string).collect();
        }
        Err(unbound) => return vec![Reason::from(unbound).to_string()],
    };
    let mut advice: Vec<_> = binding.warnings.iter().map(ToString::to_string).collect();
    let layers = Layers([&Options::default(), &binding.options, &settings.options]);
    if layers.source() == TokenSource::Google && !binding.is_linked {
        advice.push(match binding.foreign {
            Some(annotation) => Reason::LeftOver { annotation }.to_string(),
            None => Warning::NoGoogleIdentity.to_string(),
        });
    }
    advice
}

#[derive(Default)]
struct Object<'a> {
    metadata: Metadata<'a>,
}

read_members!(Object<'a> {
    "metadata" => metadata,
});

#[derive(Default)]
struct Metadata<'a> {
    annotations: Map<'a, Text<'a>>,
}

read_members!(Metadata<'a> {
    "annotations" => annotations,
});

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
    const EMAIL: &str = "reader@my-project.iam.gserviceaccount.com";

    fn warnings(kind: &str, annotations: &Value, settings: &Settings) -> Vec<String> {
        let request = json!({
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": kind},
            "operation": "UPDATE",
            "object": {"metadata": {"name": "reader", "annotations": annotations}},
        });
        let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let (answer, outcome) = advise(body.to_string().as_bytes(), settings).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["response"]["allowed"], json!(true));
        assert_eq!(answer["response"].get("patch"), None);
        let warnings = answer["response"]["warnings"].take();
        assert_eq!(warnings.is_array(), outcome == "advised");
        serde_json::from_value(warnings).unwrap_or_default()
    }

    #[test]
    fn whoever_annotates_is_told_what_is_wrong() {
        let settings = Settings::default();
        let linked = |name: &str, value: &str| json!({"iam.gke.io/gcp-service-account": EMAIL, "amazonaws.com/role-arn": ROLE, name: value});
        let bare = |name: &str, value: &str| json!({ name: value });
        for (annotations, part) in [
            (
                linked("amazonaws.com/role-arn", "arn:aws:iam::1:role/reader"),
                "has 12 digits",
            ),
            (
                linked("amazonaws.com/regoin", "eu-west-1"),
                "amazonaws.com/region?",
            ),
            (
                linked("amazonaws.com/region", "Frankfurt"),
                "\"Frankfurt\" is no AWS region",
            ),
            (
                linked("iam.gke.io/gcp-service-account", "reader"),
                "is no email address",
            ),
            (
                bare("amazonaws.com/role-arn", ROLE),
                "has no iam.gke.io/gcp-service-account",
            ),
            (bare("eks.amazonaws.com/role-arn", ROLE), "is left alone"),
            (
                bare("amazonaws.com/rolearn", ROLE),
                "amazonaws.com/role-arn?",
            ),
            (bare("amazonaws.com/region", "eu-west-1"), "without it"),
        ] {
            let told = warnings("ServiceAccount", &annotations, &settings);
            assert_eq!(told.len(), 1, "{annotations}: {told:?}");
            assert!(told[0].contains(part), "{part}: {told:?}");
        }
    }

    #[test]
    fn nothing_is_told_where_nothing_is_wrong() {
        let none: [String; 0] = [];
        let right =
            json!({"iam.gke.io/gcp-service-account": EMAIL, "amazonaws.com/role-arn": ROLE});
        for annotations in [
            right,
            json!(null),
            json!({}),
            json!({"example.com/owner": "me"}),
        ] {
            let told = warnings("ServiceAccount", &annotations, &Settings::default());
            assert_eq!(told, none, "{annotations}");
        }
        let misspelt = json!({"amazonaws.com/rolearn": ROLE});
        assert_eq!(warnings("ConfigMap", &misspelt, &Settings::default()), none);
    }

    #[test]
    fn tokens_of_the_cluster_need_no_google_account() {
        let mut settings = Settings::default();
        settings.options.token_source = Some(TokenSource::Cluster);
        let annotations = json!({"eks.amazonaws.com/role-arn": ROLE});
        let none: [String; 0] = [];
        assert_eq!(warnings("ServiceAccount", &annotations, &settings), none);
    }
}
