//! What flags, a ServiceAccount and a pod may each say, and what of it counts.

use std::fmt;
use std::str::FromStr;

use gtoken_contract::{Audience, Region};

use crate::annotation::Name;
use crate::dialect::{Dialect, Found};
use crate::form::SidecarMode;
use crate::reason::{Warning, cut};
use crate::session::SessionTemplate;

/// What flags, a ServiceAccount or a pod say, each where it says something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whom the tokens are meant for; where nobody says so it goes by the source.
    pub audience: Option<Audience>,
    /// The only containers that get credentials; where nobody says so all of them.
    pub include_containers: Option<ContainerNames>,
    /// Where applications call AWS.
    pub region: Option<Region>,
    /// What the session is called in CloudTrail.
    pub session_name: Option<SessionTemplate>,
    /// How the refresher runs.
    pub sidecar_mode: Option<SidecarMode>,
    /// Containers that get no credentials.
    pub skip_containers: Option<ContainerNames>,
    /// Whether older SDKs ask the STS of their region.
    pub sts_regional_endpoints: Option<bool>,
    /// How long a token of the cluster lives.
    pub token_expiration: Option<TokenExpiration>,
    /// Who signs the tokens.
    pub token_source: Option<TokenSource>,
}

/// Who signs the tokens that AWS is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenSource {
    /// Google, for the Google service account that a ServiceAccount is linked to; the agent gets them.
    #[default]
    Google,
    /// The cluster's own issuer, for the ServiceAccount; kubelet gets them, and there is no agent.
    Cluster,
}

/// The text names no [`TokenSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token sources are: google, cluster")]
pub struct UnknownTokenSource;

/// How long a token of the cluster lives, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenExpiration(u32);

/// The text is no [`TokenExpiration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token lives for 600 to 86400 seconds")]
pub struct InvalidTokenExpiration;

/// Names of containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerNames(Vec<String>);

/// The text is no list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names of containers stand with commas between, none of them empty")]
pub struct InvalidContainerNames;

impl Options {
    /// Reads annotations; a wrong value is told and passed over.
    pub(crate) fn parse(found: &Found<'_>, dialect: &Dialect, warnings: &mut Vec<Warning>) -> Self {
        let mut read = Reader {
            found,
            dialect,
            warnings,
        };
        Self {
            audience: read.option(Name::Audience, "is not 1 to 255 characters"),
            include_containers: read.option(Name::IncludeContainers, LIST),
            region: read.option(Name::Region, "is no AWS region"),
            session_name: read.option(Name::SessionName, "is no template of a session name"),
            sidecar_mode: read.option(Name::SidecarMode, "is none of auto, classic, native"),
            skip_containers: read.option(Name::SkipContainers, LIST),
            sts_regional_endpoints: read.option(Name::StsRegionalEndpoints, "is not true or false"),
            token_expiration: read.option(Name::TokenExpiration, "is not 600 to 86400"),
            token_source: read.option(Name::TokenSource, "is neither google nor cluster"),
        }
    }
}

const LIST: &str = "is no list of names";

struct Reader<'a> {
    found: &'a Found<'a>,
    dialect: &'a Dialect,
    warnings: &'a mut Vec<Warning>,
}

impl Reader<'_> {
    fn option<T: FromStr>(&mut self, name: Name, problem: &'static str) -> Option<T> {
        let value = self.found.value(name)?;
        let parsed = value.text.parse().ok();
        if parsed.is_none() {
            self.warnings.push(Warning::InvalidOption {
                annotation: self.dialect.full(value.rank, name),
                value: cut(value.text),
                problem,
            });
        }
        parsed
    }
}

/// What somebody said, those whose word counts most first: the pod, its ServiceAccount, the operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layers<'a>(pub(crate) [&'a Options; 3]);

