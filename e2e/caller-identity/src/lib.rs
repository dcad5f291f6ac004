//! Prints who AWS says we are, as `aws sts get-caller-identity` does.
//!
//! It knows nothing of gtoken: a pod's environment alone has to be enough, as for any program with the AWS SDK.
//! Two variables are for whoever runs it against an STS of their own: `AWS_ENDPOINT_URL_STS`, which the SDK reads
//! both for the exchange of the token and for the question itself, and `SSL_CERT_FILE`, the CA that signed for it.

use std::process::ExitCode;

use anyhow::Context as _;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde::Serialize;

/// The three fields in the order and spelling of the AWS command line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: Option<String>,
    account: Option<String>,
    arn: Option<String>,
}

/// Asks and prints; 1 when AWS does not say who we are.
pub async fn main() -> ExitCode {
    match caller_identity(&from_environment().await).await {
        Ok(identity) => {
            println!("{identity}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The alternate form is the whole chain: the SDK's own words, then the code and message of STS.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
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

/// Asks STS with the credentials that the SDK's default chain finds, and answers with JSON.
async fn caller_identity(config: &SdkConfig) -> anyhow::Result<String> {
    let answer = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .context("could not get the caller identity")?;
    Ok(serde_json::to_string_pretty(&CallerIdentity {
        user_id: answer.user_id,
        account: answer.account,
        arn: answer.arn,
    })?)
}
