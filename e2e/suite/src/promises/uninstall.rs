//! Going away without a trace.

use anyhow::ensure;

use crate::install::inventory;
use crate::pods::{Form, form, succeeded};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[promise!(
    Last,
    Cloud,
    "uninstall",
    uninstalling_leaves_nothing_and_pods_still_start
)];

fn uninstalling_leaves_nothing_and_pods_still_start(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let world = tenant.world();
    world.installation.uninstall()?;
    let left = inventory(&world.kubectl)?;
    let left: Vec<_> = left.difference(&world.before).collect();
    ensure!(left.is_empty(), "it left {left:?}");
    // One that demands credentials: were anything left that asks a webhook, it would be refused.
    let account = r#"--overrides={"spec": {"serviceAccountName": "app"}}"#;
    let demanding = [
        account,
        "--labels=amazonaws.com/inject=true",
        "--restart=Never",
    ];
    let run = ["run", "once", "--image=e2e.local/aws-cli:1"];
    tenant.kubectl(&[&run[..], &demanding, &["--", "true"]].concat())?;
    let stored = form(&succeeded(tenant, "once")?)?;
    ensure!(stored == Form::None, "it is {stored:?}");
    Ok(())
}
