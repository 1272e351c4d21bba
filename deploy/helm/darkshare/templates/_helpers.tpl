{{- define "darkshare.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "darkshare.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "darkshare.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "darkshare.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "darkshare.selector" -}}
app.kubernetes.io/name: {{ include "darkshare.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of the pods that darkshare is in. */}}
{{- define "darkshare.pods" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if not .Values.sidecar.podLabels -}}
{{- fail "sidecar.podLabels: the labels of the pods that the sidecar is in" -}}
{{- end -}}
{{- toYaml .Values.sidecar.podLabels -}}
{{- else -}}
{{- include "darkshare.selector" . -}}
{{- end -}}
{{- end -}}

{{- define "darkshare.labels" -}}
{{ include "darkshare.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "darkshare.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "darkshare.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Of a syslog protocol: the port, by [values, protocol], and what carries it. */}}
{{- define "darkshare.syslogPort" -}}
{{- $syslog := (index . 0).syslog -}}
{{- if eq (index . 1) "tls" }}{{ $syslog.tls.port }}{{ else }}{{ $syslog.port }}{{ end -}}
{{- end -}}

{{- define "darkshare.syslogTransport" -}}
{{- if eq . "udp" }}UDP{{ else }}TCP{{ end -}}
{{- end -}}

{{/* The TLS section of the listener. Both Secrets are mounted as one folder. */}}
{{- define "darkshare.syslogTLS" -}}
{{- $tls := dict "cert_file" "/etc/darkshare-tls/tls.crt" "key_file" "/etc/darkshare-tls/tls.key" -}}
{{- if .Values.syslog.tls.clientCASecretName -}}
{{- $_ := set $tls "client_ca_file" "/etc/darkshare-tls/client-ca.crt" -}}
{{- end -}}
{{- toYaml $tls -}}
{{- end -}}

{{/* "true" where the listener has TLS; half of it is a mistake. */}}
{{- define "darkshare.hasTLS" -}}
{{- if eq .Values.mode "syslog" -}}
  {{- $on := has "tls" .Values.syslog.protocols -}}
  {{- with .Values.syslog.tls -}}
    {{- if and $on (not .secretName) -}}
      {{- fail "syslog.tls.secretName: the Secret with tls.crt and tls.key, since syslog.protocols has tls" -}}
    {{- else if and (not $on) (or .secretName .clientCASecretName) -}}
      {{- fail "syslog.protocols: has no tls, which syslog.tls is for" -}}
    {{- end -}}
  {{- end -}}
  {{- if $on }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* "true" where the state is in a folder of the node. */}}
{{- define "darkshare.onNode" -}}
{{- if and (eq .Values.mode "daemonset") (eq .Values.daemonset.state.type "hostPath") }}true{{ end -}}
{{- end -}}

{{/* The configuration file. */}}
{{- define "darkshare.config" -}}
{{- $inputs := list -}}
{{- if eq .Values.mode "daemonset" -}}
  {{- $files := list -}}
  {{- range .Values.daemonset.containers -}}
    {{- $files = append $files (printf "/var/log/pods/%s/*.log" .) -}}
  {{- end -}}
  {{- $inputs = list (dict "name" "containers" "files" $files "wrapping" "cri") -}}
{{- else if eq .Values.mode "syslog" -}}
  {{- range .Values.syslog.protocols -}}
    {{- $syslog := dict "listen" (printf "%s://0.0.0.0:%s" . (include "darkshare.syslogPort" (list $.Values .))) -}}
    {{- if eq . "tls" -}}
      {{- $_ := set $syslog "tls" (include "darkshare.syslogTLS" $ | fromYaml) -}}
    {{- end -}}
    {{- $inputs = append $inputs (dict "name" (printf "syslog-%s" .) "syslog" $syslog) -}}
  {{- end -}}
{{- else if eq .Values.sidecar.input "syslog" -}}
  {{- $inputs = list (dict "name" "proxy" "syslog" (dict "listen" (printf "udp://127.0.0.1:%d" (int .Values.sidecar.port)))) -}}
{{- else -}}
  {{- $inputs = list (dict "name" "proxy" "files" (list .Values.sidecar.file)) -}}
{{- end -}}
{{- if .Values.format -}}
  {{- range $inputs -}}{{- $_ := set . "format" $.Values.format -}}{{- end -}}
{{- end -}}
{{- toYaml (merge (dict "inputs" $inputs "state" (dict "file" "/var/lib/darkshare/state")) .Values.config) -}}
{{- end -}}

{{- define "darkshare.podSecurityContext" -}}
{{- $context := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if eq .Values.mode "daemonset" -}}
{{- /* Runtimes write logs that only root and its group read (0640). */ -}}
{{- $_ := set $context "supplementalGroups" (list 0) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $context (deepCopy .Values.podSecurityContext)) -}}
{{- end -}}

{{/* The container, but for its mounts of logs. */}}
{{- define "darkshare.container" -}}
name: darkshare
image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/darkshare/darkshare.yaml
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
{{- if or .Values.goMemLimit .Values.extraEnv }}
env:
  {{- with .Values.goMemLimit }}
  - name: GOMEMLIMIT
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
ports:
  - name: darkshare
    containerPort: 9464
  {{- if eq .Values.mode "syslog" }}
  {{- range .Values.syslog.protocols }}
  - name: syslog-{{ . }}
    containerPort: {{ include "darkshare.syslogPort" (list $.Values .) }}
    protocol: {{ include "darkshare.syslogTransport" . }}
  {{- end }}
  {{- end }}
readinessProbe:
  httpGet: {path: /-/ready, port: darkshare}
livenessProbe:
  httpGet: {path: /-/healthy, port: darkshare}
  initialDelaySeconds: 10
  failureThreshold: 6
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: darkshare-config, mountPath: /etc/darkshare, readOnly: true}
  - {name: darkshare-state, mountPath: /var/lib/darkshare}
{{- end -}}

{{/* What the daemonset's and the syslog listener's pods have in common. */}}
{{- define "darkshare.pod" -}}
metadata:
  annotations:
    checksum/config: {{ include "darkshare.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "darkshare.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "darkshare.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 30
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "darkshare.podSecurityContext" . | nindent 4 }}
  {{- if and (include "darkshare.onNode" .) .Values.daemonset.state.chown.enabled }}
  initContainers:
    - name: chown
      image: {{ .Values.daemonset.state.chown.image | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [chown, "65532:65532", /var/lib/darkshare]
      resources:
        requests: {cpu: 1m, memory: 4Mi}
        limits: {memory: 16Mi}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: false
        runAsUser: 0
        capabilities: {drop: [ALL], add: [CHOWN]}
        seccompProfile: {type: RuntimeDefault}
      volumeMounts:
        - {name: darkshare-state, mountPath: /var/lib/darkshare}
  {{- end }}
  containers:
    - {{ include "darkshare.container" . | nindent 6 | trim }}
      {{- if eq .Values.mode "daemonset" }}
        - {name: pods, mountPath: /var/log/pods, readOnly: true}
      {{- end }}
      {{- if include "darkshare.hasTLS" . }}
        - {name: tls, mountPath: /etc/darkshare-tls, readOnly: true}
      {{- end }}
  volumes:
    - name: darkshare-config
      configMap: {name: {{ include "darkshare.fullname" . }}-config}
    - name: darkshare-state
      {{- if and (eq .Values.mode "syslog") .Values.syslog.persistence.enabled }}
      persistentVolumeClaim: {claimName: {{ include "darkshare.fullname" . }}-state}
      {{- else if include "darkshare.onNode" . }}
      # Of this release alone: two that wrote one state would stop each other.
      hostPath: {path: {{ printf "%s/%s-%s" (.Values.daemonset.state.path | trimSuffix "/") .Release.Namespace (include "darkshare.fullname" .) | quote }}, type: DirectoryOrCreate}
      {{- else }}
      emptyDir: {sizeLimit: 64Mi}
      {{- end }}
    {{- if eq .Values.mode "daemonset" }}
    - name: pods
      hostPath: {path: /var/log/pods}
    {{- end }}
    {{- if include "darkshare.hasTLS" . }}
    - name: tls
      projected:
        defaultMode: 0440
        sources:
          - secret:
              name: {{ .Values.syslog.tls.secretName }}
              items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
          {{- with .Values.syslog.tls.clientCASecretName }}
          - secret:
              name: {{ . }}
              items: [{key: ca.crt, path: client-ca.crt}]
          {{- end }}
    {{- end }}
{{- end -}}
