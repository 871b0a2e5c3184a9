//! Fields of the well-known kinds whose value has a type that their field cannot have: `replicas: one`.
//!
//! The API server refuses them without a line. Not its whole schema: fields whose name has one type everywhere in
//! these kinds (`kubernetes: api/openapi-spec/swagger.json`); texts that YAML reads as something else are
//! [`super::normal`]'s.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::words;
use crate::pointer;
use crate::pointer::below;
use serde_json::Value;

/// The kinds that the names below were collected from.
const KINDS: [(&str, &[&str]); 6] = [
    ("apps", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["CronJob", "Job"]),
    ("networking.k8s.io", &["Ingress"]),
    ("policy", &["PodDisruptionBudget"]),
    ("", &["PersistentVolumeClaim", "Pod", "ReplicationController", "Service"]),
];

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Integer,
    Boolean,
    Text,
    List,
    Mapping,
}

const FIELDS: [(Type, &[&str]); 5] = [
    (
        Type::Integer,
        &[
            "activeDeadlineSeconds",
            "averageUtilization",
            "backoffLimit",
            "backoffLimitPerIndex",
            "completions",
            "containerPort",
            "defaultMode",
            "expirationSeconds",
            "failedJobsHistoryLimit",
            "failureThreshold",
            "fsGroup",
            "healthCheckNodePort",
            "hostPort",
            "initialDelaySeconds",
            "maxReplicas",
            "maxSkew",
            "minDomains",
            "minReadySeconds",
            "minReplicas",
            "nodePort",
            "number",
            "parallelism",
            "partition",
            "periodSeconds",
            "progressDeadlineSeconds",
            "replicas",
            "revisionHistoryLimit",
            "runAsGroup",
            "runAsUser",
            "stabilizationWindowSeconds",
            "startingDeadlineSeconds",
            "successThreshold",
            "successfulJobsHistoryLimit",
            "targetCPUUtilizationPercentage",
            "terminationGracePeriodSeconds",
            "timeoutSeconds",
            "tolerationSeconds",
            "ttlSecondsAfterFinished",
            "weight",
        ],
    ),
    (
        Type::Boolean,
        &[
            "allocateLoadBalancerNodePorts",
            "allowPrivilegeEscalation",
            "automountServiceAccountToken",
            "enableServiceLinks",
            "hostIPC",
            "hostNetwork",
            "hostPID",
            "optional",
            "paused",
            "privileged",
            "publishNotReadyAddresses",
            "readOnly",
            "readOnlyRootFilesystem",
            "runAsNonRoot",
            "shareProcessNamespace",
            "stdin",
            "suspend",
            "tty",
        ],
    ),
    (
        Type::Text,
        &[
            "claimName",
            "clusterIP",
            "concurrencyPolicy",
            "host",
            "imagePullPolicy",
            "ingressClassName",
            "key",
            "mountPath",
            "name",
            "path",
            "pathType",
            "protocol",
            "restartPolicy",
            "schedule",
            "secretName",
            "serviceAccountName",
            "serviceName",
            "storageClassName",
            "subPath",
            "type",
            "workingDir",
        ],
    ),
    (
        Type::List,
        &[
            "accessModes",
            "args",
            "command",
            "containers",
            "env",
            "envFrom",
            "hostAliases",
            "imagePullSecrets",
            "initContainers",
            "metrics",
            "paths",
            "ports",
            "readinessGates",
            "rules",
            "schedulingGates",
            "tls",
            "tolerations",
            "topologySpreadConstraints",
            "volumeClaimTemplates",
            "volumeMounts",
            "volumes",
        ],
    ),
    (
        Type::Mapping,
        &[
            "affinity",
            "annotations",
            "backend",
            "capabilities",
            "configMap",
            "configMapKeyRef",
            "configMapRef",
            "emptyDir",
            "exec",
            "hostPath",
            "http",
            "httpGet",
            "jobTemplate",
            "labels",
            "lifecycle",
            "limits",
            "livenessProbe",
            "matchLabels",
            "metadata",
            "nodeSelector",
            "persistentVolumeClaim",
            "readinessProbe",
            "requests",
            "resources",
            "rollingUpdate",
            "scaleTargetRef",
            "secretKeyRef",
            "secretRef",
            "securityContext",
            "selector",
            "spec",
            "startupProbe",
            "strategy",
            "tcpSocket",
            "template",
            "updateStrategy",
            "valueFrom",
        ],
    ),
];

/// Mappings whose keys are the user's own.
const FREE: [&str; 7] =
    ["annotations", "labels", "limits", "matchLabels", "nodeSelector", "requests", "volumeAttributes"];

