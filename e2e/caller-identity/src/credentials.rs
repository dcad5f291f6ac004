//! Which credentials the SDK signed with, seen from outside as AWS sees it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;

/// The access key ids that requests were signed with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Seen {
    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn add(&self, key: &str) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned());
    }
}

impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "credentials seen"
    }

    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = context.request().headers().get("authorization");
        if let Some(key) = header.and_then(key) {
            self.add(key);
        }
        Ok(())
    }
}

/// The access key id in a signature
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
fn key(authorization: &str) -> Option<&str> {
    let (_, scope) = authorization.split_once("Credential=")?;
    scope.split_once('/').map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_counted_once_however_often_it_signs() {
        let seen = Seen::default();
        for key in ["ASIA1", "ASIA2", "ASIA1"] {
            seen.add(key);
        }
        assert_eq!(seen.count(), 2);
    }

    #[test]
    fn the_key_stands_first_in_the_scope() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIA1/20240229/us-east-1/sts/aws4_request, \
                      SignedHeaders=host, Signature=abc";
        assert_eq!(key(header), Some("ASIA1"));
        assert_eq!(key("Bearer abc"), None);
    }
}
