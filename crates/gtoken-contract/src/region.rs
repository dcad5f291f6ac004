//! Where applications call AWS.

use std::fmt;
use std::str::FromStr;

/// The name of an AWS region, as in `eu-central-1`.
///
/// Regions come and go, so only the form is looked at: SDKs put the name into a host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

/// The text is no [`Region`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region is named as in eu-central-1")]
pub struct InvalidRegion;

impl Region {
    /// The longest label of a host's name.
    const MAX: usize = 63;

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let mut parts = text.split('-').rev();
        let ends_in_a_number = parts
            .next()
            .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
        let mut words = 0;
        let has_words = parts.all(|part| {
            words += 1;
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase())
        });
        if text.len() <= Self::MAX && ends_in_a_number && has_words && words >= 2 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRegion)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_regions_and_nothing_else() {
        for region in [
            "eu-central-1",
            "us-gov-west-1",
            "us-isob-east-1",
            "eusc-de-east-1",
        ] {
            assert_eq!(region.parse::<Region>().unwrap().as_str(), region);
        }
        let long = format!("{}-a-1", "a".repeat(60));
        for text in [
            "",
            "1",
            "us-1",
            "eu-central",
            "eu-central-1a",
            "EU-central-1",
            "eu--1",
            "a.b-c-1",
            &long,
        ] {
            assert_eq!(text.parse::<Region>(), Err(InvalidRegion), "{text}");
        }
    }
}
