//! Who acts, as CloudTrail shows it: `{namespace}@{pod}`.

use gtoken_contract::{SessionName, env};

use crate::pod::PodName;

/// A session name as far as it is known while the pod is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionValue {
    /// The whole name.
    Known(SessionName),
    /// Kubernetes puts the pod's name in when it starts the container.
    Composed(String),
}

/// The longest prefix that the API server keeps of `generateName`, in bytes.
const MAX_GENERATE_NAME: usize = 58;

/// What the API server appends to `generateName`, in bytes.
const GENERATED_SUFFIX: usize = 5;

/// Composes the session name, cut so that it always fits; `@` is in no Kubernetes name.
///
/// The pod's name tells more than its namespace, and its end (an ordinal, a random suffix) more than its beginning.
pub(crate) fn session_value(namespace: &str, pod: PodName<'_>) -> SessionValue {
    let namespace = permitted(namespace);
    let room = SessionName::MAX - 1;
    match pod {
        PodName::Given(name) => {
            let name = permitted(name);
            let name = &name[name.len().saturating_sub(room)..];
            let text = format!("{}@{name}", head(&namespace, room - name.len()));
            let known = text
                .parse()
                .expect("an @ and a name, cut to fit, of permitted characters");
            SessionValue::Known(known)
        }
        PodName::Generated(prefix) => {
            let pod = prefix.len().min(MAX_GENERATE_NAME) + GENERATED_SUFFIX;
            let namespace = head(&namespace, room - pod);
            SessionValue::Composed(format!("{namespace}@$({})", env::GTOKEN_POD_NAME))
        }
    }
}

/// Names are validated after admission, so anything may stand here; what no name may hold is rejected later.
fn permitted(name: &str) -> String {
    name.chars()
        .map(|c| if SessionName::permits(c) { c } else { '-' })
        .collect()
}

fn head(name: &str, bytes: usize) -> &str {
    &name[..name.len().min(bytes)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_namespace_and_pod() {
        assert_eq!(
            session_value("team-a", PodName::Given("web-0")),
            SessionValue::Known("team-a@web-0".parse().unwrap())
        );
        let composed = session_value("team-a", PodName::Generated("web-7d9f-"));
        assert_eq!(
            composed,
            SessionValue::Composed("team-a@$(GTOKEN_POD_NAME)".into())
        );
    }

    #[test]
    fn keeps_the_ordinal_of_a_long_name() {
        let name = format!("{}-17", "web".repeat(80));
        let SessionValue::Known(session) = session_value("team-a", PodName::Given(&name)) else {
            panic!()
        };
        let session = session.as_str();
        assert_eq!(session.len(), 64);
        assert!(session.starts_with('@') && session.ends_with("-17"));
    }

    proptest! {
        #[test]
        fn fits_whatever_stands_in_the_names(namespace: String, name in ".+") {
            let SessionValue::Known(known) = session_value(&namespace, PodName::Given(&name)) else { panic!() };
            prop_assert!(known.as_str().len() <= SessionName::MAX);
        }

        #[test]
        fn is_always_a_session_name(namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name in "[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?") {
            let SessionValue::Known(known) = session_value(&namespace, PodName::Given(&name)) else { panic!() };
            prop_assert!(known.as_str().ends_with(&name[name.len().saturating_sub(63)..]));
            let SessionValue::Composed(composed) = session_value(&namespace, PodName::Generated(&name)) else { panic!() };
            let generated = format!("{}xxxxx", head(&name, MAX_GENERATE_NAME));
            let composed = composed.replace("$(GTOKEN_POD_NAME)", &generated);
            prop_assert!(composed.parse::<SessionName>().is_ok(), "{}", composed);
        }
    }
}
