//! The agent's flags as a value: the webhook renders it, the agent parses it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Audience, GoogleIdentity, duration};

/// The names of the agent's flags, without the dashes.
pub mod flag {
    /// Keep the token fresh until told to end; `false` ends after one token.
    pub const REFRESH: &str = "refresh";
    /// The token file; standard output when absent.
    pub const FILE: &str = "file";
    /// The audience to ask for.
    pub const AUDIENCE: &str = "audience";
    /// Where the token comes from.
    pub const SOURCE: &str = "source";
    /// The only Google service account whose tokens may be published.
    pub const EXPECT_IDENTITY: &str = "expect-identity";
    /// How long a one-shot may take.
    pub const TIMEOUT: &str = "timeout";
}

/// How long a one-shot may take unless told otherwise: a person waits at a shell.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// What the agent was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFlags {
    /// Whether it ends after one token.
    pub mode: Mode,
    /// The token file, never an empty path; `None` is standard output.
    pub file: Option<String>,
    /// The audience to ask for.
    pub audience: Audience,
    /// Where the token comes from.
    pub source: Source,
    /// The only identity whose tokens may be published, where one is known.
    pub expect_identity: Option<GoogleIdentity>,
    /// How long a one-shot may take; `None` is as long as it takes.
    pub timeout: Option<Duration>,
}

/// Whether the agent ends after one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One token, then the end.
    OneShot,
    /// A fresh token until told to end.
    #[default]
    Refresh,
}

/// Where the agent gets an ID token from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The metadata server of GKE or Compute Engine.
    #[default]
    Metadata,
}

/// The text names no [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sources are: metadata")]
pub struct UnknownSource;

impl Default for AgentFlags {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            file: None,
            audience: Audience::default(),
            source: Source::default(),
            expect_identity: None,
            timeout: Some(DEFAULT_TIMEOUT),
        }
    }
}

impl AgentFlags {
    /// Renders arguments that the agent parses back to this very value (ARCHITECTURE, invariant 3).
    ///
    /// Mode, audience and source are always named, so that a pod tells on its own what its agent does.
    pub fn to_args(&self) -> Vec<String> {
        let mut args = vec![format!(
            "--{}={}",
            flag::REFRESH,
            self.mode == Mode::Refresh
        )];
        let mut push =
            |name: &str, value: &dyn fmt::Display| args.push(format!("--{name}={value}"));
        if let Some(file) = &self.file {
            push(flag::FILE, file);
        }
        push(flag::AUDIENCE, &self.audience);
        push(flag::SOURCE, &self.source);
        if let Some(identity) = &self.expect_identity {
            push(flag::EXPECT_IDENTITY, identity);
        }
        if self.timeout != Some(DEFAULT_TIMEOUT) {
            push(
                flag::TIMEOUT,
                &duration::format(self.timeout.unwrap_or_default()),
            );
        }
        args
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata",
        })
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        match text {
            "metadata" => Ok(Self::Metadata),
            _ => Err(UnknownSource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_differs_from_the_defaults() {
        let flags = AgentFlags {
            mode: Mode::OneShot,
            file: Some("/var/run/secrets/aws/token/gtoken".to_owned()),
            expect_identity: Some("reader@project.iam.gserviceaccount.com".parse().unwrap()),
            timeout: None,
            ..AgentFlags::default()
        };
        assert_eq!(
            flags.to_args(),
            [
                "--refresh=false",
                "--file=/var/run/secrets/aws/token/gtoken",
                "--audience=gtoken/sts/assume-role-with-web-identity",
                "--source=metadata",
                "--expect-identity=reader@project.iam.gserviceaccount.com",
                "--timeout=0",
            ]
        );
    }
}
