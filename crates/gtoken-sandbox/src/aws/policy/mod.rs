//! Trust policies, read and evaluated as IAM does.
//!
//! What this module does not know it refuses when a policy is loaded, so that no condition is ever passed over in silence.
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod condition;
mod error;
mod evaluate;
mod operator;
mod parse;
mod pattern;

use condition::Condition;
pub use error::PolicyError;
pub(crate) use evaluate::{Context, Verdict};
use pattern::Pattern;

/// A trust policy that is fully understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrustPolicy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    effect: Effect,
    /// The identity providers that `Principal.Federated` names.
    providers: Vec<String>,
    actions: Vec<Pattern>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[cfg(test)]
mod tests;
