{{/* What makes a pod ours. Neither release nor version is part of it: a Deployment's selector can never change. */}}
{{- define "gtoken.selector" -}}
app.kubernetes.io/name: gtoken-webhook
{{- end }}

{{/* The labels of every object. Helm itself adds who manages them. */}}
{{- define "gtoken.labels" -}}
{{ include "gtoken.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: gtoken
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The name of the webhook configuration, and of its entry for pods that demand nothing: ours, or those of the Go gtoken. */}}
{{- define "gtoken.configuration" -}}
{{ ternary "mutating-gtoken-webhook-cfg" "gtoken-webhook" .Values.migration.fromGo }}
{{- end }}
{{- define "gtoken.optional" -}}
{{ ternary "gtoken.doit-intl.com" "optional.pods.gtoken" .Values.migration.fromGo }}
{{- end }}

{{/* The port that reviews are taken on: the one that the firewall of a private GKE cluster lets API servers reach, or the Go gtoken's. */}}
{{- define "gtoken.port" -}}
{{ ternary 8443 10250 .Values.migration.fromGo }}
{{- end }}

{{/* An image by its name: its values, then the version that an empty tag means. */}}
{{- define "gtoken.image" -}}
{{- $image := index . 0 -}}
{{- $version := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (printf "v%s" $version) $image.tag }}
{{- end -}}
{{- end }}

{{/* The Certificate of cert-manager whose authority stands in caBundle; empty where there is none. */}}
{{- define "gtoken.certificate" -}}
{{- if .Values.tls.certManager.enabled -}}
{{ .Release.Namespace }}/gtoken-webhook
{{- else -}}
{{ .Values.tls.certManagerCertificate }}
{{- end -}}
{{- end }}

{{/* Refuses what cannot be meant, for each value alone is right. */}}
{{- define "gtoken.contradictions" -}}
{{- with .Values.tls }}
{{- if and (eq .mode "self") .certManager.enabled }}
{{- fail "tls.certManager.enabled is for tls.mode=files; with self the webhook makes its own certificate" }}
{{- end }}
{{- if and (eq .mode "self") (or .caBundle .certManagerCertificate) }}
{{- fail "tls.caBundle and tls.certManagerCertificate are for tls.mode=files; with self the webhook keeps caBundle" }}
{{- end }}
{{- if and .certManager.enabled (or .caBundle .certManagerCertificate) }}
{{- fail "tls.certManager.enabled says what stands in caBundle; leave tls.caBundle and tls.certManagerCertificate empty" }}
{{- end }}
{{- if and .caBundle .certManagerCertificate }}
{{- fail "tls.caBundle and tls.certManagerCertificate both say what stands in caBundle; give one of them" }}
{{- end }}
{{- end }}
{{- with .Values.webhook }}
{{- if and .failClosed (not .excludeOwnNamespace) }}
{{- fail "webhook.failClosed needs webhook.excludeOwnNamespace: the webhook's own pods would wait for the webhook, for ever" }}
{{- end }}
{{- if and .failClosed (not (has "kube-system" .excludedNamespaces)) }}
{{- fail "webhook.failClosed needs kube-system in webhook.excludedNamespaces: a cluster could not mend itself while no webhook answers" }}
{{- end }}
{{- end }}
{{- if and .Values.migration.fromGo (ne .Values.tls.mode "self") }}
{{- fail "migration.fromGo needs tls.mode=self, which keeps the authority of the Go gtoken trusted while its pods answer" }}
{{- end }}
{{- if eq .Values.test.namespace .Release.Namespace }}
{{- fail "test.namespace is the release's own, whose pods are left alone; give another, which is made and removed" }}
{{- end }}
{{- with lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" (include "gtoken.configuration" .) }}
{{- $release := dig "annotations" "meta.helm.sh/release-name" "" .metadata }}
{{- $namespace := dig "annotations" "meta.helm.sh/release-namespace" "" .metadata }}
{{- if and $release (or (ne $release $.Release.Name) (ne $namespace $.Release.Namespace)) }}
{{- fail (printf "gtoken-webhook is in this cluster already, as the release %s in the namespace %s; a cluster has one, so upgrade or uninstall that" $release $namespace) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What makes an object one of `helm test`, by its place among them. */}}
{{- define "gtoken.test" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* How the API server reaches a path of ours; what it trusts is left as it is in the cluster where no value says it. */}}
{{- define "gtoken.clientConfig" -}}
service:
  name: gtoken-webhook-svc
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- with .root.Values.tls.caBundle }}
{{- if not (contains "-----BEGIN CERTIFICATE-----" (b64dec .)) }}
{{- fail "tls.caBundle is no certificate: it is one in PEM, in base64, as `base64 --wrap=0 ca.crt` writes it" }}
{{- end }}
caBundle: {{ . }}
{{- end }}
{{- end }}

