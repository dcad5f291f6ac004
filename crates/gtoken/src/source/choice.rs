//! Which source it is: the one that was asked for, or what Application Default Credentials find.

use std::time::{Duration, SystemTime};

use gtoken_contract::Source as Asked;

use super::{Apart, GoogleApis, MetadataServer, Source, SourceError, apart};
use crate::config::GoogleSettings;
use crate::token::{Expectation, IdToken};

/// A source of any kind.
#[derive(Debug)]
pub enum AnySource {
    /// Google's APIs, by credentials that lie in a file or come from the metadata server.
    Google(Box<Apart>),
    /// The metadata server, by itself.
    Metadata(MetadataServer),
}

impl AnySource {
    /// Takes what was asked for; for `auto`, looks what there is.
    pub fn choose(settings: GoogleSettings, metadata: MetadataServer) -> Self {
        let is_auto = settings.source == Asked::Auto && settings.service_account.is_none();
        if settings.source == Asked::Metadata {
            return Self::Metadata(metadata);
        }
        let apis = GoogleApis::new(settings, metadata.clone());
        if is_auto && !apis.has_file() {
            return Self::Metadata(metadata);
        }
        Self::Google(Box::new(Apart::new(apis, apart::THIS_PROGRAM)))
    }

    /// The source in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Metadata(server) => {
                format!("{}, for there is no credentials file", server.name())
            }
            Self::Google(apart) => apart.apis.describe(),
        }
    }
}

impl Source for AnySource {
    fn patience(&self) -> Duration {
        match self {
            Self::Google(apart) => apart.patience(),
            Self::Metadata(server) => server.patience(),
        }
    }

    fn id_token(
        &self,
        expectation: &Expectation,
        now: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError> {
        match self {
            Self::Google(apart) => apart.id_token(expectation, now, within),
            Self::Metadata(server) => server.id_token(expectation, now, within),
        }
    }
}

#[cfg(test)]
mod tests {
    use gtoken_contract::AgentFlags;

    use super::*;
    use crate::config::Config;
    use crate::credentials::NAMED_BY;

    fn described(args: AgentFlags, file: Option<&str>) -> String {
        let variable = |name: &str| file.filter(|_| name == NAMED_BY).map(Into::into);
        let config = Config::new(args, variable).unwrap();
        let metadata = MetadataServer::new(config.metadata_host);
        AnySource::choose(config.google, metadata).describe()
    }

    #[test]
    fn auto_takes_a_file_where_one_is_named_and_else_the_metadata_server() {
        let auto = AgentFlags::default;
        assert_eq!(
            described(auto(), None),
            "the metadata server at 169.254.169.254, for there is no credentials file"
        );
        let file = described(auto(), Some("/nowhere/key.json"));
        assert_eq!(
            file,
            "the credentials file `/nowhere/key.json`, which comes from GOOGLE_APPLICATION_CREDENTIALS"
        );
    }

    #[test]
    fn an_account_is_asked_for_by_iam_credentials_with_what_there_is() {
        let flags = AgentFlags {
            service_account: Some("a@b.iam.gserviceaccount.com".parse().unwrap()),
            ..AgentFlags::default()
        };
        let words = "IAM Credentials, for a@b.iam.gserviceaccount.com, by the metadata server at 169.254.169.254";
        assert_eq!(described(flags.clone(), None), words);
        let by_file = described(flags, Some("/key.json"));
        assert!(
            by_file.contains("by the credentials file `/key.json`"),
            "{by_file}"
        );
    }

    #[test]
    fn metadata_looks_for_no_file() {
        let flags = AgentFlags {
            source: Asked::Metadata,
            ..AgentFlags::default()
        };
        let described = described(flags, Some("/key.json"));
        assert!(described.starts_with("the metadata server"), "{described}");
    }
}
