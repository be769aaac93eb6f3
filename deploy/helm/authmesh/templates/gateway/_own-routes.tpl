{{/*
The settings of the gateway for the services of your own. The names of routes and clusters begin with own-, so that none of them replaces a
part of a route of the mesh.
*/}}
{{- define "authmesh.ownRoutes" -}}
{{- range $name, $service := .Values.ownServices }}
{{- $cluster := printf "ReverseProxy__Clusters__own-%s" $name }}
{{- $host := $service.host }}
{{- if $service.namespace }}{{ $host = printf "%s.%s" $host $service.namespace }}{{ end }}
{{ $cluster }}__Destinations__one__Address: {{ printf "http://%s:%d/" $host (int $service.port) | quote }}
{{ $cluster }}__LoadBalancingPolicy: PowerOfTwoChoices
{{ $cluster }}__HealthCheck__Active__Enabled: "true"
{{ $cluster }}__HealthCheck__Active__Interval: "00:00:01"
{{ $cluster }}__HealthCheck__Active__Timeout: "00:00:02"
{{ $cluster }}__HealthCheck__Active__Policy: Readiness
{{ $cluster }}__HealthCheck__Active__Path: /health/ready
{{- if $service.http2 }}
{{ $cluster }}__HttpRequest__Version: "2"
{{ $cluster }}__HttpRequest__VersionPolicy: RequestVersionExact
{{- end }}
{{- range $routeName, $route := $service.routes }}
{{- $prefix := printf "ReverseProxy__Routes__own-%s-%s" $name $routeName }}
{{ $prefix }}__ClusterId: own-{{ $name }}
{{ $prefix }}__Match__Path: {{ $route.path | quote }}
{{- range $index, $method := $route.methods }}
{{ $prefix }}__Match__Methods__{{ $index }}: {{ $method }}
{{- end }}
{{ $prefix }}__AuthorizationPolicy: {{ $route.policy }}
{{- if hasKey $route "maxRequestBodySize" }}
{{ $prefix }}__MaxRequestBodySize: {{ int64 $route.maxRequestBodySize | quote }}
{{- end }}
{{- with $route.timeout }}
{{ $prefix }}__Timeout: {{ . | quote }}
{{- end }}
{{- range $key, $value := $route.metadata }}
{{ $prefix }}__Metadata__{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
