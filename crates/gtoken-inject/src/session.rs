//! Who acts, as CloudTrail shows it: a template such as `{namespace}@{pod}`, filled in and cut to fit.

use std::fmt;
use std::str::FromStr;

use gtoken_contract::{SessionName, env};

use crate::pod::PodName;

/// How a session's name is made of what is known of its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Namespace,
    Pod,
    ServiceAccount,
    Uid,
}

/// Why a text is no [`SessionTemplate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSessionTemplate {
    /// It holds what no session name may.
    #[error("a session name has characters of A-Za-z0-9_+=,.@-")]
    Character,
    /// It is empty, or too long with nothing filled in.
    #[error("a session name has 2 to 64 characters")]
    Length,
    /// A pod has no node yet when it is created.
    #[error("{{node}} is not known when a pod is created")]
    Node,
    /// Two of them do not fit in.
    #[error("a session name has room for one of {{pod}} and {{uid}}, once")]
    TwoLongNames,
    /// It names something else than what is known of a pod.
    #[error("the names in braces are: {{namespace}}, {{pod}}, {{serviceaccount}}, {{uid}}")]
    Unknown,
}

/// A session name as far as it is known while the pod is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionValue {
    /// The whole name.
    Known(SessionName),
    /// Kubernetes puts a field of the pod in when it starts the container.
    Composed {
        /// The name around it.
        value: String,
        /// What is put in.
        field: PodField,
    },
}

/// A field of a pod that is known when its containers start, and the variable that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodField {
    Name,
    Uid,
}

impl PodField {
    /// The variable.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Name => env::GTOKEN_POD_NAME,
            Self::Uid => env::GTOKEN_POD_UID,
        }
    }

    /// The field, as the downward API names it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Name => "metadata.name",
            Self::Uid => "metadata.uid",
        }
    }
}

/// What is known of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) pod: PodName<'a>,
    pub(crate) service_account: &'a str,
}

/// The longest prefix that the API server keeps of `generateName`, in bytes.
const MAX_GENERATE_NAME: usize = 58;

/// What the API server appends to `generateName`, in bytes.
const GENERATED_SUFFIX: usize = 5;

/// How long a UID is, in bytes.
const UID: usize = 36;

/// A part that is filled in: known, or put in by Kubernetes and then so many bytes long.
enum Filled {
    Known(String),
    Later(PodField, usize),
}

impl SessionTemplate {
    /// Fills the template in, cut so that it always fits.
    ///
    /// What Kubernetes puts in cannot be cut. Of the rest the text of the template stays longest, then the pod's name,
    /// whose end (an ordinal, a random suffix) tells more than its beginning, then the others.
    pub(crate) fn fill(&self, actor: Actor<'_>) -> SessionValue {
        let mut filled: Vec<_> = self.0.iter().map(|part| part.fill(actor)).collect();
        let later = filled.iter().map(|part| match part {
            Filled::Known(_) => 0,
            Filled::Later(_, bytes) => *bytes,
        });
        let mut room = SessionName::MAX - later.sum::<usize>();
        for rank in 0..Part::RANKS {
            for (part, filled) in self.0.iter().zip(&mut filled) {
                if let (true, Filled::Known(text)) = (part.rank() == rank, filled) {
                    part.cut(text, room);
                    room -= text.len();
                }
            }
        }
        compose(&filled)
    }
}

fn compose(filled: &[Filled]) -> SessionValue {
    let mut field = None;
    let mut value = String::new();
    for part in filled {
        match part {
            Filled::Known(text) => value.push_str(text),
            Filled::Later(later, _) => {
                field = Some(*later);
                value.extend(["$(", later.variable(), ")"]);
            }
        }
    }
    if let Some(field) = field {
        return SessionValue::Composed { value, field };
    }
    // A name of one letter is one to Kubernetes, but not to STS.
    while value.len() < SessionName::MIN {
        value.push('-');
    }
    let known = value
        .parse()
        .expect("permitted characters, cut and filled to fit");
    SessionValue::Known(known)
}

