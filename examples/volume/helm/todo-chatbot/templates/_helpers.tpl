{{- define "todo-chatbot.selector" -}}
app: todo-chatbot
component: {{ . }}
{{- end }}

{{- define "todo-chatbot.labels" -}}
app: todo-chatbot
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
