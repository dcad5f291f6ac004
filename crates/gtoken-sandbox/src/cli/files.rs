//! The files of credentials that `up` writes, one for each kind that Google's tools know, and the grants that make them work.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::folder::Folder;
use crate::google::{GoogleIdentity, IamRole, principal};
use crate::sandbox::Sandbox;

/// The person whose files these are.
const PERSON: &str = "person@gtoken-sandbox.example";

/// The workload outside of Google whose token the pool takes.
const WORKLOAD: &str = "workload";

/// Writes the files, and lets whom they are of get tokens of `account`.
pub(super) fn write(
    sandbox: &Sandbox,
    folder: &mut Folder,
    account: &GoogleIdentity,
) -> anyhow::Result<Vec<PathBuf>> {
    let email = account.email.as_str();
    let google = sandbox.google();
    let creator = IamRole::OpenIdTokenCreator;
    google.grant(email, creator, email);
    google.grant(PERSON, creator, email);
    google.grant(&principal(WORKLOAD), IamRole::WorkloadIdentityUser, email);

    let subject = folder.write("subject-token", &google.subject_token(WORKLOAD))?;
    let person = sandbox.authorized_user(PERSON);
    let files = [
        ("service-account.json", sandbox.service_account_key(email)),
        ("authorized-user.json", person.clone()),
        (
            "impersonated-service-account.json",
            sandbox.impersonated_service_account(&person, &[], email),
        ),
        (
            "external-account.json",
            sandbox.external_account(&json!({ "file": subject }), Some(email)),
        ),
    ];
    let write = |(name, file): (&str, Value)| folder.write(name, &format!("{file:#}\n"));
    files.into_iter().map(write).collect()
}
