//! Values that the chart must refuse or take.

/// Arguments, and a word of the refusal that tells what is wrong with them.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("--set=replica=3", "'replica' not allowed"),
    ("--set=image.tags=v1", "'tags' not allowed"),
    ("--set=replicas=none", "/replicas"),
    ("--set=image.digest=sha256:12", "/image/digest"),
    ("--set=log.level=loud", "/log/level"),
    ("--set=defaults.tokenSource=aws", "/defaults/tokenSource"),
    (
        "--set=defaults.tokenExpiration=60",
        "/defaults/tokenExpiration",
    ),
    ("--set=agent.runAsUser=0", "/agent/runAsUser"),
    ("--set=agent.volume.path=token", "/agent/volume/path"),
    ("--set=aws.accountId=123456789012", "/aws/accountId"),
    ("--set=tls.minVersion=1.1", "/tls/minVersion"),
    ("--set=extraArgs={sidecar-mode=native}", "/extraArgs/0"),
    ("--set=tls.mode=off", "/tls/mode"),
    ("--set=tls.leafValidity=7d", "/tls/leafValidity"),
    (
        "--set=tls.certManagerCertificate=hook",
        "/tls/certManagerCertificate",
    ),
    ("--set=tls.caBundle=-----BEGIN", "/tls/caBundle"),
    ("--set=tls.caBundle=bm9uZQ==", "are for tls.mode=files"),
    (
        "--set=tls.certManagerCertificate=gtoken/hook",
        "are for tls.mode=files",
    ),
    (
        "--set=tls.mode=files,tls.caBundle=bm9uZQ==,tls.certManagerCertificate=gtoken/hook",
        "give one of them",
    ),
    (
        "--set=tls.mode=files,tls.caBundle=bm9uZQ==",
        "tls.caBundle is no certificate",
    ),
    (
        "--kube-version=1.28.9",
        ">=1.29.0-0 which is incompatible with Kubernetes v1.28.9",
    ),
    (
        "--set=labels.bad_/name=x",
        "invalid propertyName 'bad_/name'",
    ),
    ("--set=podLabels.team=a b", "/podLabels/team"),
    ("--set=priorityClassName=High", "/priorityClassName"),
    ("--set=topologyKeys={zone,zone}", "/topologyKeys"),
    (
        "--set=tolerations[0].effects=NoSchedule",
        "'effects' not allowed",
    ),
    ("--set=affinity.nodes.x=1", "'nodes' not allowed"),
    ("--set=webhook.namespaces=some", "/webhook/namespaces"),
    ("--set=webhook.failclosed=true", "'failclosed' not allowed"),
    (
        "--set=webhook.excludedNamespaces={Kube}",
        "/webhook/excludedNamespaces/0",
    ),
    (
        "--set=webhook.failClosed=true,webhook.excludeOwnNamespace=false",
        "webhook.failClosed needs webhook.excludeOwnNamespace",
    ),
    (
        "--set=webhook.failClosed=true,webhook.excludedNamespaces={apps}",
        "webhook.failClosed needs kube-system in webhook.excludedNamespaces",
    ),
    (
        "--set=tls.certManager.enabled=true",
        "tls.certManager.enabled is for tls.mode=files",
    ),
    (
        "--set=tls.mode=files,tls.certManager.enabled=true,tls.certManagerCertificate=gtoken/hook",
        "tls.certManager.enabled says what stands in caBundle",
    ),
    (
        "--set=networkPolicy.apiServerPorts={70000}",
        "/networkPolicy/apiServerPorts/0",
    ),
    (
        "--set=networkPolicy.metricsFrom[0].pods=x",
        "'pods' not allowed",
    ),
    (
        "--set=metrics.serviceMonitor.interval=often",
        "/metrics/serviceMonitor/interval",
    ),
    (
        "--set=metrics.prometheusRule=true",
        "/metrics/prometheusRule",
    ),
    (
        "--set=migration.fromGo=true,tls.mode=files",
        "migration.fromGo needs tls.mode=self",
    ),
    ("--set=migration.from=go", "'from' not allowed"),
    (
        "--set=test.namespace=gtoken",
        "test.namespace is the release's own",
    ),
];

