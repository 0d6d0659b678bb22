{{- define "mesh.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "mesh.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "mesh.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "mesh.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The headless Service: the names and the endpoints of all servers, ready or not. */}}
{{- define "mesh.headless" -}}
{{- include "mesh.fullname" . }}-servers
{{- end -}}

{{- define "mesh.serviceAccount" -}}
{{- default (ternary (include "mesh.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Pods of one component: {root, component}. */}}
{{- define "mesh.selector" -}}
app.kubernetes.io/name: {{ include "mesh.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mesh.labels" -}}
{{ include "mesh.selector" . }}
app.kubernetes.io/part-of: mesh
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image: {root, image}. */}}
{{- define "mesh.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{- define "mesh.tokenSecret" -}}
{{- default (printf "%s-token" (include "mesh.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "mesh.tlsSecret" -}}
{{- default (printf "%s-tls" (include "mesh.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{- define "mesh.serverName" -}}
{{- default (printf "%s.%s.svc" (include "mesh.fullname" .) .Release.Namespace) .Values.tls.serverName -}}
{{- end -}}

{{/* The service's replicas that this chart starts, as numbers. */}}
{{- define "mesh.discoveryReplicas" -}}
{{- if and (eq .Values.discovery.mode "service") (not .Values.discovery.service.addresses) -}}
{{- .Values.discovery.service.replicas -}}
{{- else -}}
0
{{- end -}}
{{- end -}}

{{- define "mesh.discoveryAddresses" -}}
{{- if .Values.discovery.service.addresses -}}
{{- join "," .Values.discovery.service.addresses -}}
{{- else -}}
{{- $all := list -}}
{{- range $i := until (int .Values.discovery.service.replicas) -}}
{{- $all = append $all (printf "%s://%s-discovery-%d:%d" (ternary "wss" "ws" $.Values.tls.enabled) (include "mesh.fullname" $) $i (int $.Values.discovery.service.port)) -}}
{{- end -}}
{{- join "," $all -}}
{{- end -}}
{{- end -}}

{{/* What servers and discovery read alike. */}}
{{- define "mesh.sharedEnv" -}}
- {name: MESH_AUTH_TOKEN_FILE, value: /etc/mesh/token/{{ .Values.auth.key }}}
{{- if .Values.tls.enabled }}
- {name: MESH_TLS_CERT, value: /etc/mesh/tls/tls.crt}
- {name: MESH_TLS_KEY, value: /etc/mesh/tls/tls.key}
{{- if .Values.tls.mutual }}
- {name: MESH_TLS_CA, value: /etc/mesh/tls/ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{- define "mesh.sharedMounts" -}}
- {name: token, mountPath: /etc/mesh/token, readOnly: true}
{{- if .Values.tls.enabled }}
- {name: tls, mountPath: /etc/mesh/tls, readOnly: true}
{{- end }}
{{- end -}}

{{- define "mesh.sharedVolumes" -}}
- name: token
  secret: {secretName: {{ include "mesh.tokenSecret" . }}, defaultMode: 0440}
{{- if .Values.tls.enabled }}
- name: tls
  secret: {secretName: {{ include "mesh.tlsSecret" . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* A probe: {root, path, timing}. With a certificate the operators' port speaks TLS. */}}
{{- define "mesh.probe" -}}
httpGet: {path: {{ .path }}, port: ops{{ if .root.Values.tls.enabled }}, scheme: HTTPS{{ end }}}
{{ toYaml .timing }}
{{- end -}}

{{/* How Prometheus scrapes: {root, job}. The rules of alerts.yml know jobs by these names. */}}
{{- define "mesh.scrape" -}}
- port: ops
  path: /metrics
  interval: {{ .root.Values.monitoring.serviceMonitor.interval }}
  authorization:
    credentials: {name: {{ include "mesh.tokenSecret" .root }}, key: {{ .root.Values.auth.key }}}
  {{- if .root.Values.tls.enabled }}
  scheme: https
  tlsConfig:
    serverName: {{ include "mesh.serverName" .root }}
    ca: {secret: {name: {{ include "mesh.tlsSecret" .root }}, key: ca.crt}}
  {{- end }}
  relabelings:
    - {targetLabel: job, replacement: {{ .job }}}
{{- end -}}
