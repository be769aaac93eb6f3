{{/*
A service of the mesh. Takes root, component, values, image, replicas (0 if an autoscaler decides), ports, probes (the name of the port that
answers them), settings and files.
*/}}
{{- define "authmesh.deployment" -}}
{{- $settings := merge (deepCopy .values.settings) .root.Values.settings .settings (dict
      "ASPNETCORE_ENVIRONMENT" "Production"
      "AuthMesh__Issuer" .root.Values.issuer) }}
{{- $ports := deepCopy .ports }}
{{- if .root.Values.metrics.enabled }}
  {{- $settings = merge $settings (dict "AuthMesh__MetricsUrl" "http://+:9464") }}
  {{- $_ := set $ports "metrics" 9464 }}
{{- end }}
{{- $files := merge (deepCopy .values.secretFiles) .files (dict "AuthMesh__ServiceKeyFile" .root.Values.serviceKey) }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "authmesh.name" . }}
  labels:
    {{- include "authmesh.labels" . | nindent 4 }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  selector:
    matchLabels:
      {{- include "authmesh.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "authmesh.selector" . | nindent 8 }}
      {{- with .root.Values.pods.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "authmesh.podDefaults" . | nindent 6 }}
      serviceAccountName: {{ .root.Release.Name }}
      # From SIGTERM on, a service answers 503 at its readiness. It ends by itself within 28 seconds, and a busy node takes its time.
      terminationGracePeriodSeconds: 45
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "authmesh.selector" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ .image }}
          {{- include "authmesh.containerSecurity" . | nindent 10 }}
          ports:
            {{- range $name, $port := $ports }}
            - { name: {{ $name }}, containerPort: {{ $port }} }
            {{- end }}
          {{- include "authmesh.env" (dict "settings" $settings "files" $files) | nindent 10 }}
          # The process alone: a service waits by itself for what it needs, and a restart would not make that come sooner.
          startupProbe:
            httpGet: { path: /health/live, port: {{ .probes }} }
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 60
          readinessProbe:
            httpGet: { path: /health/ready, port: {{ .probes }} }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 2
          livenessProbe:
            httpGet: { path: /health/live, port: {{ .probes }} }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          resources:
            {{- toYaml .values.resources | nindent 12 }}
      {{- include "authmesh.volumes" (dict "files" $files) | nindent 6 }}
{{- end }}

{{/* Lets a drain of nodes take one pod after the other, and never keeps it from taking one that does not work anyway. */}}
{{- define "authmesh.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "authmesh.name" . }}
  labels:
    {{- include "authmesh.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "authmesh.selector" . | nindent 6 }}
{{- end }}

{{/* A name that has the address of every ready pod, so that clients see each replica. */}}
{{- define "authmesh.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "authmesh.name" . }}
  labels:
    {{- include "authmesh.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector:
    {{- include "authmesh.selector" . | nindent 4 }}
  ports:
    - { name: http, port: 8080, targetPort: http }
    - { name: http2, port: 8082, targetPort: http2 }
{{- end }}
