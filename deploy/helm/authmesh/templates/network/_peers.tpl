{{/* What every pod may reach: names, and the collector of telemetry. */}}
{{- define "authmesh.commonEgress" -}}
- to:
    {{- toYaml .Values.networkPolicies.dns.to | nindent 4 }}
  ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
{{- with .Values.networkPolicies.telemetry }}
{{- if .to }}
- to:
    {{- toYaml .to | nindent 4 }}
  ports: [{ port: {{ .port }} }]
{{- end }}
{{- end }}
{{- end }}

{{/* Who reads the metrics of every pod. Takes the root. */}}
{{- define "authmesh.metricsIngress" -}}
- from:
    {{- toYaml .Values.metrics.from | nindent 4 }}
  ports: [{ port: metrics }]
{{- end }}

{{- define "authmesh.postgresEgress" -}}
- to:
    {{- toYaml .Values.networkPolicies.postgres.to | nindent 4 }}
  ports: [{ port: {{ .Values.networkPolicies.postgres.port }} }]
{{- end }}

{{/* The pods of a component, as a peer. */}}
{{- define "authmesh.peer" -}}
- podSelector:
    matchLabels:
      {{- include "authmesh.selector" . | nindent 6 }}
{{- end }}

{{/* The pods of a service of your own, as a peer. */}}
{{- define "authmesh.ownPeer" -}}
- podSelector:
    matchLabels:
      {{- toYaml .podLabels | nindent 6 }}
  {{- with .namespace }}
  namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ . }} } }
  {{- end }}
{{- end }}
