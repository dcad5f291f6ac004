//! The environment variables that applications get.

use std::borrow::Cow;

use gtoken_contract::env;

use crate::binding::Binding;
use crate::json::write;
use crate::options::Layers;
use crate::pod::{Container, Pod};
use crate::session::{Actor, PodField, SessionTemplate, SessionValue};

/// An environment variable for applications.
pub(crate) struct Variable<'a> {
    pub(crate) name: &'static str,
    /// Its value, or the field of the pod that it holds.
    pub(crate) content: Cow<'a, str>,
    /// As it stands in a container's list.
    pub(crate) json: String,
}

/// The variables that an application gets, in an order in which each refers only to earlier ones.
pub(crate) struct Variables<'a> {
    all: Vec<Variable<'a>>,
    /// The field of the pod that the session's name is made of when the container starts.
    field: Option<PodField>,
}

/// More bytes than nearly any variable has.
const USUAL: usize = 192;

/// Some of the variables, a bit for each in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subset(u32);

impl std::ops::BitOrAssign for Subset {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The two names of one setting: a user who set one of them would be overruled by the other.
const REGION: [&str; 2] = [env::AWS_REGION, env::AWS_DEFAULT_REGION];

/// Names of variables that may be ours begin so; whatever else an application has is of no interest.
const BEGINNINGS: [&str; 2] = ["AWS_", "GTOKEN_"];

/// Whether a variable of this name may be one of ours.
pub(crate) fn may_be_ours(name: &str) -> bool {
    BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

impl<'a> Variables<'a> {
    pub(crate) fn new(
        pod: &Pod<'_>,
        binding: &'a Binding,
        layers: &Layers<'a>,
        token_path: &str,
    ) -> Self {
        let mut all = Vec::with_capacity(8);
        let token_path = escape(token_path).into_owned();
        all.extend([
            of_content(env::AWS_WEB_IDENTITY_TOKEN_FILE, token_path.into()),
            literal(env::AWS_ROLE_ARN, binding.role_arn.as_str()),
            literal(env::AWS_EC2_METADATA_DISABLED, "true"),
        ]);
        if let Some(region) = layers.first(|options| options.region.as_ref()) {
            all.extend(REGION.map(|name| literal(name, region.as_str())));
        }
        if layers.first(|options| options.sts_regional_endpoints) == Some(true) {
            all.push(literal(env::AWS_STS_REGIONAL_ENDPOINTS, "regional"));
        }
        let actor = Actor {
            namespace: pod.namespace(),
            pod: pod.name(),
            service_account: pod.service_account().unwrap_or_default(),
        };
        let template = layers.first(|options| options.session_name.as_ref());
        let session = match template {
            Some(template) => template.fill(actor),
            None => SessionTemplate::default().fill(actor),
        };
        let field = match session {
            SessionValue::Known(name) => {
                let name = escape(name.as_str()).into_owned();
                all.push(of_content(env::AWS_ROLE_SESSION_NAME, name.into()));
                None
            }
            SessionValue::Composed { value, field } => {
                all.push(from_field(field));
                // The reference in it is meant to be expanded.
                all.push(of_content(env::AWS_ROLE_SESSION_NAME, value.into()));
                Some(field)
            }
        };
        Self { all, field }
    }

    /// Whether one of them has this name and content.
    pub(crate) fn hold(&self, name: &str, content: &str) -> bool {
        let mut all = self.all.iter();
        all.any(|variable| variable.name == name && variable.content == content)
    }

    /// Those that a container lacks; what the user set stays, variable by variable.
    pub(crate) fn missing(&self, container: &Container<'_>) -> Subset {
        let all = Subset((1 << self.all.len()) - 1);
        let mut own = container.env.iter().flatten();
        if !own.any(|set| may_be_ours(&set.name)) {
            return all;
        }
        let has_session_name = container.sets(env::AWS_ROLE_SESSION_NAME);
        let names_no_session = has_session_name || self.obstacle(container).is_some();
        let has_region = REGION.iter().any(|name| container.sets(name));
        let is_missing = |variable: &Variable<'_>| match variable.name {
            // The pod's field serves the session's name only, so without the one there is no use for the other.
            env::GTOKEN_POD_NAME | env::GTOKEN_POD_UID | env::AWS_ROLE_SESSION_NAME
                if names_no_session =>
            {
                false
            }
            env::AWS_REGION | env::AWS_DEFAULT_REGION => !has_region,
            name => !container.sets(name),
        };
        let missing = self.all.iter().map(is_missing);
        let bits = missing
            .enumerate()
            .map(|(place, is_missing)| u32::from(is_missing) << place);
        Subset(bits.fold(0, |all, bit| all | bit))
    }

    /// These variables.
    pub(crate) fn those(&self, some: Subset) -> impl Iterator<Item = &Variable<'a>> {
        let all = self.all.iter().enumerate();
        all.filter_map(move |(place, variable)| (some.0 >> place & 1 == 1).then_some(variable))
    }

    /// The user's own variable that keeps the session from getting a name.
    pub(crate) fn obstacle(&self, container: &Container<'_>) -> Option<&'static str> {
        let field = self.field?;
        if container.sets(env::AWS_ROLE_SESSION_NAME) {
            return None;
        }
        let mut own = container.env.iter().flatten();
        own.any(|set| *set.name == *field.variable() && !set.is_field(field.path()))
            .then(|| field.variable())
    }
}

fn literal<'a>(name: &'static str, value: &'a str) -> Variable<'a> {
    of_content(name, escape(value))
}

fn of_content<'a>(name: &'static str, content: Cow<'a, str>) -> Variable<'a> {
    let mut json = String::with_capacity(USUAL);
    write(
        &mut json,
        &[(r#"{"name":"#, name), (r#","value":"#, &content)],
    );
    json.push('}');
    Variable {
        name,
        content,
        json,
    }
}

fn from_field(field: PodField) -> Variable<'static> {
    let name = field.variable();
    let path = field.path();
    let mut json = String::with_capacity(USUAL);
    let pieces = [
        (r#"{"name":"#, name),
        (
            r#","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"#,
            path,
        ),
    ];
    write(&mut json, &pieces);
    json.push_str("}}}");
    Variable {
        name,
        content: path.into(),
        json,
    }
}

/// Keeps Kubernetes from expanding a value that is meant as it stands: it reads `$$` as `$`.
pub(crate) fn escape(value: &str) -> Cow<'_, str> {
    // Hardly any holds one.
    if value.as_bytes().contains(&b'$') {
        value.replace('$', "$$").into()
    } else {
        value.into()
    }
}
