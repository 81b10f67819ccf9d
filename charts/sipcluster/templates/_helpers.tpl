{{- define "sipcluster.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sipcluster.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "sipcluster.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "sipcluster.name" .) -}}
{{- end -}}

{{- define "sipcluster.selector" -}}
app.kubernetes.io/name: sipcluster-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sipcluster.labels" -}}
{{ include "sipcluster.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
