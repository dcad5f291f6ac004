//! Condition operators by name.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

/// A condition operator as it is written, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    /// `…IfExists`: a missing key passes.
    pub(super) if_exists: bool,
    /// `ForAnyValue:` or `ForAllValues:`.
    pub(super) quantifier: Option<Quantifier>,
}

/// How the several values that a request may carry for one key are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
}

/// What is asked of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// `Null`: whether the key is missing.
    Null,
    /// The others: a comparison of a kind, or its negation.
    Compare { kind: Kind, negated: bool },
}

/// How one value of the request is compared with one of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    TextAnyCase,
    Pattern,
    Bool,
    Number(Order),
    Date(Order),
}

/// Which order between the request's value and the policy's passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Reads an operator; `Null` takes neither quantifier nor `IfExists`, as in IAM.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (if_exists, rest) = match rest.strip_suffix("IfExists") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let test = Test::parse(rest)?;
        if test == Test::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self {
            test,
            if_exists,
            quantifier,
        })
    }
}

impl Test {
    fn parse(name: &str) -> Option<Self> {
        use Kind::{Bool, Date, Number, Pattern, Text, TextAnyCase};
        let (kind, negated) = match name {
            "Null" => return Some(Self::Null),
            "StringEquals" => (Text, false),
            "StringNotEquals" => (Text, true),
            "StringEqualsIgnoreCase" => (TextAnyCase, false),
            "StringNotEqualsIgnoreCase" => (TextAnyCase, true),
            "StringLike" => (Pattern, false),
            "StringNotLike" => (Pattern, true),
            "Bool" => (Bool, false),
            "NumericNotEquals" => (Number(Order::Equal), true),
            "DateNotEquals" => (Date(Order::Equal), true),
            _ => {
                let kind = if let Some(order) = name.strip_prefix("Numeric") {
                    Number(Order::parse(order)?)
                } else {
                    Date(Order::parse(name.strip_prefix("Date")?)?)
                };
                (kind, false)
            }
        };
        Some(Self::Compare { kind, negated })
    }

    /// The words between key and value in a sentence for a person.
    pub(super) fn words(self) -> &'static str {
        let Self::Compare { kind, negated } = self else {
            return "missing =";
        };
        match (kind, negated) {
            (Kind::TextAnyCase, false) => "= (in any case)",
            (Kind::TextAnyCase, true) => "≠ (in any case)",
            (Kind::Pattern, false) => "like",
            (Kind::Pattern, true) => "not like",
            (_, true) => "≠",
            (Kind::Text | Kind::Bool, false) => "=",
            (Kind::Number(order) | Kind::Date(order), false) => order.words(),
        }
    }
}

impl Order {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Equals" => Self::Equal,
            "LessThan" => Self::Less,
            "LessThanEquals" => Self::LessOrEqual,
            "GreaterThan" => Self::Greater,
            "GreaterThanEquals" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Whether `left` stands to `right` in this order.
    pub(super) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::LessOrEqual => "≤",
            Self::Greater => ">",
            Self::GreaterOrEqual => "≥",
        }
    }
}
