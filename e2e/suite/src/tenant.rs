//! What one test has for itself: a namespace, a Google account, an AWS role, and a ServiceAccount that links them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::cloud::{AWS_ACCOUNT, Cloud, role_arn};
use crate::kubectl::Said;
use crate::template;
use crate::world::World;

/// Marks the namespaces that are ours to delete.
pub(crate) const LABEL: &str = "e2e.gtoken/suite";

/// How often something is looked at that nobody tells us about.
const TICK: Duration = Duration::from_millis(250);

/// One of the tenants of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Tenant<'a> {
    world: &'a World,
    namespace: String,
}

impl<'a> Tenant<'a> {
    /// Names a tenant; nothing of it need exist.
    pub(crate) fn new(world: &'a World, name: &str) -> Self {
        Self {
            world,
            namespace: format!("e2e-{name}-{}", world.run),
        }
    }

    /// Makes everything that it has, from nothing.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        let Self { world, namespace } = self;
        world.kubectl.run(["create", "namespace", namespace])?;
        let label = format!("{LABEL}=true");
        world
            .kubectl
            .run(["label", "namespace", namespace, &label])?;
        if let Some(cloud) = &world.cloud {
            cloud.put_role(namespace, &self.account())?;
            let authority = format!("--from-literal=ca.pem={}", cloud.authority());
            self.kubectl(&["create", "configmap", "aws", &authority])?;
        }
        self.apply(include_str!("../manifests/service-account.yaml"))?;
        Ok(())
    }

    /// Deletes all that it has in the cluster, without waiting for the end of it.
    pub(crate) fn delete(&self) -> anyhow::Result<()> {
        let wanted = [
            "delete",
            "namespace",
            &self.namespace,
            "--wait=false",
            "--ignore-not-found",
        ];
        self.world.kubectl.run(wanted).map(drop)
    }

    pub(crate) fn world(&self) -> &'a World {
        self.world
    }

    /// The namespace; the role is called the same.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The email of the Google account.
    pub(crate) fn account(&self) -> String {
        format!("{}@e2e.iam.gserviceaccount.com", self.namespace)
    }

    /// The ARN of the role.
    pub(crate) fn role(&self) -> String {
        role_arn(&self.namespace)
    }

    /// Who a pod is at AWS once it has assumed a role.
    pub(crate) fn arn(&self, role: &str, pod: &str) -> String {
        format!(
            "arn:aws:sts::{AWS_ACCOUNT}:assumed-role/{role}/{}",
            self.session(pod)
        )
    }

    /// Who a pod is at AWS in the role of this tenant.
    pub(crate) fn own_arn(&self, pod: &str) -> String {
        self.arn(&self.namespace, pod)
    }

    /// The name of a pod's session, as CloudTrail shows it.
    pub(crate) fn session(&self, pod: &str) -> String {
        format!("{}@{pod}", self.namespace)
    }

    /// The Google and the AWS; the runner lets no test run that needs them where there are none.
    pub(crate) fn cloud(&self) -> anyhow::Result<&'a Cloud> {
        self.world
            .cloud
            .as_ref()
            .context("this cluster has no sandbox")
    }

    /// Runs kubectl in the namespace and gives its standard output.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let own = ["--namespace", &self.namespace];
        self.world.kubectl.run(own.iter().chain(arguments))
    }

    /// An object of the namespace, or a list of them.
    pub(crate) fn get(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let own: &[&str] = &["--namespace", &self.namespace];
        self.world.kubectl.get(&[own, arguments].concat())
    }

    /// Applies a manifest, filled with what this tenant has, and gives what the API server said.
    pub(crate) fn apply(&self, manifest: &str) -> anyhow::Result<Said> {
        self.feed(&["apply", "--validate=strict", "--filename=-"], manifest)
    }

    /// Runs kubectl in the namespace with a manifest, filled with what this tenant has, as its input.
    pub(crate) fn feed(&self, arguments: &[&str], manifest: &str) -> anyhow::Result<Said> {
        let (role, account) = (self.role(), self.account());
        let values = [
            ("namespace", self.namespace.as_str()),
            ("role", &role),
            ("account", &account),
        ];
        let manifest = template::fill(manifest, &values)?;
        let own: &[&str] = &["--namespace", &self.namespace];
        self.world
            .kubectl
            .say([own, arguments].concat(), Some(&manifest))
    }

    /// What the audit log tells of requests for an object of the namespace, oldest first.
    pub(crate) fn audited(&self, resource: &str, name: &str) -> anyhow::Result<Vec<Value>> {
        let wanted = json!([self.namespace, resource, name]);
        let is_meant = |event: &Value| {
            let of = &event["objectRef"];
            json!([of["namespace"], of["resource"], of["name"]]) == wanted
        };
        let events = self.world.audit_events()?.into_iter();
        Ok(events.filter(is_meant).collect())
    }

    /// Waits for a condition of `kubectl wait`, as `jsonpath={.status.phase}=Succeeded`.
    pub(crate) fn wait(&self, object: &str, condition: &str) -> anyhow::Result<()> {
        self.wait_for(object, condition, self.world.patience)
    }

    /// Waits for a condition of `kubectl wait`, for so long.
    pub(crate) fn wait_for(
        &self,
        object: &str,
        condition: &str,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let (condition, limit) = (
            format!("--for={condition}"),
            format!("--timeout={}s", limit.as_secs()),
        );
        self.world.interrupt.check()?;
        self.kubectl(&["wait", object, &condition, &limit])
            .map(drop)
    }

    /// Waits until what is looked for is there.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + self.world.patience;
        loop {
            self.world.interrupt.check()?;
            if let Some(found) = look()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!(
                    "{what}: not seen within {} s",
                    self.world.patience.as_secs()
                );
            }
            thread::sleep(TICK);
        }
    }
}