impl<'a> Layers<'a> {
    /// The word that counts.
    pub(crate) fn first<T>(&self, option: impl Fn(&'a Options) -> Option<T>) -> Option<T> {
        self.0.into_iter().find_map(option)
    }

    /// Who signs the tokens.
    pub(crate) fn source(&self) -> TokenSource {
        self.first(|options| options.token_source)
            .unwrap_or_default()
    }

    /// Whom the tokens are meant for.
    pub(crate) fn audience(&self) -> Audience {
        let said = self.first(|options| options.audience.clone());
        said.unwrap_or_else(|| match self.source() {
            TokenSource::Cluster => Audience::of_cluster(),
            TokenSource::Google => Audience::default(),
        })
    }

    /// How long a token of the cluster lives.
    pub(crate) fn expiration(&self) -> TokenExpiration {
        self.first(|options| options.token_expiration)
            .unwrap_or_default()
    }

    /// Whether a container of this name gets credentials.
    pub(crate) fn takes(&self, container: &str) -> bool {
        let names = |names: &ContainerNames| names.0.iter().any(|name| name == container);
        let skipped = self.first(|options| options.skip_containers.as_ref());
        let included = self.first(|options| options.include_containers.as_ref());
        included.is_none_or(names) && !skipped.is_some_and(names)
    }
}

impl TokenExpiration {
    /// The seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for TokenExpiration {
    /// Kubernetes' own default.
    fn default() -> Self {
        Self(3600)
    }
}

impl fmt::Display for TokenExpiration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TokenExpiration {
    type Err = InvalidTokenExpiration;

    /// Kubernetes refuses less than 600; no session at AWS is served by a token older than a day.
    fn from_str(text: &str) -> Result<Self, InvalidTokenExpiration> {
        let seconds = text.parse().map_err(|_| InvalidTokenExpiration)?;
        if (600..=86400).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(InvalidTokenExpiration)
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Google => "google",
            Self::Cluster => "cluster",
        })
    }
}

impl FromStr for TokenSource {
    type Err = UnknownTokenSource;

    fn from_str(text: &str) -> Result<Self, UnknownTokenSource> {
        match text {
            "google" => Ok(Self::Google),
            "cluster" => Ok(Self::Cluster),
            _ => Err(UnknownTokenSource),
        }
    }
}

impl FromStr for ContainerNames {
    type Err = InvalidContainerNames;

    fn from_str(text: &str) -> Result<Self, InvalidContainerNames> {
        let is_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = |name: &str| (1..=63).contains(&name.len()) && name.bytes().all(is_byte);
        let names = text.split(',').map(str::trim);
        if names.clone().all(is_name) {
            Ok(Self(names.map(str::to_owned).collect()))
        } else {
            Err(InvalidContainerNames)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused() {
        for text in [
            "",
            "599",
            "86401",
            "-1",
            "3600s",
            "1e4",
            "99999999999999999999",
        ] {
            assert_eq!(
                text.parse::<TokenExpiration>(),
                Err(InvalidTokenExpiration),
                "{text}"
            );
        }
        for text in ["", ",", "a,", "a,,b", "A", "a b", "a/b"] {
            assert_eq!(
                text.parse::<ContainerNames>(),
                Err(InvalidContainerNames),
                "{text}"
            );
        }
        for source in [TokenSource::Google, TokenSource::Cluster] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        assert_eq!("Google".parse::<TokenSource>(), Err(UnknownTokenSource));
    }

    #[test]
    fn included_are_all_or_those_named_and_of_them_not_the_skipped() {
        let options = |include: Option<&str>, skip: Option<&str>| Options {
            include_containers: include.map(|names| names.parse().unwrap()),
            skip_containers: skip.map(|names| names.parse().unwrap()),
            ..Options::default()
        };
        let none = Options::default();
        for (include, skip, app, mesh) in [
            (None, None, true, true),
            (None, Some("mesh"), true, false),
            (Some("app, other"), None, true, false),
            (Some("app,mesh"), Some("mesh"), true, false),
        ] {
            let options = options(include, skip);
            let layers = Layers([&none, &options, &none]);
            assert_eq!((layers.takes("app"), layers.takes("mesh")), (app, mesh));
        }
    }
}
