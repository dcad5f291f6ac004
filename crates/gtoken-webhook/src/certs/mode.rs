//! Where the certificate that is served comes from, as the flags have it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::OldestTls;
use super::api::Places;
use super::authority::{DnsNames, NoDnsNames};
use super::files::Files;
use super::plan::Policy;
use crate::address::ListenAddress;
use crate::cli;

/// The Service that the chart makes.
const SERVICE: &str = "gtoken-webhook-svc";
/// The Secret that the chart ships.
const SECRET: &str = "gtoken-webhook-certs";
/// The webhook configuration that the chart makes.
const CONFIGURATION: &str = "gtoken-webhook";
/// Its entries, whose names never change: others select them by their names.
const ENTRIES: [&str; 3] = [
    "required.pods.gtoken",
    "optional.pods.gtoken",
    "warn.serviceaccounts.gtoken",
];

/// How long the first authority lives unless told otherwise.
const AUTHORITY_LIFE: Duration = Duration::from_hours(365 * 24);
/// How long a leaf lives unless told otherwise.
const LEAF_LIFE: Duration = Duration::from_hours(7 * 24);
/// How long a new `caBundle` is waited for unless told otherwise.
const PROPAGATION: Duration = Duration::from_mins(1);
/// The longest life of an authority: what is older than a person's memory is renewed by nobody.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 365 * 24);
/// The shortest wait for a new `caBundle`: API servers watch, and need some time.
const SHORTEST_PROPAGATION: Duration = Duration::from_secs(1);

/// How TLS is served.
#[derive(Args, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Where the certificate comes from: files that somebody else keeps, self (the webhook makes and renews it, and
    /// keeps caBundle), or off (plain HTTP).
    #[arg(long, default_value_t, value_name = "MODE")]
    tls_mode: TlsMode,
    /// With files: the certificate to serve, in PEM, with those between it and its authority.
    #[arg(long, value_name = "FILE")]
    tls_cert_file: Option<PathBuf>,
    /// With files: the certificate's private key, in PEM.
    #[arg(long, value_name = "FILE")]
    tls_private_key_file: Option<PathBuf>,
    /// The oldest version of TLS that clients may speak: 1.2 or 1.3.
    #[arg(long, default_value = "1.2", value_name = "VERSION")]
    pub tls_min_version: OldestTls,
    /// With self: the names that API servers call the webhook by, with commas between [default: those of the Service
    /// gtoken-webhook-svc in the webhook's namespace].
    #[arg(long, value_name = "NAMES")]
    tls_dns_names: Option<DnsNames>,
    /// With self: the Secret in the webhook's namespace that all replicas share [default: gtoken-webhook-certs].
    #[arg(long, value_parser = cli::object_name, value_name = "NAME")]
    tls_secret_name: Option<String>,
    /// With self: the webhook configuration whose caBundle is kept [default: gtoken-webhook].
    #[arg(long, value_parser = cli::object_name, value_name = "NAME")]
    webhook_configuration: Option<String>,
    /// With self: its entries to keep, with commas between, each of which must be there [default: those of the chart that are].
    #[arg(long, value_parser = cli::object_name, value_delimiter = ',', value_name = "NAMES")]
    webhook_entries: Vec<String>,
    /// With self: how long an authority lives [default: 8760h].
    #[arg(long, value_parser = cli::duration, value_name = "DURATION")]
    ca_validity: Option<Duration>,
    /// With self: how long a certificate lives that is served [default: 168h].
    #[arg(long, value_parser = cli::duration, value_name = "DURATION")]
    leaf_validity: Option<Duration>,
    /// With self: how long it takes until every API server has seen a new caBundle [default: 1m].
    #[arg(long, value_parser = cli::duration, value_name = "DURATION")]
    ca_propagation: Option<Duration>,
    /// With off: listen beyond the loopback interface, although whoever is on the way can change what is injected.
    #[arg(long, action = ArgAction::SetTrue)]
    plain_http_anywhere: bool,
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Files that somebody else keeps.
    #[default]
    Files,
    /// Nowhere: plain HTTP.
    Off,
    /// The webhook itself.
    SelfKept,
}