/// Arguments, and what must then stand in the manifests.
pub(super) const RENDERED: &[(&str, &str)] = &[
    ("--set=replicas=3", "replicas: 3"),
    (
        "--set=image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "image: doitintl/gtoken-webhook@sha256:0123456789abcdef",
    ),
    (
        "--set=agent.image.repository=mirror.example/gtoken,agent.image.tag=v1",
        "- --image=mirror.example/gtoken:v1",
    ),
    ("--set=imagePullSecrets[0].name=mirror", "- name: mirror"),
    (
        "--set=agent.imagePullSecrets={mirror}",
        "- --agent-image-pull-secret=mirror",
    ),
    ("--set=agent.flags={--json}", "- \"--agent-flag=--json\""),
    (
        "--set=agent.resources.limits.memory=64Mi",
        "- --agent-memory-limit=64Mi",
    ),
    (
        "--set=agent.runAsUser=2147483647",
        "- --agent-run-as-user=2147483647",
    ),
    (
        "--set=defaults.tokenSource=cluster",
        "- --token-source=cluster",
    ),
    (
        "--set=defaults.audience=example.com: all",
        "- \"--audience=example.com: all\"",
    ),
    ("--set=defaults.region=eu-west-1", "- --region=eu-west-1"),
    (
        "--set=defaults.skipContainers={proxy,cache}",
        "- --skip-containers=proxy,cache",
    ),
    (
        "--set=defaults.includeContainers={app}",
        "- --include-containers=app",
    ),
    (
        "--set-string=aws.accountId=123456789012",
        "- --aws-account-id=123456789012",
    ),
    (
        "--set=annotations.prefixes={aws.example.com}",
        "- --annotation-prefixes=aws.example.com",
    ),
    ("--set-string=tls.minVersion=1.3", "- --tls-min-version=1.3"),
    (
        "--set=extraArgs={--sidecar-mode=native}",
        "- \"--sidecar-mode=native\"",
    ),
    (
        "--set=tls.mode=files",
        "- --tls-cert-file=/etc/webhook/certs/tls.crt",
    ),
    (
        "--set=tls.mode=files,tls.certManagerCertificate=gtoken/hook",
        "cert-manager.io/inject-ca-from: gtoken/hook",
    ),
    ("--set=tls.leafValidity=24h", "- --leaf-validity=24h"),
    ("--set=tls.secretName=certs", "resourceNames: [certs]"),
    (
        "--set=tls.mode=files,tls.caBundle=LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
        "caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
    ),
    ("--set=labels.team=core", "    team: core"),
    ("--set=podLabels.team=core", "        team: core"),
    ("--set=podAnnotations.note=a: b", "note: 'a: b'"),
    ("--set=priorityClassName=high", "priorityClassName: high"),
    (
        "--set=priorityClassName=system-cluster-critical,replicas=3",
        "pods: \"8\"",
    ),
    ("--set=nodeSelector.pool=system", "pool: system"),
    (
        "--set=tolerations[0].key=system,tolerations[0].operator=Exists,tolerations[0].effect=NoSchedule",
        "effect: NoSchedule",
    ),
    (
        "--set-json=affinity={\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"zone\"}]}}",
        "requiredDuringSchedulingIgnoredDuringExecution",
    ),
    (
        "--set=topologyKeys={example.com/rack}",
        "topologyKey: example.com/rack",
    ),
    (
        "--set-json=topologyKeys=[]",
        "terminationGracePeriodSeconds: 40",
    ),
    ("--set=replicas=1", "maxUnavailable: 1"),
    (
        "--set=webhook.namespaces=labelled",
        "key: admission.gtoken/inject",
    ),
    (
        "--set=webhook.failClosed=true",
        "values: [\"true\", \"false\"]\n    failurePolicy: Fail",
    ),
    (
        "--set=webhook.excludedNamespaces={apps}",
        "values: [apps, gtoken]",
    ),
    (
        "--set=webhook.excludedNamespacePrefixes={a-,b-}",
        "!['a-', 'b-'].exists(prefix",
    ),
    (
        "--set-json=webhook.excludedNamespacePrefixes=[]",
        "name: no-mirror-pod",
    ),
    (
        "--set=webhook.excludeOwnNamespace=false",
        "name: not-the-webhook-itself",
    ),
    (
        "--set-json=webhook={\"excludeOwnNamespace\":false,\"excludedNamespaces\":[]}",
        "namespaceSelector:\n      matchExpressions:\n        - key: admission.gtoken/ignore",
    ),
    ("--set=networkPolicy.enabled=true", "kind: NetworkPolicy"),
    (
        "--set-json=networkPolicy={\"enabled\":true,\"apiServerPorts\":[8443],\"metricsFrom\":[{\"namespaceSelector\":{}}]}",
        "- namespaceSelector: {}",
    ),
    (
        "--set=metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.release=prometheus",
        "    release: prometheus",
    ),
    (
        "--set=metrics.prometheusRule.enabled=true",
        "alert: GtokenPodsWithoutCredentials",
    ),
    (
        "--set=metrics.dashboard.enabled=true",
        "grafana_dashboard: \"1\"",
    ),
    (
        "--set=tls.mode=files,tls.certManager.enabled=true",
        "cert-manager.io/inject-ca-from: gtoken/gtoken-webhook",
    ),
    (
        "--set=tls.mode=files,tls.certManager.enabled=true,tls.certManager.issuer.name=vault,tls.certManager.issuer.kind=ClusterIssuer",
        "kind: ClusterIssuer",
    ),
    (
        "--set=migration.fromGo=true",
        "name: mutating-gtoken-webhook-cfg",
    ),
    (
        "--set=migration.fromGo=true,migration.goAnswers=false",
        "automountServiceAccountToken: false",
    ),
    ("--set=test.namespace=probe", "namespace: probe"),
    (
        "--namespace=security",
        "gtoken-webhook-svc\n        namespace: security",
    ),
    // Where Kubernetes is old enough, and calls itself as Google's does.
    ("--kube-version=1.29.0-gke.1", "kind: Deployment"),
];
