//! `GetCallerIdentity`: who signed this request.

use hyper::HeaderMap;

use super::endpoint;
use super::refusal::Refusal;
use super::session::{Session, Sessions};
use super::sigv4::{ALGORITHM, Authorization, SignedRequest};
use crate::calendar;

/// How far the date of a signature may be from ours, in seconds.
const WINDOW: u64 = 15 * 60;

/// AWS's text where the signature is another than the secret key would make.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                        Access Key and signing method. Consult the service documentation for details.";

/// Whose credentials the request says it is signed with.
pub(crate) fn access_key_id(headers: &HeaderMap) -> Option<String> {
    let authorization = Authorization::parse(text(headers, "authorization")?).ok()?;
    Some(authorization.access_key_id)
}

/// The session whose credentials signed the request.
pub(crate) fn caller<'a>(
    request: &SignedRequest<'_>,
    sessions: &'a Sessions,
    now: u64,
) -> Result<&'a Session, Refusal> {
    let header = text(request.headers, "authorization").ok_or_else(Refusal::missing_token)?;
    if !header.starts_with(ALGORITHM) {
        return Err(Refusal::missing_token());
    }
    let authorization = Authorization::parse(header).map_err(Refusal::incomplete_signature)?;
    let date = text(request.headers, "x-amz-date").ok_or_else(|| {
        let message =
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        Refusal::incomplete_signature(message)
    })?;
    check_date(date, &authorization, now)?;
    check_scope(request.headers, &authorization)?;
    check_signed_headers(request.headers, &authorization)?;
    let unknown = || Refusal::unknown_credentials("the access key id is none that was issued here");
    let session = sessions
        .find(&authorization.access_key_id)
        .ok_or_else(unknown)?;
    if text(request.headers, "x-amz-security-token") != Some(session.token.as_str()) {
        let reason = "the session token is not the one issued with the access key id";
        return Err(Refusal::unknown_credentials(reason));
    }
    if authorization.expected(&session.secret_access_key, request, date) != authorization.signature
    {
        return Err(Refusal::signature(MISMATCH));
    }
    if now >= session.expires {
        return Err(Refusal::expired_credentials(&calendar::iso8601(
            session.expires,
        )));
    }
    Ok(session)
}

fn check_date(date: &str, authorization: &Authorization, now: u64) -> Result<(), Refusal> {
    let signed = calendar::parse_basic(date).ok_or_else(|| {
        let message = format!(
            "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        );
        Refusal::incomplete_signature(message)
    })?;
    let day = &authorization.scope.date;
    if !date.starts_with(day.as_str()) || day.len() != 8 {
        let expected = &date[..8];
        let message = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{day}' != '{expected}', from '{date}'."
        );
        return Err(Refusal::signature(message));
    }
    let basic = calendar::basic;
    if signed + WINDOW < now {
        let (edge, now) = (basic(now - WINDOW), basic(now));
        let message =
            format!("Signature expired: {date} is now earlier than {edge} ({now} - 15 min.)");
        return Err(Refusal::signature(message));
    }
    if signed > now + WINDOW {
        let (edge, now) = (basic(now + WINDOW), basic(now));
        let message = format!(
            "Signature not yet current: {date} is still later than {edge} ({now} + 15 min.)"
        );
        return Err(Refusal::signature(message));
    }
    Ok(())
}

fn check_scope(headers: &HeaderMap, authorization: &Authorization) -> Result<(), Refusal> {
    if authorization.scope.service != "sts" {
        let message = "Credential should be scoped to correct service: 'sts'. ";
        return Err(Refusal::signature(message));
    }
    let signed = authorization.scope.region.as_str();
    let host = text(headers, "host").unwrap_or_default();
    match endpoint::region(host) {
        Some(region) if region != signed => Err(Refusal::wrong_region(host, region, signed)),
        // Where the host is not AWS's, every region is taken; an empty one is none.
        None if signed.is_empty() => Err(Refusal::wrong_region(host, "any", signed)),
        _ => Ok(()),
    }
}

/// Without the host and all of `x-amz-*` signed, a signature could be taken to another place.
fn check_signed_headers(headers: &HeaderMap, authorization: &Authorization) -> Result<(), Refusal> {
    let is_signed = |name: &str| {
        authorization
            .signed_headers
            .iter()
            .any(|signed| signed == name)
    };
    if !is_signed("host") {
        let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(Refusal::signature(message));
    }
    let names = headers.keys().map(hyper::header::HeaderName::as_str);
    let unsigned = names.filter(|name| name.starts_with("x-amz-") && !is_signed(name));
    match unsigned.min() {
        None => Ok(()),
        Some(name) => {
            let message =
                format!("There were headers present in the request which were not signed: {name}");
            Err(Refusal::signature(message))
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
