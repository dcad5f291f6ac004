//! Certificates that change while pods are created.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::install::{CONFIGURATION, NAMESPACE};
use crate::kubectl::{Kubectl, Proxy};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[promise!(
    Alone,
    Admission,
    "certificates",
    no_admission_fails_while_leaves_and_authorities_change
)];

/// A leaf is renewed after 10 s, and an authority rotated after 40.
const SHORT: [&str; 3] = [
    "--leaf-validity=15s",
    "--ca-validity=60s",
    "--ca-propagation=2s",
];

/// What all replicas share.
const SECRET: &str = "secret/gtoken-webhook-certs";

/// How many leaves and authorities there are to be, the first ones too.
const LEAVES: usize = 10;
const AUTHORITIES: usize = 4;

/// More than these take.
const PATIENCE: Duration = Duration::from_mins(6);

/// What the API server trusted, and what the replicas shared.
#[derive(Default)]
struct Seen {
    bundles: BTreeSet<String>,
    leaves: BTreeSet<String>,
    authorities: BTreeSet<String>,
}

/// The Secret is emptied first, and each pod demands credentials, so that a webhook that cannot be asked is a pod that is refused.
fn no_admission_fails_while_leaves_and_authorities_change(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let world = tenant.world();
    let proxy = world.kubectl.proxy()?;
    let created = world.installation.with_flags(&SHORT, || {
        // The leaf and the authority of before would live on for days.
        let forget = [
            "--type=json",
            r#"--patch=[{"op": "remove", "path": "/data"}]"#,
        ];
        let own = ["--namespace", NAMESPACE];
        world
            .kubectl
            .run([&["patch", SECRET][..], &own, &forget].concat())?;
        let begun = Instant::now();
        let (mut seen, mut created) = (Seen::default(), 0);
        while seen.leaves.len() < LEAVES || seen.authorities.len() < AUTHORITIES {
            ensure!(
                begun.elapsed() < PATIENCE,
                "only {} leaves of {} authorities",
                seen.leaves.len(),
                seen.authorities.len()
            );
            for _ in 0..20 {
                is_injected(tenant, &proxy)
                    .with_context(|| format!("after {created} pods that were injected"))?;
                created += 1;
            }
            seen.look(&world.kubectl)?;
        }
        // A new authority stands beside the old one before it is alone.
        let (bundles, authorities) = (seen.bundles.len(), seen.authorities.len());
        ensure!(
            bundles >= 2 * (authorities - 1),
            "{bundles} bundles of {authorities} authorities"
        );
        Ok(created)
    })?;
    println!("{created} pods were admitted through {LEAVES} leaves of {AUTHORITIES} authorities");
    is_injected(tenant, &proxy).context("with the usual times again")
}

/// Has the API server admit a pod that it does not store.
fn is_injected(tenant: &Tenant<'_>, proxy: &Proxy) -> anyhow::Result<()> {
    let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", tenant.namespace());
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "demanding-", "labels": {"amazonaws.com/inject": "true"}},
        "spec": {
            "serviceAccountName": "app",
            "containers": [{"name": "app", "image": "e2e.local/caller-identity:1"}],
        },
    });
    let stored = proxy.post(&path, &pod)?;
    let one_shot = &stored["spec"]["initContainers"][0]["name"];
    ensure!(one_shot == "generate-gcp-id-token", "it is {stored}");
    Ok(())
}

impl Seen {
    fn look(&mut self, kubectl: &Kubectl) -> anyhow::Result<()> {
        let configuration = kubectl.get(&[CONFIGURATION])?;
        let bundle = &configuration["webhooks"][0]["clientConfig"]["caBundle"];
        let secret = kubectl.get(&[SECRET, "--namespace", NAMESPACE])?;
        let data = |key: &str| text(&secret["data"][key]);
        self.bundles.extend(text(bundle));
        self.leaves.extend(data("tls.crt"));
        self.authorities.extend(data("ca.crt"));
        Ok(())
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
