//! Reading a trust policy from its JSON.

use serde_json::{Map, Value};

use super::condition::{Condition, Operand};
use super::operator::{Operator, Test};
use super::pattern::Pattern;
use super::{Effect, PolicyError, Statement, TrustPolicy};
use crate::aws::provider::GOOGLE;

type Parsed<T> = Result<T, PolicyError>;

/// The claims of Google's tokens that IAM has keys for, in lower case.
const GOOGLE_CLAIMS: [&str; 4] = ["aud", "oaud", "sub", "google/organization_number"];

/// The claims of other OIDC providers' tokens that IAM has keys for.
const OIDC_CLAIMS: [&str; 3] = ["aud", "sub", "amr"];

/// The keys that do not come from the token, in lower case.
const REQUEST_KEYS: [&str; 3] = ["sts:rolesessionname", "aws:currenttime", "aws:epochtime"];

impl TrustPolicy {
    /// Reads a policy; all that is not understood is an error.
    pub(crate) fn parse(policy: &Value) -> Parsed<Self> {
        let place = "the top level";
        let fields = object(policy, place)?;
        known_elements(fields, place, &["Version", "Id", "Statement"])?;
        if let Some(version) = fields.get("Version") {
            let version = text(version, "Version")?;
            if version != "2012-10-17" && version != "2008-10-17" {
                return Err(PolicyError::UnknownVersion(version.to_owned()));
            }
        }
        let statements = match element(fields, "", "Statement")? {
            Value::Array(statements) if !statements.is_empty() => statements.iter().collect(),
            one @ Value::Object(_) => vec![one],
            _ => return malformed("Statement", "an object or a list of objects"),
        };
        let trusted = trusted_providers(&statements);
        let statements = statements.into_iter().zip(1..);
        let statements =
            statements.map(|(statement, number)| parse_statement(statement, number, &trusted));
        Ok(Self {
            statements: statements.collect::<Parsed<_>>()?,
        })
    }
}

fn parse_statement(statement: &Value, number: usize, trusted: &[String]) -> Parsed<Statement> {
    let place = format!("statement {number}");
    let fields = object(statement, &place)?;
    let elements = ["Sid", "Effect", "Principal", "Action", "Condition"];
    known_elements(fields, &place, &elements)?;
    let effect = match text(element(fields, &place, "Effect")?, &place)? {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        _ => return malformed(&format!("Effect in {place}"), "Allow or Deny"),
    };
    let conditions = match fields.get("Condition") {
        Some(conditions) => parse_conditions(conditions, &place, trusted)?,
        None => Vec::new(),
    };
    Ok(Statement {
        effect,
        providers: parse_principal(element(fields, &place, "Principal")?, &place)?,
        actions: parse_actions(element(fields, &place, "Action")?, &place)?,
        conditions,
    })
}

fn parse_principal(principal: &Value, place: &str) -> Parsed<Vec<String>> {
    let unknown = |principal: String| PolicyError::UnknownPrincipal {
        place: place.to_owned(),
        principal,
    };
    let Value::Object(fields) = principal else {
        return Err(unknown(principal.as_str().unwrap_or_default().to_owned()));
    };
    if let Some(kind) = fields.keys().find(|kind| *kind != "Federated") {
        return Err(unknown(kind.clone()));
    }
    let federated = element(fields, place, "Federated")?;
    let mut providers = Vec::new();
    for provider in texts(federated, &format!("Principal in {place}"))? {
        if provider != GOOGLE && oidc_host(provider).is_none() {
            return Err(unknown(provider.to_owned()));
        }
        providers.push(provider.to_owned());
    }
    Ok(providers)
}

fn parse_actions(actions: &Value, place: &str) -> Parsed<Vec<Pattern>> {
    let mut patterns = Vec::new();
    for action in texts(actions, &format!("Action in {place}"))? {
        if !action.to_ascii_lowercase().starts_with("sts:") {
            return Err(PolicyError::UnknownAction {
                place: place.to_owned(),
                action: action.to_owned(),
            });
        }
        patterns.push(Pattern::new(action));
    }
    Ok(patterns)
}