impl FromStr for TlsMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "files" => Ok(Self::Files),
            "off" => Ok(Self::Off),
            "self" => Ok(Self::SelfKept),
            _ => Err("it is files, off or self"),
        }
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Off => "off",
            Self::SelfKept => "self",
        })
    }
}

/// Where the certificate comes from, with all that is needed for it.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Files that somebody else keeps.
    Files(Files),
    /// Nowhere: plain HTTP.
    Off,
    /// We keep it ourselves.
    SelfKept(SelfKept),
}

/// How we keep certificates ourselves.
#[derive(Clone, Debug)]
pub struct SelfKept {
    names: Option<DnsNames>,
    secret: String,
    configuration: String,
    entries: Vec<String>,
    authority_life: Duration,
    leaf_life: Duration,
    propagation: Duration,
}

impl SelfKept {
    /// Where everything is, for a webhook in this namespace.
    pub fn places(&self, namespace: &str) -> Places {
        let own = ENTRIES.iter().map(|name| (*name).to_owned());
        let named: BTreeSet<_> = self.entries.iter().cloned().collect();
        Places {
            namespace: namespace.to_owned(),
            secret: self.secret.clone(),
            configuration: self.configuration.clone(),
            are_entries_required: !named.is_empty(),
            entries: if named.is_empty() {
                own.collect()
            } else {
                named
            },
        }
    }

    /// What certificates are to be like, for a webhook in this namespace.
    pub fn policy(&self, namespace: &str) -> Result<Policy, NoDnsNames> {
        let of_service = || DnsNames::of_service(SERVICE, namespace);
        Ok(Policy {
            names: self.names.clone().map_or_else(of_service, Ok)?,
            authority_life: self.authority_life,
            leaf_life: self.leaf_life,
            propagation: self.propagation,
        })
    }

    fn check(&self) -> Result<(), WrongTls> {
        let (third, wait) = (self.leaf_life / 3, self.propagation);
        if wait < SHORTEST_PROPAGATION {
            return Err(WrongTls::PropagationTooShort(wait));
        }
        if self.authority_life > LONGEST_LIFE {
            return Err(WrongTls::AuthorityTooLong(self.authority_life));
        }
        if third < wait * 2 {
            let leaf = self.leaf_life;
            return Err(WrongTls::LeafTooShort { leaf, third, wait });
        }
        let (third, needed) = (self.authority_life / 3, self.leaf_life + wait * 2);
        if third < needed {
            let authority = self.authority_life;
            return Err(WrongTls::AuthorityTooShort {
                authority,
                third,
                needed,
            });
        }
        Ok(())
    }
}

impl TlsArgs {
    /// What these flags mean for a webhook that listens there.
    pub fn parse(&self, listen: &ListenAddress) -> Result<Tls, WrongTls> {
        let mode = self.tls_mode;
        let mut strange = self.given().into_iter();
        if let Some((flag, of, _)) = strange.find(|(_, of, given)| *given && *of != mode) {
            return Err(WrongTls::Strange { flag, of, mode });
        }
        match mode {
            TlsMode::Files => self.files().map(Tls::Files),
            TlsMode::Off if self.plain_http_anywhere || listen.is_loopback() => Ok(Tls::Off),
            TlsMode::Off => Err(WrongTls::PlainBeyondLoopback(listen.clone())),
            TlsMode::SelfKept => self.self_kept().map(Tls::SelfKept),
        }
    }

