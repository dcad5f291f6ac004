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

{{/* How the API server reaches a path of ours; what it trusts is left as it is in the cluster where no value says it. */}}
{{- define "gtoken.clientConfig" -}}
service:
  name: gtoken-webhook-svc
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- with .root.Values.tls }}
{{- if and (eq .mode "self") (or .caBundle .certManagerCertificate) }}
{{- fail "tls.caBundle and tls.certManagerCertificate are for tls.mode=files; with self the webhook keeps caBundle" }}
{{- end }}
{{- if and .caBundle .certManagerCertificate }}
{{- fail "tls.caBundle and tls.certManagerCertificate both say what stands in caBundle; give one of them" }}
{{- end }}
{{- end }}
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
{{ include "gtoken.entry" . }}
{{- end }}

{{/* The rest of what all entries have in common. */}}
{{- define "gtoken.entry" -}}
namespaceSelector:
  matchExpressions:
    # Neither our own pods nor those that a cluster mends itself with may ever wait for us.
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [{{ list .Release.Namespace "kube-node-lease" "kube-public" "kube-system" | uniq | join ", " }}]
    - key: admission.gtoken/ignore
      operator: DoesNotExist
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
