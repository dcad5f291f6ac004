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
    /// The Google service account whose tokens are asked for by IAM Credentials.
    pub const SERVICE_ACCOUNT: &str = "service-account";
    /// The only Google service account whose tokens may be published.
    pub const EXPECT_IDENTITY: &str = "expect-identity";
    /// How long a one-shot may take.
    pub const TIMEOUT: &str = "timeout";

    /// All of them.
    pub const ALL: [&str; 7] = [
        REFRESH,
        FILE,
        AUDIENCE,
        SOURCE,
        SERVICE_ACCOUNT,
        EXPECT_IDENTITY,
        TIMEOUT,
    ];
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
    /// The Google service account to get tokens of by IAM Credentials; `None` is that of the source itself.
    pub service_account: Option<GoogleIdentity>,
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
    /// What Application Default Credentials find: a file of credentials, else the metadata server.
    #[default]
    Auto,
    /// The metadata server of GKE or Compute Engine.
    Metadata,
    /// IAM Credentials, asked by whatever Application Default Credentials find.
    IamCredentials,
    /// The key of a Google service account, in a file.
    ServiceAccountKey,
    /// Other credentials that impersonate a Google service account, in a file.
    Impersonation,
    /// A workload identity outside of Google that impersonates a Google service account, in a file.
    ExternalAccount,
}

impl Source {
    /// All of them, as the reference lists them.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Metadata,
        Self::IamCredentials,
        Self::ServiceAccountKey,
        Self::Impersonation,
        Self::ExternalAccount,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Metadata => "metadata",
            Self::IamCredentials => "iam-credentials",
            Self::ServiceAccountKey => "service-account-key",
            Self::Impersonation => "impersonation",
            Self::ExternalAccount => "external-account",
        }
    }
}

/// The text names no [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the sources are auto, metadata, iam-credentials, service-account-key, impersonation and external-account"
)]
pub struct UnknownSource;

impl Default for AgentFlags {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            file: None,
            audience: Audience::default(),
            source: Source::default(),
            service_account: None,
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
        let mut args = Vec::with_capacity(flag::ALL.len());
        self.each(|name, value| args.push(["--", name, "=", value].concat()));
        args
    }

    /// Gives each flag that [`to_args`](Self::to_args) renders, by its name and value.
    pub fn each(&self, mut push: impl FnMut(&'static str, &str)) {
        let refreshes = self.mode == Mode::Refresh;
        push(flag::REFRESH, if refreshes { "true" } else { "false" });
        if let Some(file) = &self.file {
            push(flag::FILE, file);
        }
        push(flag::AUDIENCE, self.audience.as_str());
        push(flag::SOURCE, self.source.as_str());
        if let Some(account) = &self.service_account {
            push(flag::SERVICE_ACCOUNT, account.as_str());
        }
        if let Some(identity) = &self.expect_identity {
            push(flag::EXPECT_IDENTITY, identity.as_str());
        }
        if self.timeout != Some(DEFAULT_TIMEOUT) {
            let timeout = duration::format(self.timeout.unwrap_or_default());
            push(flag::TIMEOUT, &timeout);
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let named = |source: &Self| source.as_str() == text;
        Self::ALL.into_iter().find(named).ok_or(UnknownSource)
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
            source: Source::IamCredentials,
            service_account: Some("writer@project.iam.gserviceaccount.com".parse().unwrap()),
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
                "--source=iam-credentials",
                "--service-account=writer@project.iam.gserviceaccount.com",
                "--expect-identity=reader@project.iam.gserviceaccount.com",
                "--timeout=0",
            ]
        );
    }

    #[test]
    fn every_source_has_a_name_and_the_refusal_of_others_lists_them() {
        for source in Source::ALL {
            assert_eq!(source.to_string().parse(), Ok(source));
            assert!(UnknownSource.to_string().contains(source.as_str()));
        }
        assert_eq!("Metadata".parse::<Source>(), Err(UnknownSource));
    }
}