fn parse_conditions(conditions: &Value, place: &str, trusted: &[String]) -> Parsed<Vec<Condition>> {
    let mut parsed = Vec::new();
    for (name, keys) in object(conditions, &format!("Condition in {place}"))? {
        let operator = Operator::parse(name).ok_or_else(|| PolicyError::UnknownOperator {
            place: place.to_owned(),
            operator: name.clone(),
        })?;
        let inside = format!("{name} in {place}");
        for (key, values) in object(keys, &inside)? {
            if !is_known(key, trusted) {
                return Err(PolicyError::UnknownKey {
                    place: place.to_owned(),
                    key: key.clone(),
                });
            }
            parsed.push(Condition {
                operator,
                key: key.to_lowercase(),
                values: parse_values(operator.test, values, &format!("{key} under {inside}"))?,
            });
        }
    }
    Ok(parsed)
}

fn parse_values(test: Test, values: &Value, place: &str) -> Parsed<Vec<Operand>> {
    let list = match values {
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut operands = Vec::new();
    for value in list {
        let written = match value {
            Value::String(written) => written.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return malformed(place, "a text or a list of texts"),
        };
        if written.contains("${") {
            return Err(PolicyError::Variable {
                place: place.to_owned(),
                value: written,
            });
        }
        match Operand::parse(test, &written) {
            Some(operand) => operands.push(operand),
            None => return malformed(place, "of the type that its operator compares"),
        }
    }
    Ok(operands)
}

/// The OIDC providers that any statement trusts: whose keys may stand in the conditions, as `HOST/PATH`.
fn trusted_providers(statements: &[&Value]) -> Vec<String> {
    let federated = statements
        .iter()
        .filter_map(|statement| statement.pointer("/Principal/Federated"));
    federated
        .filter_map(|providers| texts(providers, "").ok())
        .flatten()
        .filter_map(oidc_host)
        .map(str::to_lowercase)
        .collect()
}

/// `HOST/PATH` of the ARN of an OIDC provider.
fn oidc_host(principal: &str) -> Option<&str> {
    let rest = principal.strip_prefix("arn:")?;
    let (partition, rest) = rest.split_once(":iam::")?;
    let (account, host) = rest.split_once(":oidc-provider/")?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (partition.starts_with("aws") && digits && !host.is_empty()).then_some(host)
}

fn is_known(key: &str, trusted: &[String]) -> bool {
    let key = key.to_lowercase();
    // A host may carry a port, so the claim follows the last colon.
    let claim_of = |host: &str| key.strip_prefix(host)?.strip_prefix(':');
    REQUEST_KEYS.contains(&key.as_str())
        || claim_of(GOOGLE).is_some_and(|claim| GOOGLE_CLAIMS.contains(&claim))
        || trusted
            .iter()
            .filter_map(|host| claim_of(host))
            .any(|claim| OIDC_CLAIMS.contains(&claim))
}

fn known_elements(fields: &Map<String, Value>, place: &str, known: &[&str]) -> Parsed<()> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(PolicyError::UnknownElement {
            place: place.to_owned(),
            name: name.clone(),
        }),
    }
}

fn element<'a>(fields: &'a Map<String, Value>, place: &str, name: &str) -> Parsed<&'a Value> {
    fields.get(name).ok_or_else(|| {
        let place = match place {
            "" => name.to_owned(),
            place => format!("{name} in {place}"),
        };
        PolicyError::Missing { place }
    })
}

fn object<'a>(value: &'a Value, place: &str) -> Parsed<&'a Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => malformed(place, "an object"),
    }
}

fn text<'a>(value: &'a Value, place: &str) -> Parsed<&'a str> {
    match value {
        Value::String(text) => Ok(text),
        _ => malformed(place, "a text"),
    }
}

fn texts<'a>(value: &'a Value, place: &str) -> Parsed<Vec<&'a str>> {
    match value {
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(|value| text(value, place)).collect()
        }
        one => text(one, place).map(|text| vec![text]),
    }
}

fn malformed<T>(place: &str, expected: &'static str) -> Parsed<T> {
    Err(PolicyError::Malformed {
        place: place.to_owned(),
        expected,
    })
}
