//! What the unit tests of several modules begin with: an index that knows three ServiceAccounts, and no API server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gtoken_inject::annotation::ROLE_ARN;
use gtoken_inject::{Binding, Dialect, ServerVersion, Settings, Unbound};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::accounts::api::ServiceAccounts;
use crate::accounts::index::Doubt;
use crate::accounts::{Accounts, Key};
use crate::admin::Admin;
use crate::admit::{Admitter, OnUnknown};
use crate::metrics::Metrics;
use crate::ready::Readiness;
use crate::routes::Routes;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// Knows `team-a/reader` with a role, `team-a/malformed` with a bad one, `team-a/plain` without; anything else cannot be asked for.
pub(crate) fn accounts(metrics: Arc<Metrics>) -> Arc<Accounts> {
    let nowhere = Config::new("http://127.0.0.1:1".parse().unwrap());
    let api = ServiceAccounts::new(Client::try_from(nowhere).unwrap(), Dialect::default());
    let trusting = Doubt {
        fresh: Duration::ZERO,
        silence: Duration::MAX,
    };
    let accounts = Accounts::new(api, trusting, metrics);
    accounts.update(|index| {
        let mut listing = index.listing();
        for (name, role) in [
            ("reader", Some(ROLE)),
            ("malformed", Some("reader")),
            ("plain", None),
        ] {
            let binding = role.map_or(Err(Unbound::NoRole), |role| {
                Binding::parse(&Dialect::default(), [(ROLE_ARN, role)])
            });
            listing.add(Key::new("team-a", name).unwrap(), binding, false);
        }
        index.reset(listing, Instant::now());
    });
    Arc::new(accounts)
}

pub(crate) fn routes() -> Routes {
    let metrics = Arc::new(Metrics::default());
    let accounts = accounts(Arc::clone(&metrics));
    let version = ServerVersion {
        major: 1,
        minor: 34,
    };
    Routes {
        admitter: Admitter {
            accounts: Arc::clone(&accounts),
            settings: Settings::default(),
            on_unknown: OnUnknown::default(),
            // Reading goes on after the sender is gone.
            server: watch::Sender::new(version).subscribe(),
            metrics: Arc::clone(&metrics),
        },
        admin: Arc::new(Admin {
            metrics,
            readiness: Readiness::default(),
            accounts,
        }),
        shows_metrics: true,
        room: Arc::default(),
    }
}

/// A review of a pod that is about to be created in `team-a`.
pub(crate) fn review(service_account: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "team-a",
            "operation": "CREATE",
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web", "labels": {}, "annotations": {}},
                "spec": {
                    "serviceAccountName": service_account,
                    "containers": [{"name": "app", "image": "app", "env": [{"name": "A", "value": "1"}]}],
                },
            },
        },
    })
}
