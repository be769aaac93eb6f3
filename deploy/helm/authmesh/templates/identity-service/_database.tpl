{{/* The files of a connection to PostgreSQL. Takes root and password. */}}
{{- define "authmesh.databaseFiles" -}}
Identity__Database__PasswordFile: {{ toJson .password }}
{{- if .root.Values.database.rootCertificate.secret }}
database-ca: {{ toJson .root.Values.database.rootCertificate }}
{{- end }}
{{- end }}
