{{/* What every pod has: no rights in its container, on its node or at the API server. */}}
{{- define "authmesh.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false # would put the addresses of all Services into the environment, where settings are read
securityContext:
  runAsNonRoot: true
  runAsUser: 1654
  runAsGroup: 1654
  fsGroup: 1654 # reads the mounted secrets
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "authmesh.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Variables: the settings, and for each secret file the setting that names it. Takes settings and files. */}}
{{- define "authmesh.env" -}}
env:
  {{- range $name, $value := .settings }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
  {{- end }}
  {{- range $name, $ref := .files }}
  {{- if ne $name "database-ca" }}
  - { name: {{ $name }}, value: /run/authmesh/{{ $name }} }
  {{- end }}
  {{- end }}
volumeMounts:
  - { name: secrets, mountPath: /run/authmesh, readOnly: true }
{{- end }}

{{/* One folder with a file for each secret, under the name of its setting. */}}
{{- define "authmesh.volumes" -}}
volumes:
  - name: secrets
    projected:
      defaultMode: 288 # 0440
      sources:
        {{- range $name, $ref := .files }}
        - secret:
            name: {{ $ref.secret }}
            items: [{ key: {{ $ref.key | quote }}, path: {{ $name }} }]
        {{- end }}
{{- end }}

{{/* A connection string with the certificate authority, if the values name one. */}}
{{- define "authmesh.connectionString" -}}
{{ .connectionString }}{{ if .root.Values.database.rootCertificate.secret }};Root Certificate=/run/authmesh/database-ca{{ end }}
{{- end }}
