//! How annotations are read: under which prefixes, by which names, and what looks like a slip of the pen.

use std::fmt;
use std::str::FromStr;

use gtoken_contract::AwsAccount;

use crate::annotation::{EKS_PREFIX, GOOGLE_SERVICE_ACCOUNT, Name, PREFIX};
use crate::reason::{Warning, clean};

/// How the annotations of a cluster are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The prefixes, the one that counts most first.
    pub prefixes: Prefixes,
    /// The account whose roles may be named without an ARN.
    pub account: Option<AwsAccount>,
}

/// Prefixes of annotations, the one that counts most first; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefixes(Vec<String>);

/// The text names no [`Prefixes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prefixes are DNS names with commas between, none of them twice")]
pub struct InvalidPrefixes;

/// What was found under our names, each the value of the first prefix that has it.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    values: [Option<Value<'a>>; Name::ALL.len()],
    /// The Google service account that GKE links, which is no annotation of ours.
    pub(crate) google_service_account: Option<&'a str>,
    /// Names that nobody reads but for a slip of the pen.
    pub(crate) misspelt: Vec<Warning>,
}

/// The value of an annotation, with the place of its prefix in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) rank: usize,
    pub(crate) text: &'a str,
}

/// The most misspelt names that are told: past 4096 characters of warnings the API server drops some.
const MOST_MISSPELT: usize = 4;

/// The most letters that a misspelt name may differ by.
const SLIP: usize = 2;

impl Dialect {
    /// Looks through all annotations once.
    pub(crate) fn find<'a>(
        &self,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Found<'a> {
        let mut found = Found::default();
        for (full, text) in annotations {
            if full == GOOGLE_SERVICE_ACCOUNT {
                found.google_service_account = Some(text);
            } else if let Some((rank, name)) = self.known(full) {
                let place = &mut found.values[name as usize];
                if place.is_none_or(|other| rank < other.rank) {
                    *place = Some(Value { rank, text });
                }
            } else if found.misspelt.len() < MOST_MISSPELT
                && let Some(meant) = self.meant(full)
            {
                let given = clean(full);
                found.misspelt.push(Warning::Misspelt { given, meant });
            }
        }
        found
    }

    /// The whole name of an annotation under the prefix of that rank.
    pub(crate) fn full(&self, rank: usize, name: Name) -> String {
        format!("{}/{}", self.prefixes.0[rank], name.as_str())
    }

    fn known(&self, full: &str) -> Option<(usize, Name)> {
        let (prefix, suffix) = full.split_once('/')?;
        let rank = self.prefixes.0.iter().position(|known| known == prefix)?;
        let name = Name::ALL.into_iter().find(|name| name.as_str() == suffix)?;
        Some((rank, name))
    }

    /// The name that somebody may have meant who wrote another.
    fn meant(&self, full: &str) -> Option<String> {
        let is_near = |known: &str| {
            full.len().abs_diff(known.len()) <= SLIP
                && differs_by_at_most(full.as_bytes(), known.as_bytes(), SLIP)
        };
        if is_near(GOOGLE_SERVICE_ACCOUNT) {
            return Some(GOOGLE_SERVICE_ACCOUNT.to_owned());
        }
        // Nearly all annotations are under other prefixes altogether.
        let (prefix, _) = full.split_once('/')?;
        let near = |known: &&String| differs_by_at_most(prefix.as_bytes(), known.as_bytes(), SLIP);
        let mut names = self
            .prefixes
            .0
            .iter()
            .filter(near)
            .flat_map(|prefix| Name::ALL.map(|name| format!("{prefix}/{}", name.as_str())));
        names.find(|known| is_near(known))
    }
}

impl<'a> Found<'a> {
    /// The value under a name.
    pub(crate) fn value(&self, name: Name) -> Option<Value<'a>> {
        self.values[name as usize]
    }
}

/// Whether so many letters put in, left out or changed make one text of the other.
fn differs_by_at_most(a: &[u8], b: &[u8], edits: usize) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len()) <= edits;
    }
    edits > 0
        && a.len().abs_diff(b.len()) <= edits
        && [(1, 1), (1, 0), (0, 1)]
            .into_iter()
            .any(|(i, j)| differs_by_at_most(&a[i..], &b[j..], edits - 1))
}

impl Default for Prefixes {
    fn default() -> Self {
        Self([PREFIX, EKS_PREFIX].map(str::to_owned).to_vec())
    }
}

impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for Prefixes {
    type Err = InvalidPrefixes;

    fn from_str(text: &str) -> Result<Self, InvalidPrefixes> {
        let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let is_label = |label: &str| {
            label.bytes().all(|b| is_edge(b) || b == b'-')
                && label.bytes().next().is_some_and(is_edge)
                && label.bytes().last().is_some_and(is_edge)
        };
        let prefixes: Vec<_> = text.split(',').map(|part| part.trim().to_owned()).collect();
        let is_name = |name: &String| name.len() <= 253 && name.split('.').all(is_label);
        let is_first = |(at, name): (usize, &String)| !prefixes[..at].contains(name);
        if prefixes.iter().all(is_name) && prefixes.iter().enumerate().all(is_first) {
            Ok(Self(prefixes))
        } else {
            Err(InvalidPrefixes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_names_each_once() {
        let default = Prefixes::default();
        assert_eq!(default.to_string().parse(), Ok(default));
        for text in ["", "a,", "a,a", "a/b", "A.b", "-a", "a..b", "a b"] {
            assert_eq!(text.parse::<Prefixes>(), Err(InvalidPrefixes), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_seen_and_nothing_else() {
        let dialect = Dialect::default();
        for (given, meant) in [
            ("amazonaws.com/rolearn", Some("amazonaws.com/role-arn")),
            ("amazonaws.com/role_arn", Some("amazonaws.com/role-arn")),
            ("amazonaws.com/roel-arn", Some("amazonaws.com/role-arn")),
            ("amazonaw.com/regions", Some("amazonaws.com/region")),
            (
                "eks.amazonaws.com/audiense",
                Some("eks.amazonaws.com/audience"),
            ),
            (
                "iam.gke.io/gcp-serviceaccount",
                Some(GOOGLE_SERVICE_ACCOUNT),
            ),
            ("amazonaws.com/role", None),
            ("amazonaws.com/owner", None),
            ("example.com/role-arn", None),
            ("role-arn", None),
            ("", None),
        ] {
            assert_eq!(dialect.meant(given).as_deref(), meant, "{given}");
        }
    }

    #[test]
    fn of_many_slips_a_few_are_told() {
        let names: Vec<_> = ('a'..='z')
            .map(|letter| format!("amazonaws.com/region{letter}"))
            .collect();
        let found = Dialect::default().find(names.iter().map(|name| (&**name, "x")));
        assert_eq!(found.misspelt.len(), MOST_MISSPELT);
    }

    #[test]
    fn the_first_prefix_that_has_a_name_counts() {
        let dialect = Dialect::default();
        let ours = ("amazonaws.com/region", "eu-west-1");
        let theirs = ("eks.amazonaws.com/region", "us-east-1");
        for annotations in [[ours, theirs], [theirs, ours]] {
            let found = dialect.find(annotations).value(Name::Region).unwrap();
            assert_eq!((found.rank, found.text), (0, "eu-west-1"));
        }
        let found = dialect.find([theirs]).value(Name::Region).unwrap();
        assert_eq!((found.rank, found.text), (1, "us-east-1"));
    }
}
