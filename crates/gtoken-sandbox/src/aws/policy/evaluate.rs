//! The verdict on one request: an explicit Deny wins, and nothing is allowed that no statement allows.

use std::collections::BTreeMap;

use super::{Effect, Statement, TrustPolicy};

/// What a request carries for the keys of conditions; a key without a value is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

/// Whether a request may assume the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    Allowed,
    /// It may not; the reason is a clause for a person.
    Refused(String),
}

impl Context {
    /// Adds values for a key, whose case does not matter.
    pub(crate) fn insert(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_lowercase(), values);
    }

    fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

impl TrustPolicy {
    /// Judges a call of `action` with a token of `provider`, as the policy names it.
    pub(crate) fn evaluate(&self, action: &str, provider: &str, context: &Context) -> Verdict {
        let mut allowed = false;
        let mut obstacles = Vec::new();
        for (statement, number) in self.statements.iter().zip(1..) {
            match (
                statement.effect,
                statement.obstacle(action, provider, context),
            ) {
                (Effect::Deny, None) => {
                    let reason = format!("statement {number} of the trust policy denies it");
                    return Verdict::Refused(reason);
                }
                (Effect::Allow, None) => allowed = true,
                (Effect::Allow, Some(obstacle)) => obstacles.push(obstacle),
                (Effect::Deny, Some(_)) => {}
            }
        }
        match obstacles.is_empty() {
            _ if allowed => Verdict::Allowed,
            true => Verdict::Refused("no statement of the trust policy allows anything".into()),
            false => Verdict::Refused(obstacles.join("; ")),
        }
    }
}

impl Statement {
    /// Why the statement does not apply, or nothing where it does.
    fn obstacle(&self, action: &str, provider: &str, context: &Context) -> Option<String> {
        if !self.providers.iter().any(|trusted| trusted == provider) {
            let trusted = self.providers.join(" or ");
            return Some(format!(
                "the trust policy trusts {trusted}, the token is of {provider}"
            ));
        }
        let covers = |pattern: &super::Pattern| pattern.matches_any_case(action);
        if !self.actions.iter().any(covers) {
            let actions: Vec<_> = self.actions.iter().map(super::Pattern::as_str).collect();
            let actions = actions.join(" or ");
            return Some(format!(
                "the trust policy speaks of {actions}, the call is {action}"
            ));
        }
        let failed = self.conditions.iter().filter_map(|condition| {
            let given = context.values(&condition.key);
            (!condition.holds(given)).then(|| {
                let says = says(&condition.key, given);
                format!("the trust policy wants {}, {says}", condition.wants())
            })
        });
        let failed: Vec<_> = failed.collect();
        (!failed.is_empty()).then(|| failed.join(", and "))
    }
}

fn says(key: &str, given: &[String]) -> String {
    let speaker = match key.split_once(':') {
        Some(("sts" | "aws", _)) => "the request",
        _ => "the token",
    };
    match given {
        [] => format!("{speaker} says nothing of it"),
        values => format!("{speaker} says {}", values.join(" and ")),
    }
}