impl Part {
    /// How many ranks there are; those of a lower one are cut later.
    const RANKS: u8 = 4;

    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Pod | Self::Uid => 1,
            Self::ServiceAccount => 2,
            Self::Namespace => 3,
        }
    }

    fn fill(&self, actor: Actor<'_>) -> Filled {
        match self {
            Self::Text(text) => Filled::Known(text.clone()),
            Self::Namespace => Filled::Known(permitted(actor.namespace)),
            Self::ServiceAccount => Filled::Known(permitted(actor.service_account)),
            Self::Uid => Filled::Later(PodField::Uid, UID),
            Self::Pod => match actor.pod {
                PodName::Given(name) => Filled::Known(permitted(name)),
                PodName::Generated(prefix) => {
                    let longest = prefix.len().min(MAX_GENERATE_NAME) + GENERATED_SUFFIX;
                    Filled::Later(PodField::Name, longest)
                }
            },
        }
    }

    fn cut(&self, text: &mut String, bytes: usize) {
        if matches!(self, Self::Pod) {
            text.drain(..text.len().saturating_sub(bytes));
        } else {
            text.truncate(bytes);
        }
    }
}

/// Names are validated after admission, so anything may stand here; what no name may hold is rejected later.
fn permitted(name: &str) -> String {
    name.chars()
        .map(|c| if SessionName::permits(c) { c } else { '-' })
        .collect()
}

impl Default for SessionTemplate {
    /// `@` is in no Kubernetes name.
    fn default() -> Self {
        let at = Part::Text("@".to_owned());
        Self(vec![Part::Namespace, at, Part::Pod])
    }
}

impl fmt::Display for SessionTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Namespace => f.write_str("{namespace}"),
            Part::Pod => f.write_str("{pod}"),
            Part::ServiceAccount => f.write_str("{serviceaccount}"),
            Part::Uid => f.write_str("{uid}"),
        })
    }
}

impl FromStr for SessionTemplate {
    type Err = InvalidSessionTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidSessionTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, after) = part(rest)?;
            parts.push(part);
            rest = after;
        }
        let length = |part: &Part| match part {
            Part::Text(text) => text.len(),
            // At least that many characters.
            _ => SessionName::MIN,
        };
        let bytes: usize = parts.iter().map(length).sum();
        let long = |part: &&Part| matches!(part, Part::Pod | Part::Uid);
        if !(SessionName::MIN..=SessionName::MAX).contains(&bytes) {
            Err(InvalidSessionTemplate::Length)
        } else if parts.iter().filter(long).count() > 1 {
            Err(InvalidSessionTemplate::TwoLongNames)
        } else {
            Ok(Self(parts))
        }
    }
}

