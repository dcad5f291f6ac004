//! Values that cannot be taken: each is told in a line, and the pod is as it would be without it.

use gtoken_inject::annotation::Name;
use gtoken_inject::{
    Binding, Decision, Dialect, Injection, MAX_WARNING, Review, ServerVersion, Settings, Subject,
    decide,
};
use serde_json::json;

const SERVER: ServerVersion = ServerVersion {
    major: 1,
    minor: 34,
};
const LINKED: [(&str, &str); 2] = [
    (
        "amazonaws.com/role-arn",
        "arn:aws:iam::123456789012:role/reader",
    ),
    (
        "iam.gke.io/gcp-service-account",
        "reader@my-project.iam.gserviceaccount.com",
    ),
];

/// What a setting does not take.
fn bad_values(name: Name) -> Vec<String> {
    // The most that Kubernetes lets all annotations of an object hold.
    let huge = "{x,".repeat(256 * 1024 / 3);
    let control = "a\u{0}b\n\u{1b}[31m\u{7f}\u{85}";
    let wide = "ß€🦀".repeat(100);
    let own: &[&str] = match name {
        Name::IncludeContainers | Name::SkipContainers => &[",", "a,,b", "a,", "A"],
        Name::TokenExpiration => &["-1", "599", "86401", "18446744073709551616", "NaN"],
        _ => &[],
    };
    let own = own.iter().map(|value| (*value).to_owned());
    own.chain([String::new(), control.to_owned(), huge, wide])
        .collect()
}

/// What comes of a pod with this annotation, and of its ServiceAccount with that one.
fn injection(pod: Option<(&str, &str)>, service_account: Option<(&str, &str)>) -> Injection {
    let annotations: serde_json::Map<_, _> = pod
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    // One that nobody reads keeps the patch for the record the same.
    let mut metadata = json!({"name": "web-0", "annotations": {"example.com/a": "b"}});
    metadata["annotations"]
        .as_object_mut()
        .expect("an object")
        .extend(annotations);
    let spec = json!({"serviceAccountName": "reader", "containers": [{"name": "app"}]});
    let request = json!({
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "team-a",
        "operation": "CREATE",
        "object": {"metadata": metadata, "spec": spec},
    });
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    let body = review.to_string();
    let review = Review::parse(body.as_bytes()).expect("a review");
    let Subject::Pod(pod) = review.subject() else {
        panic!("a pod's creation is looked at")
    };
    let annotations = LINKED.into_iter().chain(service_account);
    let binding = Binding::parse(&Dialect::default(), annotations).expect("a role");
    match decide(pod, Ok(&binding), &Settings::default(), SERVER) {
        Decision::Inject(injection) => injection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_that_cannot_be_taken_is_told_and_changes_nothing() {
    let plain = injection(None, None);
    assert_eq!(plain.warnings(), []);
    for name in Name::ALL.into_iter().filter(|name| *name != Name::RoleArn) {
        let full = format!("eks.amazonaws.com/{}", name.as_str());
        for value in bad_values(name) {
            let annotation = Some((&*full, &*value));
            for told in [injection(annotation, None), injection(None, annotation)] {
                assert_eq!(told.patch(), plain.patch(), "{full}");
                let warnings: Vec<_> = told.warnings().iter().map(ToString::to_string).collect();
                assert_eq!(warnings.len(), 1, "{full}: {warnings:?}");
                assert!(warnings[0].starts_with(&full), "{warnings:?}");
                assert!(!warnings[0].contains(char::is_control), "{warnings:?}");
                assert!(warnings[0].chars().count() <= MAX_WARNING, "{warnings:?}");
            }
        }
    }
}

#[test]
fn a_name_that_cannot_be_shown_is_told_in_one_line() {
    let name = format!("amazonaws.com/{}", "r\u{7}gion");
    let told = injection(Some((&name, "eu-west-1")), None);
    let warnings: Vec<_> = told.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["amazonaws.com/r?gion is not read: amazonaws.com/region?"]
    );
}
