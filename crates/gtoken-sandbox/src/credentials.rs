//! Files of credentials in the forms that Google's tools write, each leading to this sandbox.
//!
//! <https://google.aip.dev/auth/4110>, <https://cloud.google.com/iam/docs/workload-identity-federation>

use std::sync::Arc;

use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::{Value, json};

use crate::google::{self, Key, PROJECT_ID};
use crate::sandbox::Sandbox;

impl Sandbox {
    /// Where Google's APIs are served: `oauth2`, `sts` and `iamcredentials.googleapis.com` in one.
    pub fn google_url(&self) -> String {
        self.google_path("")
    }

    /// The file of a new key of a service account, as `gcloud iam service-accounts keys create` writes it.
    ///
    /// # Panics
    ///
    /// Never: the key was just made.
    pub fn service_account_key(&self, email: &str) -> Value {
        let key = Arc::new(Key::generate());
        let pem = key.private().to_pkcs8_pem(LineEnding::LF);
        let pem = pem.expect("a key just made can be encoded");
        let account = self.google().account(email);
        let file = json!({
            "type": "service_account",
            "project_id": PROJECT_ID,
            "private_key_id": key.id(),
            "private_key": *pem,
            "client_email": account.email,
            "client_id": account.unique_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.google_path(google::TOKEN_PATH),
            "universe_domain": "googleapis.com",
        });
        self.google().add_key(email, key);
        file
    }

    /// The file of a person, as `gcloud auth application-default login` writes it, but for the `token_uri` that leads here.
    pub fn authorized_user(&self, email: &str) -> Value {
        json!({
            "type": "authorized_user",
            "client_id": google::CLIENT_ID,
            "client_secret": google::CLIENT_SECRET,
            "refresh_token": self.google().log_in(email),
            "token_uri": self.google_path(google::TOKEN_PATH),
            "universe_domain": "googleapis.com",
        })
    }

    /// The file of credentials that impersonate `email` from those of another file, through `delegates`, as
    /// `gcloud auth application-default login --impersonate-service-account` writes it.
    pub fn impersonated_service_account(
        &self,
        source: &Value,
        delegates: &[&str],
        email: &str,
    ) -> Value {
        json!({
            "type": "impersonated_service_account",
            "source_credentials": source,
            "delegates": delegates,
            "service_account_impersonation_url": self.impersonation_url(email),
        })
    }

    /// The file of a workload outside of Google that impersonates `email`, or nobody, as
    /// `gcloud iam workload-identity-pools create-cred-config` writes it; `subject` says where its token is found.
    pub fn external_account(&self, subject: &Value, email: Option<&str>) -> Value {
        let mut file = json!({
            "type": "external_account",
            "audience": google::POOL_PROVIDER,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": self.google_path(google::EXCHANGE_PATH),
            "credential_source": subject,
            "universe_domain": "googleapis.com",
        });
        if let Some(email) = email {
            file["service_account_impersonation_url"] = self.impersonation_url(email).into();
        }
        file
    }

    fn impersonation_url(&self, email: &str) -> String {
        let account = format!("{}{email}:generateAccessToken", google::ACCOUNTS_PATH);
        self.google_path(&account)
    }
}