/// The first part of a template that is not empty, and what comes after.
fn part(template: &str) -> Result<(Part, &str), InvalidSessionTemplate> {
    let Some(inner) = template.strip_prefix('{') else {
        let end = template.find('{').unwrap_or(template.len());
        let (text, rest) = template.split_at(end);
        if !text.chars().all(SessionName::permits) {
            return Err(InvalidSessionTemplate::Character);
        }
        return Ok((Part::Text(text.to_owned()), rest));
    };
    let (name, rest) = inner
        .split_once('}')
        .ok_or(InvalidSessionTemplate::Unknown)?;
    let part = match name {
        "namespace" => Part::Namespace,
        "node" => return Err(InvalidSessionTemplate::Node),
        "pod" => Part::Pod,
        "serviceaccount" => Part::ServiceAccount,
        "uid" => Part::Uid,
        _ => return Err(InvalidSessionTemplate::Unknown),
    };
    Ok((part, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(template: &str, namespace: &str, pod: PodName<'_>) -> SessionValue {
        let actor = Actor {
            namespace,
            pod,
            service_account: "reader",
        };
        template.parse::<SessionTemplate>().unwrap().fill(actor)
    }

    /// The name once Kubernetes has put in what is longest.
    fn text(value: SessionValue, generate_name: &str) -> String {
        match value {
            SessionValue::Known(name) => name.to_string(),
            SessionValue::Composed { value, field } => {
                let put_in = match field {
                    PodField::Name => {
                        let kept = generate_name.len().min(MAX_GENERATE_NAME);
                        format!("{}xxxxx", &generate_name[..kept])
                    }
                    PodField::Uid => "6f1c2d3e-0000-4000-8000-000000000000".to_owned(),
                };
                value.replace(&format!("$({})", field.variable()), &put_in)
            }
        }
    }

    #[test]
    fn fills_in_what_is_known() {
        let given = PodName::Given("web-0");
        for (template, name) in [
            ("{namespace}@{pod}", "team-a@web-0"),
            ("{serviceaccount}", "reader"),
            (
                "gke,{namespace}={serviceaccount}+{pod}",
                "gke,team-a=reader+web-0",
            ),
            ("fixed", "fixed"),
            (
                "gtoken-webhook-{uid}",
                "gtoken-webhook-6f1c2d3e-0000-4000-8000-000000000000",
            ),
        ] {
            assert_eq!(text(fill(template, "team-a", given), ""), name);
        }
        let composed = fill(
            "{namespace}@{pod}",
            "team-a",
            PodName::Generated("web-7d9f-"),
        );
        let value = "team-a@$(GTOKEN_POD_NAME)".to_owned();
        let field = PodField::Name;
        assert_eq!(composed, SessionValue::Composed { value, field });
    }

    #[test]
    fn keeps_the_ordinal_of_a_long_name() {
        let name = format!("{}-17", "web".repeat(80));
        let session = text(
            fill("{namespace}@{pod}", "team-a", PodName::Given(&name)),
            "",
        );
        assert_eq!(session.len(), 64);
        assert!(session.starts_with('@') && session.ends_with("-17"));
    }

    #[test]
    fn a_name_of_one_letter_is_made_longer() {
        assert_eq!(text(fill("{pod}", "a", PodName::Given("b")), ""), "b-");
        assert_eq!(
            text(fill("{namespace}", "a", PodName::Given("b")), ""),
            "a-"
        );
    }

    #[test]
    fn refuses_what_cannot_be_filled_in() {
        use InvalidSessionTemplate::{Character, Length, Node, TwoLongNames, Unknown};
        let long = "n".repeat(65);
        for (template, error) in [
            ("", Length),
            ("a", Length),
            (&*long, Length),
            ("{node}", Node),
            ("{pod}{pod}", TwoLongNames),
            ("{pod}-{uid}", TwoLongNames),
            ("{namespace", Unknown),
            ("{Pod}", Unknown),
            ("{}", Unknown),
            ("a b", Character),
            ("a}b", Character),
            ("$(HOME)", Character),
            ("a\n", Character),
        ] {
            assert_eq!(
                template.parse::<SessionTemplate>(),
                Err(error),
                "{template}"
            );
        }
    }

    const TEMPLATES: [&str; 6] = [
        "{namespace}@{pod}",
        "{serviceaccount}",
        "{pod}",
        "in-production-{serviceaccount}-{namespace}@{pod}",
        "gtoken-webhook-{uid}",
        "{namespace}{serviceaccount}{uid}{namespace}",
    ];

    proptest! {
        #[test]
        fn fits_whatever_stands_in_the_names(template in prop::sample::select(&TEMPLATES[..]), namespace: String, name in ".+") {
            let session = text(fill(template, &namespace, PodName::Given(&name)), "");
            prop_assert!(session.parse::<SessionName>().is_ok(), "{session}");
        }

        #[test]
        fn is_always_a_session_name(
            template in prop::sample::select(&TEMPLATES[..]),
            namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?",
        ) {
            for pod in [PodName::Given(&name), PodName::Generated(&name)] {
                let session = text(fill(template, &namespace, pod), &name);
                prop_assert!(session.parse::<SessionName>().is_ok(), "{session}");
            }
        }

        #[test]
        fn a_template_is_shown_as_it_was_written(template in "[a-z@.-]{0,4}[{]namespace[}][a-z]{0,3}[{](pod|uid)[}]") {
            prop_assert_eq!(template.parse::<SessionTemplate>().unwrap().to_string(), template);
        }
    }
}
