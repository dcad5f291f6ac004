//! Whose tokens are published.

use gtoken_sandbox::google::{GoogleIdentity, Identity};

use crate::agent::{Agent, Ended, gtoken, sandbox_with_life};

fn run(identity: Identity, expected: &str) -> Ended {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().set_identity(identity);
    let expected = format!("--expect-identity={expected}");
    let args = ["--refresh=false", "--timeout=500ms", &expected];
    Agent::start(gtoken(sandbox.metadata_address(), &args)).end()
}

#[test]
fn the_expected_identity_is_published() {
    let reader = GoogleIdentity::reader();
    let ended = run(Identity::Linked(reader.clone()), &reader.email);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn another_identity_is_not_published() {
    let ended = run(
        Identity::Linked(GoogleIdentity::reader()),
        "admin@project.iam.gserviceaccount.com",
    );
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(
        ended.log.contains(&GoogleIdentity::reader().email),
        "{}",
        ended.log
    );
    assert!(
        ended.log.contains("admin@project.iam.gserviceaccount.com"),
        "{}",
        ended.log
    );
}

#[test]
fn the_nodes_identity_is_not_published_in_the_pods_name() {
    let reader = GoogleIdentity::reader();
    let ended = run(Identity::Node(reader.clone()), &reader.email);
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(
        ended.log.contains("--workload-metadata=GKE_METADATA"),
        "{}",
        ended.log
    );
}

#[test]
fn a_service_account_without_a_google_one_is_told_the_annotation() {
    let unlinked = Identity::Unlinked {
        namespace: "team-a".to_owned(),
        service_account: "reader".to_owned(),
    };
    let ended = run(unlinked, "reader@project.iam.gserviceaccount.com");
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert!(
        ended.log.contains("(team-a/reader) is not annotated"),
        "{}",
        ended.log
    );
    assert!(
        ended.log.contains("iam.gke.io/gcp-service-account=NAME@"),
        "{}",
        ended.log
    );
}
