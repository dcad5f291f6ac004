//! One condition: an operator, a key, and the values that it may be compared with.

use super::operator::{Kind, Operator, Quantifier, Test};
use super::pattern::Pattern;
use crate::calendar;

/// A condition on one key; several values are alternatives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    /// In lower case: IAM does not tell the cases of a key apart.
    pub(super) key: String,
    pub(super) values: Vec<Operand>,
}

/// A value of the policy, read as its operator wants it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Pattern(Pattern),
    Bool(bool),
    Number(f64),
    /// Seconds since 1970.
    Date(u64),
}

impl Condition {
    /// Whether the condition holds for what the request carries; no value means that the key is missing.
    ///
    /// IAM does not say what an operator without quantifier makes of several values; here any of them may pass,
    /// and where the operator is negated all of them must.
    pub(super) fn holds(&self, given: &[String]) -> bool {
        let Test::Compare { kind, negated } = self.operator.test else {
            let missing = given.is_empty();
            return self.values.contains(&Operand::Bool(missing));
        };
        if given.is_empty() {
            return self.holds_without_value(negated);
        }
        let passes = |value: &String| {
            let matched = self.values.iter().any(|operand| operand.fits(kind, value));
            matched != negated
        };
        match self.operator.quantifier {
            Some(Quantifier::All) => given.iter().all(passes),
            None if negated => given.iter().all(passes),
            Some(Quantifier::Any) | None => given.iter().any(passes),
        }
    }

    fn holds_without_value(&self, negated: bool) -> bool {
        let passes = match self.operator.quantifier {
            Some(Quantifier::All) => true,
            Some(Quantifier::Any) => false,
            None => negated,
        };
        passes || self.operator.if_exists
    }

    /// What the condition wants, for a person: `KEY = VALUE`.
    pub(super) fn wants(&self) -> String {
        let values: Vec<_> = self.values.iter().map(Operand::text).collect();
        let words = self.operator.test.words();
        format!("{} {words} {}", self.key, values.join(" or "))
    }
}

impl Operand {
    /// Reads a value as the test compares it; nothing where it is of another type.
    pub(super) fn parse(test: Test, written: &str) -> Option<Self> {
        let kind = match test {
            Test::Null => Kind::Bool,
            Test::Compare { kind, .. } => kind,
        };
        match kind {
            Kind::Text | Kind::TextAnyCase => Some(Self::Text(written.to_owned())),
            Kind::Pattern => Some(Self::Pattern(Pattern::new(written))),
            Kind::Bool => boolean(written).map(Self::Bool),
            Kind::Number(_) => number(written).map(Self::Number),
            Kind::Date(_) => date(written).map(Self::Date),
        }
    }

    /// Whether a value of the request passes; one of another type never does.
    fn fits(&self, kind: Kind, given: &str) -> bool {
        match (self, kind) {
            (Self::Text(text), Kind::TextAnyCase) => text.to_lowercase() == given.to_lowercase(),
            (Self::Text(text), _) => text == given,
            (Self::Pattern(pattern), _) => pattern.matches(given),
            (Self::Bool(value), _) => boolean(given) == Some(*value),
            (Self::Number(value), Kind::Number(order)) => {
                number(given).is_some_and(|given| order.holds(&given, value))
            }
            (Self::Date(value), Kind::Date(order)) => {
                date(given).is_some_and(|given| order.holds(&given, value))
            }
            (Self::Number(_) | Self::Date(_), _) => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Pattern(pattern) => pattern.as_str().to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Date(value) => calendar::iso8601(*value),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Digits with a sign and a point, no more than a double keeps apart; Rust would take `inf` and `1e5` as well.
fn number(text: &str) -> Option<f64> {
    const MOST_DIGITS: usize = 15;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    text.parse().ok().filter(|_| plain && digits <= MOST_DIGITS)
}

/// ISO 8601 in UTC, or seconds since 1970.
fn date(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| calendar::parse_iso8601(text))
}
