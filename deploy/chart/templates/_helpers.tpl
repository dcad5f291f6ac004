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
