//! Annotations of all our settings, right and wrong, beside those of others.

use gtoken_inject::Dialect;
use gtoken_inject::annotation::{GOOGLE_SERVICE_ACCOUNT, Name};

use super::choices::Choices;

/// On what annotations stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Pod,
    ServiceAccount,
}

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const EMAIL: &str = "reader@my-project.iam.gserviceaccount.com";

/// Annotations by name; of a ServiceAccount mostly enough for its pods to be injected.
pub(crate) fn any(
    choices: &mut Choices<'_>,
    dialect: &Dialect,
    place: Place,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let prefixes = dialect.prefixes.to_string();
    let prefixes: Vec<_> = prefixes.split(',').collect();
    if place == Place::ServiceAccount {
        if !choices.happens(12) {
            let prefix = choices.maybe(80, |choices| choices.pick(&prefixes));
            let prefix = prefix.unwrap_or(prefixes[0]);
            let role = choices.maybe(48, |choices| value(choices, Name::RoleArn));
            all.push((
                format!("{prefix}/role-arn"),
                role.unwrap_or_else(|| ROLE.to_owned()),
            ));
        }
        if !choices.happens(40) {
            let email = choices.maybe(24, Choices::text);
            all.push((
                GOOGLE_SERVICE_ACCOUNT.to_owned(),
                email.unwrap_or_else(|| EMAIL.to_owned()),
            ));
        }
    }
    if choices.happens(150) {
        all.extend(choices.several(4, |choices| {
            let name = Name::ALL[choices.below(Name::ALL.len())];
            let prefix = choices.pick(&prefixes);
            (format!("{prefix}/{}", name.as_str()), value(choices, name))
        }));
    }
    if choices.happens(48) {
        all.extend(choices.several(3, |choices| (misspelt(choices, &prefixes), choices.text())));
    }
    all
}

/// A value that is right most times, and else one of another setting or of none.
pub(crate) fn value(choices: &mut Choices<'_>, name: Name) -> String {
    if choices.happens(64) {
        return choices.text();
    }
    let name = if choices.happens(24) {
        Name::ALL[choices.below(Name::ALL.len())]
    } else {
        name
    };
    choices.pick(values(name)).to_owned()
}

/// Values that a setting takes, and at the end some that it just does not.
fn values(name: Name) -> &'static [&'static str] {
    match name {
        Name::Audience => &["sts.amazonaws.com", "my audience"],
        Name::IncludeContainers | Name::SkipContainers => {
            &["mesh", "app,mesh", "app", "a,,b", "App"]
        }
        Name::Region => &["eu-west-1", "us-gov-west-1", "Frankfurt"],
        Name::RoleArn => &[
            ROLE,
            "arn:aws-cn:iam::123456789012:role/a/b",
            "reader",
            "arn:aws:iam::1:role/x",
        ],
        Name::SessionName => &[
            "{pod}",
            "{serviceaccount}.{uid}",
            "x{namespace}",
            "{node}",
            "{pod}{uid}",
        ],
        Name::SidecarMode => &["native", "classic", "auto", "Native"],
        Name::StsRegionalEndpoints => &["true", "false", "yes"],
        Name::TokenExpiration => &["600", "86400", "599", "86401"],
        Name::TokenSource => &["cluster", "google", "Cluster"],
    }
}

/// The name of an annotation that nobody reads, or only nearly one of ours.
fn misspelt(choices: &mut Choices<'_>, prefixes: &[&str]) -> String {
    let name = Name::ALL[choices.below(Name::ALL.len())].as_str();
    match choices.below(4) {
        0 => format!("example.com/{name}"),
        1 => format!("{}/{name}s", choices.pick(prefixes)),
        2 => format!("{}/{}", choices.pick(prefixes), choices.text()),
        _ => choices.text(),
    }
}