/// Each field of `object` with a value of another type.
pub(super) fn check(object: &Object) -> Vec<Finding> {
    let (group, kind) = (object.group(), object.kind());
    if !KINDS.iter().any(|(of, kinds)| *of == group && kinds.contains(&kind)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    walk(object, "/spec", "spec", &object.value["spec"], &mut found);
    found
}

fn walk(object: &Object, pointer: &str, name: &str, value: &Value, found: &mut Vec<Finding>) {
    if let Some(wanted) = wanted(object, pointer, name).filter(|wanted| !wanted.accepts(value)) {
        found.push(wrong_type(object, pointer, wanted, value));
        return;
    }
    found.extend(words::check(object, pointer, name, value));
    let is_free = FREE.contains(&name) || pointer == "/spec/selector" && object.kind() == "Service";
    match value {
        Value::Object(fields) if !is_free => {
            for (key, value) in fields {
                walk(object, &below(pointer, key), key, value, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(object, &format!("{pointer}/{index}"), "", item, found);
            }
        }
        _ => {}
    }
}

fn wanted(object: &Object, pointer: &str, name: &str) -> Option<Type> {
    // In a Service a number; a probe and an Ingress may name a port.
    if name == "port" && object.kind() == "Service" && pointer.starts_with("/spec/ports/") {
        return Some(Type::Integer);
    }
    // A volume's is a mapping.
    if name == "image" && is_container(pointer) {
        return Some(Type::Text);
    }
    FIELDS.iter().find(|(_, names)| names.contains(&name)).map(|(wanted, _)| *wanted)
}

/// Whether a field is one of a container.
fn is_container(pointer: &str) -> bool {
    let list = pointer.rsplit('/').nth(2).unwrap_or_default();
    ["containers", "initContainers", "ephemeralContainers"].contains(&list)
}

impl Type {
    /// An absent value is one of every type.
    fn accepts(self, value: &Value) -> bool {
        value.is_null()
            || match self {
                Type::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                Type::Boolean => value.is_boolean(),
                Type::Text => value.is_string(),
                Type::List => value.is_array(),
                Type::Mapping => value.is_object(),
            }
    }

    fn as_str(self) -> &'static str {
        match self {
            Type::Integer => "a whole number",
            Type::Boolean => "true or false",
            Type::Text => "a string",
            Type::List => "a list",
            Type::Mapping => "a mapping",
        }
    }

    fn help(self, value: &Value) -> String {
        let plain = value.as_str().unwrap_or_default();
        match self {
            Type::Integer if plain.parse::<i64>().is_ok() => format!("write {plain} without quotes"),
            Type::Boolean if matches!(plain, "true" | "false") => format!("write {plain} without quotes"),
            Type::Text if !value.is_array() && !value.is_object() => "put the value in quotes".to_owned(),
            Type::List if value.is_string() => {
                "write a list: `[\"…\", \"…\"]`, or `- …` on separate lines".to_owned()
            }
            Type::List => "begin each item with `- `".to_owned(),
            _ => format!("write {} here", self.as_str()),
        }
    }
}

fn wrong_type(object: &Object, pointer: &str, wanted: Type, value: &Value) -> Finding {
    let is = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    };
    let path = pointer::key(pointer);
    let path = path.trim_start_matches('/');
    Code::ValueWrongType
        .error(format!("`{path}` must be {}, but is {is}", wanted.as_str()))
        .at(object.place_of(pointer).clone())
        .help(wanted.help(value))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::event::Code;
    use crate::manifest::Object;
    use crate::manifest::yaml;
    use std::path::Path;

    fn found(text: &str) -> Vec<(Code, String)> {
        let document = yaml::documents(text, Path::new("a.yaml")).0.remove(0);
        let object =
            Object { value: document.value.into(), place: document.place, places: document.places.into() };
        let one = |finding: crate::event::Finding| (finding.code, finding.place.unwrap().to_string());
        check(&object).into_iter().map(one).collect()
    }

    fn deployment(spec: &str, container: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  {spec}\n  template:\n    spec:\n      containers:\n      - name: web\n        {container}\n"
        )
    }

    #[test]
    fn a_value_of_another_type_is_told_at_its_line() {
        for (spec, container, lines) in [
            ("replicas: one", "image: web", vec!["a.yaml:5:13"]),
            ("replicas: \"2\"", "image: web", vec!["a.yaml:5:13"]),
            ("replicas: 1.5", "image: web", vec!["a.yaml:5:13"]),
            ("strategy: Recreate", "command: npm start", vec!["a.yaml:5:13", "a.yaml:10:18"]),
            ("paused: \"true\"", "env: {A: b}", vec!["a.yaml:5:11", "a.yaml:10:14"]),
            ("replicas: 2", "image: {name: web}", vec!["a.yaml:10:16"]),
            ("replicas: 2", "ports: [{containerPort: \"80\"}]", vec!["a.yaml:10:33"]),
            ("replicas: 2", "ports: [{containerPort: 80, name: 80}]", vec!["a.yaml:10:43"]),
        ] {
            let (codes, places): (Vec<Code>, Vec<String>) =
                found(&deployment(spec, container)).into_iter().unzip();
            assert_eq!(places, lines, "{spec} {container}");
            assert!(codes.iter().all(|code| *code == Code::ValueWrongType));
        }
    }

    #[test]
    fn what_the_server_takes_is_no_mistake() {
        for text in [
            deployment("replicas: null", "livenessProbe: {httpGet: {port: http, path: /}}"),
            deployment("replicas: 2", "image: web\n      volumes: [{name: a, image: {reference: b}}]"),
            deployment("replicas: 2.0", "resources: {limits: {cpu: 1, memory: 1Gi, ports: 1}}"),
            deployment("selector: {matchLabels: {replicas: one}}", "livenessProbe: {grpc: {port: 1, service: x}}"),
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {replicas: one, ports: x}, ports: [{port: 80, targetPort: http}]}".into(),
            "apiVersion: example.org/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: one}".into(),
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: '@daily', suspend: false, jobTemplate: {spec: {backoffLimit: 0}}}".into(),
        ] {
            assert_eq!(found(&text), [], "{text}");
        }
    }

    #[test]
    fn a_service_has_numbers_for_ports() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: http\n    targetPort: http\n";
        assert_eq!(found(text), [(Code::ValueWrongType, "a.yaml:6:11".to_owned())]);
    }
}