    /// The flags that are for one mode only, and whether each was given.
    fn given(&self) -> [(&'static str, TlsMode, bool); 10] {
        use TlsMode::{Files, Off, SelfKept};
        [
            ("--tls-cert-file", Files, self.tls_cert_file.is_some()),
            (
                "--tls-private-key-file",
                Files,
                self.tls_private_key_file.is_some(),
            ),
            ("--plain-http-anywhere", Off, self.plain_http_anywhere),
            ("--tls-dns-names", SelfKept, self.tls_dns_names.is_some()),
            (
                "--tls-secret-name",
                SelfKept,
                self.tls_secret_name.is_some(),
            ),
            (
                "--webhook-configuration",
                SelfKept,
                self.webhook_configuration.is_some(),
            ),
            (
                "--webhook-entries",
                SelfKept,
                !self.webhook_entries.is_empty(),
            ),
            ("--ca-validity", SelfKept, self.ca_validity.is_some()),
            ("--leaf-validity", SelfKept, self.leaf_validity.is_some()),
            ("--ca-propagation", SelfKept, self.ca_propagation.is_some()),
        ]
    }

    fn files(&self) -> Result<Files, WrongTls> {
        match (&self.tls_cert_file, &self.tls_private_key_file) {
            (Some(certificate), Some(key)) => Ok(Files {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => Err(WrongTls::NoFiles),
        }
    }

    fn self_kept(&self) -> Result<SelfKept, WrongTls> {
        let or = |name: &Option<String>, default: &str| name.clone().unwrap_or(default.to_owned());
        let settings = SelfKept {
            names: self.tls_dns_names.clone(),
            secret: or(&self.tls_secret_name, SECRET),
            configuration: or(&self.webhook_configuration, CONFIGURATION),
            entries: self.webhook_entries.clone(),
            authority_life: self.ca_validity.unwrap_or(AUTHORITY_LIFE),
            leaf_life: self.leaf_validity.unwrap_or(LEAF_LIFE),
            propagation: self.ca_propagation.unwrap_or(PROPAGATION),
        };
        settings.check()?;
        Ok(settings)
    }
}

/// Why the flags about TLS cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongTls {
    /// An authority would outlive whoever watches it.
    #[error("--ca-validity {0:?} is longer than {LONGEST_LIFE:?}")]
    AuthorityTooLong(Duration),
    /// An authority would end before the leaves that it has signed.
    #[error(
        "--ca-validity {authority:?} is too short: an authority is rotated at two thirds of its life, and the last third, {third:?}, must hold --leaf-validity and twice --ca-propagation, {needed:?}"
    )]
    AuthorityTooShort {
        /// Its life.
        authority: Duration,
        /// The last third of it.
        third: Duration,
        /// What has to fit into that.
        needed: Duration,
    },
    /// A leaf would end before it could be renewed.
    #[error(
        "--leaf-validity {leaf:?} is too short: a leaf is renewed at two thirds of its life, and the last third, {third:?}, must hold twice --ca-propagation {wait:?}"
    )]
    LeafTooShort {
        /// Its life.
        leaf: Duration,
        /// The last third of it.
        third: Duration,
        /// What has to fit into that, twice.
        wait: Duration,
    },
    /// There is nothing to serve.
    #[error(
        "--tls-cert-file and --tls-private-key-file are required; or let the webhook keep certificates of its own by --tls-mode=self"
    )]
    NoFiles,
    /// Others could listen in.
    #[error(
        "--tls-mode off serves plain HTTP, and --listen-address {0} is not on the loopback interface; if that is what you want, say so by --plain-http-anywhere"
    )]
    PlainBeyondLoopback(ListenAddress),
    /// Some API server would not know an authority yet.
    #[error("--ca-propagation {0:?} is shorter than {SHORTEST_PROPAGATION:?}")]
    PropagationTooShort(Duration),
    /// A flag would have no effect.
    #[error("{flag} is for --tls-mode={of}, and the mode is {mode}")]
    Strange {
        /// The flag.
        flag: &'static str,
        /// What it is for.
        of: TlsMode,
        /// What is chosen.
        mode: TlsMode,
    },
}
