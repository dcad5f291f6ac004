//! The environment variables that applications get.

use gtoken_contract::env;

use crate::binding::Binding;
use crate::json::quoted;
use crate::options::Layers;
use crate::pod::{Container, Pod};
use crate::session::{Actor, PodField, SessionTemplate, SessionValue};

/// An environment variable for applications.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// Its value, or the field of the pod that it holds.
    pub(crate) content: String,
    /// As it stands in a container's list.
    pub(crate) json: String,
}

/// The variables that an application gets, in an order in which each refers only to earlier ones.
pub(crate) struct Variables {
    all: Vec<Variable>,
    /// The field of the pod that the session's name is made of when the container starts.
    field: Option<PodField>,
}

/// The two names of one setting: a user who set one of them would be overruled by the other.
const REGION: [&str; 2] = [env::AWS_REGION, env::AWS_DEFAULT_REGION];

impl Variables {
    pub(crate) fn new(
        pod: &Pod<'_>,
        binding: &Binding,
        layers: &Layers<'_>,
        token_path: &str,
    ) -> Self {
        let mut all = vec![
            literal(env::AWS_WEB_IDENTITY_TOKEN_FILE, token_path),
            literal(env::AWS_ROLE_ARN, binding.role_arn.as_str()),
            literal(env::AWS_EC2_METADATA_DISABLED, "true"),
        ];
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
                all.push(literal(env::AWS_ROLE_SESSION_NAME, name.as_str()));
                None
            }
            SessionValue::Composed { value, field } => {
                all.push(from_field(field));
                // The reference in it is meant to be expanded.
                all.push(of_content(env::AWS_ROLE_SESSION_NAME, value));
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
    pub(crate) fn missing<'a>(
        &'a self,
        container: &Container<'_>,
    ) -> impl Iterator<Item = &'a Variable> {
        let has_session_name = container.sets(env::AWS_ROLE_SESSION_NAME);
        let names_no_session = has_session_name || self.obstacle(container).is_some();
        let has_region = REGION.iter().any(|name| container.sets(name));
        self.all.iter().filter(move |variable| match variable.name {
            // The pod's field serves the session's name only, so without the one there is no use for the other.
            env::GTOKEN_POD_NAME | env::GTOKEN_POD_UID | env::AWS_ROLE_SESSION_NAME
                if names_no_session =>
            {
                false
            }
            env::AWS_REGION | env::AWS_DEFAULT_REGION => !has_region,
            name => !container.sets(name),
        })
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

fn literal(name: &'static str, value: &str) -> Variable {
    of_content(name, escape(value))
}

fn of_content(name: &'static str, content: String) -> Variable {
    let json = [
        r#"{"name":""#,
        name,
        r#"","value":"#,
        &quoted(&content),
        "}",
    ]
    .concat();
    Variable {
        name,
        content,
        json,
    }
}

fn from_field(field: PodField) -> Variable {
    let name = field.variable();
    let path = field.path();
    let reference = [
        r#"{"fieldRef":{"apiVersion":"v1","fieldPath":""#,
        path,
        r#""}}"#,
    ]
    .concat();
    Variable {
        name,
        content: path.to_owned(),
        json: [r#"{"name":""#, name, r#"","valueFrom":"#, &reference, "}"].concat(),
    }
}

/// Keeps Kubernetes from expanding a value that is meant as it stands: it reads `$$` as `$`.
pub(crate) fn escape(value: impl Into<String>) -> String {
    let value = value.into();
    // Hardly any holds one.
    if value.bytes().any(|byte| byte == b'$') {
        value.replace('$', "$$")
    } else {
        value
    }
}
