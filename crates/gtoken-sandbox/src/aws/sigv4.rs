//! Signature Version 4, as the server checks it: what was signed is put together again from the request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};

use crate::{form, hex};

/// The only algorithm of this version.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request as far as it is signed.
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What the `Authorization` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) access_key_id: String,
    pub(crate) scope: Scope,
    /// In the order they are listed.
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
}

/// For which day, region and service a signature is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Authorization {
    /// Reads the header; the error is AWS's text for what is missing.
    pub(crate) fn parse(header: &str) -> Result<Self, String> {
        let mut credential = None;
        let mut signed_headers = None;
        let mut signature = None;
        let parts = header.strip_prefix(ALGORITHM).unwrap_or_default();
        for part in parts
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                format!("'{part}' not a valid key=value pair (missing equal-sign) in Authorization header.")
            })?;
            match name {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => {}
            }
        }
        let need = |value: Option<&str>, name: &str| {
            let missing = || format!("Authorization header requires '{name}' parameter.");
            value.map(str::to_owned).ok_or_else(missing)
        };
        let credential = need(credential, "Credential")?;
        let (access_key_id, scope) = parse_credential(&credential).ok_or_else(|| {
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.".to_owned()
        })?;
        let signed_headers = need(signed_headers, "SignedHeaders")?;
        Ok(Self {
            access_key_id,
            scope,
            signed_headers: signed_headers.split(';').map(str::to_owned).collect(),
            signature: need(signature, "Signature")?,
        })
    }

    /// The signature that the owner of `secret` would have made at `date` (`X-Amz-Date`).
    pub(crate) fn expected(&self, secret: &str, request: &SignedRequest<'_>, date: &str) -> String {
        let canonical = request.canonical(&self.signed_headers);
        let digest = hex::encode(&Sha256::digest(canonical));
        let Scope {
            date: day,
            region,
            service,
        } = &self.scope;
        let to_sign =
            format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/aws4_request\n{digest}");
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [day.as_str(), region, service, "aws4_request"] {
            key = mac(&key, part).into_bytes().to_vec();
        }
        hex::encode(&mac(&key, &to_sign).into_bytes())
    }
}

impl SignedRequest<'_> {
    fn canonical(&self, signed_headers: &[String]) -> String {
        let mut query: Vec<_> = form::pairs(self.query)
            .iter()
            .map(|(name, value)| (escape(name), escape(value)))
            .collect();
        query.sort();
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let headers: Vec<_> = signed_headers
            .iter()
            .map(|name| {
                format!(
                    "{name}:{}
",
                    self.header(name)
                )
            })
            .collect();
        let headers = headers.concat();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            self.canonical_path(),
            query.join("&"),
            signed_headers.join(";"),
            hex::encode(&Sha256::digest(self.body)),
        )
    }

    /// Each segment is escaped once more than it was sent, for every service but S3.
    fn canonical_path(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let segments: Vec<_> = path.split('/').map(escape).collect();
        segments.join("/")
    }

    fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
        values.collect::<Vec<_>>().join(",")
    }
}

fn parse_credential(credential: &str) -> Option<(String, Scope)> {
    let parts: Vec<_> = credential.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
        return None;
    };
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    Some((access_key_id.to_owned(), scope))
}

fn mac(key: &[u8], text: &str) -> hmac::digest::CtOutput<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize()
}

/// All but the unreserved characters of RFC 3986 as `%XX`.
fn escape(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn check(path: &str, query: &str, headers: &[(&'static str, &str)], authorization: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let request = SignedRequest {
            method: "GET",
            path,
            query,
            headers: &map,
            body: b"",
        };
        let authorization = Authorization::parse(authorization).unwrap();
        let expected = authorization.expected(SECRET, &request, "20150830T123600Z");
        assert_eq!(expected, authorization.signature);
    }

    /// `get-vanilla` of AWS's Signature Version 4 test suite.
    #[test]
    fn makes_the_signature_of_the_test_suite() {
        check(
            "/",
            "",
            &[
                ("host", "example.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        );
    }

    /// The example of the AWS General Reference, "Examples of how to derive a signing key".
    #[test]
    fn makes_the_signature_of_the_documentation() {
        check(
            "/",
            "Version=2010-05-08&Action=ListUsers",
            &[
                (
                    "content-type",
                    "application/x-www-form-urlencoded;  charset=utf-8",
                ),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
    }

    #[test]
    fn says_what_an_authorization_lacks() {
        for (header, expected) in [
            ("AWS4-HMAC-SHA256 Credential", "(missing equal-sign)"),
            (
                "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0",
                "requires 'Credential'",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=A/b/c, SignedHeaders=host, Signature=0",
                "exactly 5 slash-delimited",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=A/20150830/r/sts/aws4_request, Signature=0",
                "requires 'SignedHeaders'",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=A/20150830/r/sts/aws4_request, SignedHeaders=host",
                "requires 'Signature'",
            ),
        ] {
            let error = Authorization::parse(header).unwrap_err();
            assert!(error.contains(expected), "{header}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_authorization_header_ends_the_server(header in "AWS4-HMAC-SHA256 [ -~]{0,60}") {
            let _ = Authorization::parse(&header);
        }
    }
}