{{/* What both entries of pods have in common. */}}
{{- define "gtoken.pods" -}}
rules:
  - operations: [CREATE]
    apiGroups: [""]
    apiVersions: [v1]
    resources: [pods]
    scope: Namespaced
reinvocationPolicy: IfNeeded
# What no webhook needs to be asked about.
matchConditions:
  # Kubelet's own pods, which stand in files of a node.
  - name: no-mirror-pod
    expression: "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"
  {{- with .Values.webhook.excludedNamespacePrefixes }}
  - name: no-managed-namespace
    expression: "!['{{ join "', '" . }}'].exists(prefix, request.namespace.startsWith(prefix))"
  {{- end }}
  {{- if not .Values.webhook.excludeOwnNamespace }}
  - name: not-the-webhook-itself
    expression: "request.namespace != '{{ .Release.Namespace }}' || !has(object.spec.serviceAccountName) || object.spec.serviceAccountName != 'gtoken-webhook-sa'"
  {{- end }}
{{ include "gtoken.entry" . }}
{{- end }}

{{/* The rest of what all entries have in common. */}}
{{- define "gtoken.entry" -}}
{{- $own := ternary (list .Release.Namespace) list .Values.webhook.excludeOwnNamespace -}}
{{- $excluded := concat .Values.webhook.excludedNamespaces $own | uniq | sortAlpha -}}
namespaceSelector:
  matchExpressions:
    {{- with $excluded }}
    # Neither our own pods nor those that a cluster mends itself with may ever wait for us.
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [{{ join ", " . }}]
    {{- end }}
    - key: admission.gtoken/ignore
      operator: DoesNotExist
    {{- if eq .Values.webhook.namespaces "labelled" }}
    - key: admission.gtoken/inject
      operator: In
      values: ["true"]
    {{- end }}
matchPolicy: Equivalent
sideEffects: None
timeoutSeconds: 5
admissionReviewVersions: [v1, v1beta1]
{{- end }}

{{/* The flags that say what is injected. Quoted are those with characters that YAML has a meaning for. */}}
{{- define "gtoken.injection" -}}
{{- with .Values.agent -}}
- --agent-cpu-request={{ .resources.requests.cpu }}
- --agent-memory-request={{ .resources.requests.memory }}
- --agent-cpu-limit={{ .resources.limits.cpu }}
- --agent-memory-limit={{ .resources.limits.memory }}
- --agent-run-as-user={{ int64 .runAsUser }}
- --volume-name={{ .volume.name }}
- --volume-path={{ .volume.path }}
- --token-file={{ .volume.tokenFile }}
{{- range .imagePullSecrets }}
- --agent-image-pull-secret={{ . }}
{{- end }}
{{- range .flags }}
- {{ printf "--agent-flag=%s" . | quote }}
{{- end }}
{{- end }}
{{- with .Values.defaults }}
- --token-source={{ .tokenSource }}
- --sidecar-mode={{ .sidecarMode }}
{{- with .audience }}
- {{ printf "--audience=%s" . | quote }}
{{- end }}
- --token-expiration={{ int64 .tokenExpiration }}
- {{ printf "--session-name=%s" .sessionName | quote }}
{{- with .region }}
- --region={{ . }}
{{- end }}
- --sts-regional-endpoints={{ .stsRegionalEndpoints }}
{{- with .skipContainers }}
- --skip-containers={{ join "," . }}
{{- end }}
{{- with .includeContainers }}
- --include-containers={{ join "," . }}
{{- end }}
{{- end }}
- --annotation-prefixes={{ join "," .Values.annotations.prefixes }}
{{- with .Values.aws }}
{{- if .accountId }}
- --aws-account-id={{ .accountId }}
- --aws-partition={{ .partition }}
{{- end }}
{{- end }}
{{- end }}
