//! A Kubernetes API with many ServiceAccounts, for `cargo xtask bench webhook`.
//!
//! `service-accounts COUNT BOUND KUBECONFIG`: so many in all, the first of them with a role, and the file that says how
//! to reach it; it says `serving`, and does so until it is ended.

use anyhow::Context as _;
use gtoken_sandbox::{Config, Sandbox};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const GOOGLE_IDENTITY: &str = "reader@gtoken-sandbox.iam.gserviceaccount.com";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, bound, kubeconfig] = &arguments[..] else {
        anyhow::bail!("the arguments are: COUNT BOUND KUBECONFIG");
    };
    let (count, bound): (u32, u32) = (count.parse()?, bound.parse()?);
    let sandbox = Sandbox::start(Config::default())?;
    let annotations = [
        ("amazonaws.com/role-arn", ROLE),
        ("iam.gke.io/gcp-service-account", GOOGLE_IDENTITY),
    ];
    for number in 0..count {
        let annotations = if number < bound {
            &annotations[..]
        } else {
            &[]
        };
        let (namespace, name) = (format!("team-{}", number / 100), format!("reader-{number}"));
        let kubernetes = sandbox.kubernetes();
        kubernetes.put_service_account(&namespace, &name, annotations);
    }
    std::fs::write(kubeconfig, sandbox.kubeconfig()).context("cannot write the kubeconfig")?;
    println!("serving");
    loop {
        std::thread::park();
    }
}
