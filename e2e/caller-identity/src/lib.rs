//! Prints who AWS says we are, as `aws sts get-caller-identity` does; with `--every` and `--for` it asks again and
//! again with one client and prints how often that failed.
//!
//! It knows nothing of gtoken: a pod's environment alone has to be enough, as for any program with the AWS SDK.
//! Two variables are for whoever runs it against an STS of their own: `AWS_ENDPOINT_URL_STS`, which the SDK reads
//! both for the exchange of the token and for the question itself, and `SSL_CERT_FILE`, the CA that signed for it.

mod arguments;
mod credentials;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use arguments::Arguments;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::{Client, config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use credentials::Seen;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The three fields in the order and spelling of the AWS command line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: Option<String>,
    account: Option<String>,
    arn: Option<String>,
}

/// How it went, when it was asked for long.
#[derive(Default, Serialize)]
struct Summary {
    calls: u64,
    failures: u64,
    credentials: usize,
}

/// Asks and prints; 1 when AWS does not say who we are, be it once only, and 2 when it was called in a wrong way.
pub async fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let answered = match arguments::parse(arguments) {
        Ok(Arguments::Once) => once().await,
        Ok(Arguments::Steadily { every, length }) => steadily(every, length).await,
        Err(error) => {
            eprintln!("{error}; {}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match answered {
        Ok(code) => code,
        Err(error) => {
            // The alternate form is the whole chain: the SDK's own words, then the code and message of STS.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn once() -> anyhow::Result<ExitCode> {
    let identity = caller_identity(&Client::new(&from_environment().await)).await?;
    println!("{}", serde_json::to_string_pretty(&identity)?);
    Ok(ExitCode::SUCCESS)
}

async fn steadily(every: Duration, length: Duration) -> anyhow::Result<ExitCode> {
    let seen = Seen::default();
    let config = config::Builder::from(&from_environment().await).interceptor(seen.clone());
    let client = Client::from_conf(config.build());
    let mut summary = Summary::default();
    let mut ticks = interval(every);
    // A slow answer puts off the next question; it is not made up for by two at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + length;
    while ticks.tick().await < end {
        summary.calls += 1;
        if let Err(error) = caller_identity(&client).await {
            summary.failures += 1;
            eprintln!("call {}: {error:#}", summary.calls);
        }
    }
    summary.credentials = seen.count();
    println!("{}", serde_json::to_string(&summary)?);
    Ok(ExitCode::from(u8::from(summary.failures > 0)))
}

/// What every SDK application loads; only the cryptography is chosen, because the SDK's default would bring a second
/// implementation of TLS into this workspace.
async fn from_environment() -> SdkConfig {
    let https = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring));
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https.build_https())
        .load()
        .await
}

/// Asks STS with the credentials that the SDK's default chain finds.
async fn caller_identity(client: &Client) -> anyhow::Result<CallerIdentity> {
    let answer = client
        .get_caller_identity()
        .send()
        .await
        .context("could not get the caller identity")?;
    Ok(CallerIdentity {
        user_id: answer.user_id,
        account: answer.account,
        arn: answer.arn,
    })
}
