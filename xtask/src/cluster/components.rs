//! What runs inside, and with which arguments.

use std::path::PathBuf;

use super::bed::{Bed, CONTROL_PORT, METADATA, NODE, Recipe, SERVICES, STS};

/// A process that runs as long as the bed.
#[derive(Debug)]
pub(super) struct Component {
    /// Its name, and that of its log.
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// How it says that it is well.
    pub(super) health: Health,
}

/// How a component is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It answers 200 there.
    Answers(String),
    /// It answers there, whatever it is.
    Listens(String),
    /// `ctr version`, inside.
    Containerd,
}

/// What has to listen before a stage's components are started, as `ADDRESS:PORT`.
pub(super) type Needs = Option<&'static str>;

/// The components in the order of their start, in stages.
pub(super) fn stages(bed: &Bed, recipe: &Recipe) -> [(Needs, Vec<Component>); 3] {
    let make = Maker { bed, recipe };
    [
        (None, vec![make.etcd(), make.containerd()]),
        (Some("127.0.0.1:2379"), vec![make.api_server()]),
        (
            Some("10.89.0.2:6443"),
            vec![
                make.scheduler(),
                make.controller_manager(),
                make.kubelet(),
                make.proxy(),
                make.dns(),
                make.sandbox(),
            ],
        ),
    ]
}

struct Maker<'a> {
    bed: &'a Bed,
    recipe: &'a Recipe,
}

impl Maker<'_> {
    fn etcd(&self) -> Component {
        let flags = [
            "--data-dir=/run/bed/etcd".into(),
            format!("--health-address={NODE}:2381"),
        ];
        self.kubernetes(
            "etcd",
            flags,
            Health::Answers(format!("http://{NODE}:2381/health")),
        )
    }

    fn containerd(&self) -> Component {
        Component {
            name: "containerd",
            program: "containerd".into(),
            arguments: vec!["--config".into(), self.config("containerd.toml")],
            health: Health::Containerd,
        }
    }

    fn api_server(&self) -> Component {
        let mut flags = vec![
            "--etcd-servers=http://127.0.0.1:2379".to_owned(),
            "--bind-address=0.0.0.0".into(),
            "--secure-port=6443".into(),
            format!("--advertise-address={NODE}"),
            format!("--service-cluster-ip-range={SERVICES}"),
            "--allow-privileged".into(),
            "--authorization-mode=Node,RBAC".into(),
            "--enable-admission-plugins=NodeRestriction".into(),
            "--kubelet-preferred-address-types=InternalIP".into(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            "--requestheader-allowed-names=front-proxy-client".into(),
            "--requestheader-username-headers=X-Remote-User".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
            "--profiling=false".into(),
            format!("--audit-policy-file={}", self.config("audit.yaml")),
            format!("--audit-log-path={}", self.bed.audit_log().display()),
        ];
        flags.extend(self.pki(&[
            ("client-ca-file", "ca.crt"),
            ("tls-cert-file", "apiserver.crt"),
            ("tls-private-key-file", "apiserver.key"),
            ("kubelet-client-certificate", "apiserver-kubelet-client.crt"),
            ("kubelet-client-key", "apiserver-kubelet-client.key"),
            ("kubelet-certificate-authority", "ca.crt"),
            ("service-account-key-file", "sa.pub"),
            ("service-account-signing-key-file", "sa.key"),
            ("requestheader-client-ca-file", "front-proxy-ca.crt"),
            ("proxy-client-cert-file", "front-proxy-client.crt"),
            ("proxy-client-key-file", "front-proxy-client.key"),
        ]));
        self.kubernetes("kube-apiserver", flags, healthy("https", 6443, "/readyz"))
    }

    fn scheduler(&self) -> Component {
        let flags = self.client("scheduler");
        self.kubernetes("kube-scheduler", flags, healthy("https", 10259, "/healthz"))
    }

    fn controller_manager(&self) -> Component {
        let mut flags = self.client("controller-manager");
        flags.push("--use-service-account-credentials=true".into());
        flags.push(format!("--service-cluster-ip-range={SERVICES}"));
        flags.extend(self.pki(&[
            ("root-ca-file", "ca.crt"),
            ("service-account-private-key-file", "sa.key"),
            ("cluster-signing-cert-file", "ca.crt"),
            ("cluster-signing-key-file", "ca.key"),
            ("requestheader-client-ca-file", "front-proxy-ca.crt"),
        ]));
        self.kubernetes(
            "kube-controller-manager",
            flags,
            healthy("https", 10257, "/healthz"),
        )
    }

    /// Alone on the node, so without a lease; and not throttled, for a test waits for each of its calls.
    fn client(&self, user: &str) -> Vec<String> {
        let mut flags = vec![
            "--leader-elect=false".to_owned(),
            "--kube-api-qps=500".into(),
            "--kube-api-burst=1000".into(),
        ];
        let file = format!("{user}.kubeconfig");
        flags.extend(self.pki(&[
            ("kubeconfig", &file),
            ("authentication-kubeconfig", &file),
            ("authorization-kubeconfig", &file),
        ]));
        flags
    }

    fn kubelet(&self) -> Component {
        let mut flags = vec![
            format!("--config={}", self.config("kubelet.yaml")),
            "--root-dir=/run/bed/kubelet".into(),
            "--hostname-override=bed".into(),
            format!("--node-ip={NODE}"),
        ];
        flags.extend(self.pki(&[("kubeconfig", "node.kubeconfig")]));
        self.kubernetes("kubelet", flags, healthy("http", 10248, "/healthz"))
    }

    fn proxy(&self) -> Component {
        let flags = [format!("--config={}", self.config("kube-proxy.yaml"))];
        self.kubernetes("kube-proxy", flags, healthy("http", 10256, "/livez"))
    }

    fn dns(&self) -> Component {
        let flags = ["-conf".to_owned(), self.config("Corefile")];
        self.kubernetes("coredns", flags, healthy("http", 8181, "/health"))
    }

    fn sandbox(&self) -> Component {
        Component {
            name: "sandbox",
            program: self.recipe.sandbox.clone(),
            arguments: vec![
                "up".into(),
                format!("--config={}", self.config("sandbox.json")),
                format!("--dir={}", self.bed.file("sandbox").display()),
                format!("--metadata-address={METADATA}:80"),
                format!("--sts-address={STS}:443"),
                format!("--control-address={NODE}:{CONTROL_PORT}"),
            ],
            health: Health::Listens(format!("http://{NODE}:{CONTROL_PORT}/")),
        }
    }

    fn kubernetes(
        &self,
        name: &'static str,
        flags: impl IntoIterator<Item = String>,
        health: Health,
    ) -> Component {
        Component {
            name,
            program: self.recipe.components.clone(),
            arguments: std::iter::once(name.to_owned()).chain(flags).collect(),
            health,
        }
    }

    fn pki<'b>(&self, files: &[(&'b str, &'b str)]) -> Vec<String> {
        let folder = self.bed.file("pki");
        let flag =
            |(name, file): &(&str, &str)| format!("--{name}={}", folder.join(file).display());
        files.iter().map(flag).collect()
    }

    fn config(&self, name: &str) -> String {
        self.bed.file("config").join(name).display().to_string()
    }
}

fn healthy(scheme: &str, port: u16, path: &str) -> Health {
    Health::Answers(format!("{scheme}://{NODE}:{port}{path}"))
}
