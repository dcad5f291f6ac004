//! A Kubernetes API with many ServiceAccounts, for `cargo xtask bench webhook`.
//!
//! `service-accounts COUNT BOUND KUBECONFIG`: so many in all, the first of them with a role, and the file that says how
//! to reach it; it says `serving`, and does so until it is ended.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use gtoken_sandbox::{Config, Sandbox};
use serde_json::json;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const GOOGLE_IDENTITY: &str = "reader@gtoken-sandbox.iam.gserviceaccount.com";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, bound, kubeconfig] = &arguments[..] else {
        anyhow::bail!("the arguments are: COUNT BOUND KUBECONFIG");
    };
    let (count, bound): (u32, u32) = (count.parse()?, bound.parse()?);
    let sandbox = Sandbox::start(Config::default())?;
    let annotations = json!({
        "amazonaws.com/role-arn": ROLE,
        "iam.gke.io/gcp-service-account": GOOGLE_IDENTITY,
    });
    // Those that were created just now would be remembered as such for a while.
    let created = SystemTime::now() - Duration::from_hours(1);
    for number in 0..count {
        let metadata = json!({
            "namespace": format!("team-{}", number / 100),
            "name": format!("reader-{number}"),
            "annotations": if number < bound { annotations.clone() } else { json!({}) },
        });
        let object = json!({"metadata": metadata});
        sandbox.kubernetes().put_object_at(object, created);
    }
    std::fs::write(kubeconfig, sandbox.kubeconfig()).context("cannot write the kubeconfig")?;
    println!("serving");
    loop {
        std::thread::park();
    }
}
