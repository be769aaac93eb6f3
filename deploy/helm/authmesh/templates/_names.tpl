{{/* The full name of a component's objects. Takes a dict of root and component. */}}
{{- define "authmesh.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{/* What tells the pods of a component from all others. */}}
{{- define "authmesh.selector" -}}
app.kubernetes.io/name: authmesh
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "authmesh.labels" -}}
{{ include "authmesh.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The host of the issuer, without its port. */}}
{{- define "authmesh.host" -}}
{{ (urlParse .Values.issuer).hostname }}
{{- end }}

{{/* The address of the identity service inside. Its name has the address of every replica. */}}
{{- define "authmesh.identityHost" -}}
{{ include "authmesh.name" (dict "root" . "component" "identity-service") }}
{{- end }}
