//! What STS answers where it refuses: AWS's codes and texts, and a reason of our own for the journal.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors>

use hyper::StatusCode;

use super::token::TokenFault;

/// A refusal as AWS words it, with the reason that AWS keeps to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// One sentence for a person; it never holds the bytes of a token.
    pub(crate) reason: String,
}

const NOT_VALIDATED: &str = "The web identity token that was passed could not be validated by AWS. Get a new identity \
                             token from the identity provider and then retry the request.";

/// With the two spaces that AWS's answer has.
const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please reference \
                      AssumeRoleWithWebIdentity documentation for requirements";

impl Refusal {
    fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            reason: reason.into(),
        }
    }

    fn bad_request(code: &'static str, message: &str, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, reason)
    }

    /// A refusal whose text says all there is to say.
    fn plain(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let reason = message.clone();
        Self::new(status, code, message, reason)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    pub(crate) fn malformed_input(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "MalformedInput", message)
    }

    pub(crate) fn missing_action() -> Self {
        let message = "The request is missing an action or a required parameter.";
        Self::plain(StatusCode::BAD_REQUEST, "MissingAction", message)
    }

    pub(crate) fn invalid_action(action: &str, version: Option<&str>) -> Self {
        let version = version.unwrap_or("NO_VERSION_SPECIFIED");
        let message = format!("Could not find operation {action} for version {version}");
        Self::plain(StatusCode::BAD_REQUEST, "InvalidAction", message)
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        let message = format!("The method {method} is not allowed; STS takes GET and POST");
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, "InvalidAction", message)
    }

    /// The same for a role that does not exist and for one that does not trust the token, as AWS has it.
    pub(crate) fn access_denied(reason: impl Into<String>) -> Self {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message, reason)
    }

    pub(crate) fn no_provider(issuer: &str, account: &str) -> Self {
        let message = format!("No OpenIDConnect provider found in your account for {issuer}");
        let reason = format!(
            "the account {account} has no identity provider for the token's issuer, {issuer}"
        );
        Self::bad_request("InvalidIdentityToken", &message, reason)
    }

    pub(crate) fn wrong_audience(audiences: &[String]) -> Self {
        let audiences = audiences.join(" and ");
        let reason =
            format!("the token is for {audiences}, which is no client id of the identity provider");
        Self::bad_request("InvalidIdentityToken", "Incorrect token audience", reason)
    }

    pub(crate) fn provider_unreachable(issuer: &str) -> Self {
        let message = "The request could not be fulfilled because the identity provider (IDP) that was asked to verify \
                       the incoming identity token could not be reached.";
        let reason = format!("the keys of {issuer} cannot be fetched");
        Self::bad_request("IDPCommunicationError", message, reason)
    }

    pub(crate) fn missing_token() -> Self {
        let message = "Request is missing Authentication Token";
        Self::plain(StatusCode::FORBIDDEN, "MissingAuthenticationToken", message)
    }

    pub(crate) fn incomplete_signature(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "IncompleteSignature", message)
    }

    pub(crate) fn unknown_credentials(reason: &str) -> Self {
        let message = "The security token included in the request is invalid.";
        Self::new(
            StatusCode::FORBIDDEN,
            "InvalidClientTokenId",
            message,
            reason,
        )
    }

    pub(crate) fn expired_credentials(expiry: &str) -> Self {
        let message = "The security token included in the request is expired";
        let reason = format!("the session ended at {expiry}");
        Self::new(StatusCode::FORBIDDEN, "ExpiredToken", message, reason)
    }

    /// A signature for another region than that of the endpoint.
    pub(crate) fn wrong_region(host: &str, region: &str, signed: &str) -> Self {
        let message = "Credential should be scoped to a valid region. ";
        let reason = format!("{host} takes signatures for {region}, this one is for `{signed}`");
        let code = "SignatureDoesNotMatch";
        Self::new(StatusCode::FORBIDDEN, code, message, reason)
    }

    pub(crate) fn signature(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message)
    }
}

impl From<TokenFault> for Refusal {
    fn from(fault: TokenFault) -> Self {
        let reason = fault.to_string();
        let message = match fault {
            TokenFault::Malformed => {
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)".into()
            }
            TokenFault::UnknownKey(_) => NO_KEY.into(),
            TokenFault::Claim(name) => format!("Missing a required claim: {name}"),
            TokenFault::Expired { now, expiry } => {
                let message = format!(
                    "Token expired: current date/time {now} must be before the expiration date/time {expiry}"
                );
                return Self::bad_request("ExpiredTokenException", &message, reason);
            }
            // AWS's own texts for these are not published; the code is.
            TokenFault::Algorithm(_) | TokenFault::Signature | TokenFault::NotYetValid { .. } => {
                NOT_VALIDATED.into()
            }
        };
        let message: String = message;
        Self::bad_request("InvalidIdentityToken", &message, reason)
    }
}
