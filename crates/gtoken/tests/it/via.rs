//! The two ways to a token: the metadata server's, and Google's APIs over HTTPS.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use gtoken_sandbox::google::{IamRole, Scenario, SeenRequest};

use crate::agent::gtoken;
use crate::cloud::Cloud;
use crate::witness::Published;

/// The file of the key that the agent shows to Google's APIs.
const KEY: &str = "key.json";

/// The audience of the one-shots, which tells their requests from the agent's.
const ONE_SHOT: &str = "one-shot";

/// Where the token comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Via {
    /// The metadata server.
    Metadata,
    /// Google's APIs: the agent shows them a key, and the one-shots are impersonated.
    Https,
}

impl Via {
    /// What the agents need before they start.
    pub(crate) fn prepare(self, cloud: &Cloud) {
        if self == Self::Https {
            let key = cloud.sandbox.service_account_key(&cloud.reader);
            cloud.write(KEY, &key.to_string());
            cloud.grant(&cloud.reader, IamRole::OpenIdTokenCreator);
        }
    }

    pub(crate) fn play(self, cloud: &Cloud, scenario: Scenario) {
        let google = cloud.sandbox.google();
        match self {
            Self::Metadata => google.play(scenario),
            Self::Https => google.play_apis(scenario),
        }
    }

    /// The command of the agent that keeps a token fresh.
    pub(crate) fn refresher(self, cloud: &Cloud, file: &str) -> Command {
        match self {
            Self::Metadata => self.command(cloud, &[file]),
            Self::Https => {
                let mut command = self.command(cloud, &[file, "--source=service-account-key"]);
                command.env("GOOGLE_APPLICATION_CREDENTIALS", cloud.path(KEY));
                command
            }
        }
    }

    /// The server that gives the token.
    pub(crate) fn server(self, cloud: &Cloud) -> SocketAddr {
        match self {
            Self::Metadata => cloud.sandbox.metadata_address(),
            Self::Https => {
                let url = cloud.sandbox.google_url();
                url.trim_start_matches("https://").parse().unwrap()
            }
        }
    }

    /// The command of an agent that looks for that server at another address.
    pub(crate) fn by(self, cloud: &Cloud, server: SocketAddr, args: &[&str]) -> Command {
        if self == Self::Metadata {
            return gtoken(server, args);
        }
        let account = format!("--service-account={}", cloud.reader);
        let mut command = self.command(cloud, &["--source=iam-credentials", &account]);
        cloud.lead_by(&format!("https://{server}"), command.args(args));
        command
    }

    /// The command of an agent that asks once.
    pub(crate) fn one_shot(self, cloud: &Cloud) -> Command {
        let audience = format!("--audience={ONE_SHOT}");
        let account = format!("--service-account={}", cloud.reader);
        let mut args = vec!["--refresh=false", &audience];
        if self == Self::Https {
            args.extend(["--source=iam-credentials", &account]);
        }
        self.command(cloud, &args)
    }

    /// An agent's command, which expects the identity that the sandbox has.
    fn command(self, cloud: &Cloud, args: &[&str]) -> Command {
        let mut command = gtoken(cloud.sandbox.metadata_address(), args);
        command.arg(format!("--expect-identity={}", cloud.reader));
        if self == Self::Https {
            cloud.lead(&mut command);
        }
        command
    }

    /// What the server has seen of the refresher.
    pub(crate) fn requests(self, cloud: &Cloud) -> Vec<SeenRequest> {
        let google = cloud.sandbox.google();
        let (mut requests, of_one_shots) = match self {
            Self::Metadata => (google.requests(), ONE_SHOT),
            Self::Https => (google.api_requests(), ":generateIdToken"),
        };
        requests.retain(|request| !request.path.ends_with(of_one_shots));
        requests
    }
}

/// Until when the server asked to be left alone, as far as it is listened to: up to half of what is left of the token held.
pub(crate) fn excused_until(asked: &SeenRequest, held: &[Published]) -> SystemTime {
    let Scenario::Status {
        retry_after: Some(seconds),
        ..
    } = asked.scenario
    else {
        return asked.at;
    };
    let held = held.iter().rfind(|token| token.at <= asked.at);
    let left = held.map(|held| held.expires_at.duration_since(asked.at).unwrap_or_default());
    asked.at + Duration::from_secs(seconds).min(left.unwrap_or_default() / 2)
}

/// At most thirty a minute, and none while the server asked for none.
#[track_caller]
pub(crate) fn check_attempts(attempts: &[SeenRequest], tokens: &[Published]) {
    for (i, attempt) in attempts.iter().enumerate() {
        let minute = attempt.at + Duration::from_mins(1);
        let within = attempts[i..].iter().take_while(|other| other.at < minute);
        assert!(within.count() <= 30, "more than 30 attempts a minute");
    }
    for pair in attempts.windows(2) {
        let until = excused_until(&pair[0], tokens);
        // The agent counts from the answer, which is later than the request.
        let early = until.duration_since(pair[1].at).unwrap_or_default();
        assert!(
            early.is_zero(),
            "asked {early:?} before Retry-After was over"
        );
    }
}
