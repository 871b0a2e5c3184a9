//! Fields that another client has left, in objects as an API server sends them.

#![expect(clippy::needless_pass_by_value, reason = "values are written where they are given")]

use super::Leftover;
use super::claim;
use super::leftovers;
use kube::core::Status;
use serde_json::Value;
use serde_json::json;

fn refusal(field: &str, message: &str) -> Status {
    serde_json::from_value(
        json!({"status": "Failure", "code": 422, "reason": "Invalid", "message": "is invalid",
        "details": {"causes": [{"reason": "FieldValueInvalid", "field": field, "message": message}]}}),
    )
    .unwrap()
}

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
}

/// A Deployment whose pod has this spec, as the cluster has it; `owners` own fields of the pod's spec.
fn live(pod: Value, owners: &[(&str, &str, Value)]) -> Value {
    let fields = |of: &Value| json!({"f:spec": {"f:template": {"f:spec": of}}});
    let entries: Vec<Value> =
        owners.iter().map(|(manager, operation, of)| entry(manager, operation, &fields(of))).collect();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "resourceVersion": "7", "managedFields": entries},
           "spec": {"template": {"spec": pod}}})
}

fn body(pod: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}})
}

fn fields(found: &[Leftover]) -> Vec<String> {
    found.iter().map(|item| format!("{} {}", item.field(), item.managers.join(","))).collect()
}

const POD: &str = "spec.template.spec";

fn variables() -> (Value, Value) {
    let from = json!({"configMapKeyRef": {"name": "settings", "key": "level"}});
    let written =
        body(json!({"containers": [{"name": "web", "env": [{"name": "LEVEL", "valueFrom": from}]}]}));
    let there = live(
        json!({"containers": [{"name": "web", "env": [{"name": "OTHER", "value": "x"}, {"name": "LEVEL", "value": "debug"}]}]}),
        &[
            (
                "todo",
                "Apply",
                json!({"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:env": {"k:{\"name\":\"LEVEL\"}": {".": {}, "f:name": {}}}}}}),
            ),
            (
                "kubectl-set",
                "Update",
                json!({"f:containers": {"k:{\"name\":\"web\"}": {"f:env": {
                "k:{\"name\":\"OTHER\"}": {".": {}, "f:name": {}, "f:value": {}},
                "k:{\"name\":\"LEVEL\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}),
            ),
        ],
    );
    (written, there)
}

#[test]
fn the_value_of_another_manager_beside_our_value_from_is_found_wherever_it_is() {
    let (written, there) = variables();
    let status = refusal(
        &format!("{POD}.containers[0].env[0].valueFrom"),
        "Invalid value: \"\": may not be specified when `value` is not empty",
    );
    let found = leftovers(&written, &there, &status);
    assert_eq!(
        fields(&found),
        [format!("{POD}.containers[name=\"web\"].env[name=\"LEVEL\"].value kubectl-set")]
    );
    assert_eq!(found[0].pointer(), "/spec/template/spec/containers/0/env/1/value");
    assert_eq!(found[0].variable(), Some("LEVEL"));
    assert_eq!(found[0].beside, "/spec/template/spec/containers/0/env/0");
}

#[test]
fn what_is_claimed_becomes_ours_and_nobody_elses() {
    let (written, there) = variables();
    let status = refusal(&format!("{POD}.containers[0].env[1].valueFrom"), "may not be specified");
    let patch = claim(&there, None, &leftovers(&written, &there, &status)).unwrap();
    let containers = |entry: &Value| {
        entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"web\"}"]["f:env"]
            .clone()
    };
    let entries = patch[0]["value"].as_array().unwrap();
    assert_eq!(
        containers(&entries[0]),
        json!({"k:{\"name\":\"LEVEL\"}": {".": {}, "f:name": {}, "f:value": {}}})
    );
    assert_eq!(
        containers(&entries[1]),
        json!({"k:{\"name\":\"OTHER\"}": {".": {}, "f:name": {}, "f:value": {}}})
    );
    assert_eq!(patch[1], json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}));
}

#[test]
fn every_other_pair_that_the_server_refuses_is_found() {
    let web = |fields: Value| {
        let mut container = json!({"name": "web"});
        container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"containers": [container]})
    };
    let of_web = |fields: Value| json!({"f:containers": {"k:{\"name\":\"web\"}": fields}});
    let probe = json!({"livenessProbe": {"httpGet": {"port": 80}}});
    let volume = json!({"containers": [], "volumes": [{"name": "data", "configMap": {"name": "c"}}]});
    let port = json!({"ports": [{"containerPort": 81, "name": "http"}]});
    let cases = [
        (
            "two handlers of a probe, the other's named",
            (
                format!("{POD}.containers[0].livenessProbe.tcpSocket"),
                "Forbidden: may not specify more than 1 handler type",
            ),
            web(probe.clone()),
            live(
                web(
                    json!({"livenessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}, "periodSeconds": 10}}),
                ),
                &[(
                    "kubectl-patch",
                    "Update",
                    of_web(json!({"f:livenessProbe": {"f:tcpSocket": {"f:port": {}}}})),
                )],
            ),
            format!("{POD}.containers[name=\"web\"].livenessProbe.tcpSocket kubectl-patch"),
        ),
        (
            "two handlers of a probe, ours named",
            (
                format!("{POD}.containers[0].livenessProbe.httpGet"),
                "Forbidden: may not specify more than 1 handler type",
            ),
            web(probe),
            live(
                web(json!({"livenessProbe": {"exec": {"command": ["a"]}, "periodSeconds": 10}})),
                &[
                    ("kubectl-edit", "Update", of_web(json!({"f:livenessProbe": {"f:exec": {}}}))),
                    ("todo", "Apply", of_web(json!({".": {}, "f:livenessProbe": {}}))),
                ],
            ),
            format!("{POD}.containers[name=\"web\"].livenessProbe.exec kubectl-edit"),
        ),
        (
            "two sources of a volume",
            (format!("{POD}.volumes[0].configMap"), "Forbidden: may not specify more than 1 volume type"),
            volume,
            live(
                json!({"containers": [], "volumes": [{"name": "data", "emptyDir": {}}]}),
                &[(
                    "helm",
                    "Update",
                    json!({"f:volumes": {"k:{\"name\":\"data\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}}),
                )],
            ),
            format!("{POD}.volumes[name=\"data\"].emptyDir helm"),
        ),
        (
            "two ports of one name",
            (format!("{POD}.containers[0].ports[1].name"), "Duplicate value: \"http\""),
            web(port),
            live(
                web(
                    json!({"ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}, {"containerPort": 9, "protocol": "TCP", "name": "x"}]}),
                ),
                &[(
                    "kubectl-edit",
                    "Update",
                    of_web(json!({"f:ports": {
                        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}},
                        "k:{\"containerPort\":9,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}}})),
                )],
            ),
            format!("{POD}.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"] kubectl-edit"),
        ),
        (
            "a mount of a volume that is no longer there",
            (format!("{POD}.containers[0].volumeMounts[0].name"), "Not found: \"cache\""),
            web(json!({"image": "i"})),
            live(
                web(json!({"volumeMounts": [{"mountPath": "/cache", "name": "cache"}]})),
                &[(
                    "kubectl-patch",
                    "Update",
                    of_web(
                        json!({"f:volumeMounts": {"k:{\"mountPath\":\"/cache\"}": {".": {}, "f:name": {}}}}),
                    ),
                )],
            ),
            format!("{POD}.containers[name=\"web\"].volumeMounts[mountPath=\"/cache\"] kubectl-patch"),
        ),
    ];
    for (name, (field, message), written, there, desired) in cases {
        let found = leftovers(&body(written), &there, &refusal(&field, message));
        assert_eq!(fields(&found), [desired], "{name}");
        assert!(claim(&there, None, &found).is_some(), "{name}");
    }
}

#[test]
fn a_default_belongs_to_nobody_and_is_claimed_as_one() {
    let written = json!({"spec": {"strategy": {"type": "Recreate"}}});
    let there = json!({"apiVersion": "apps/v1", "metadata": {"resourceVersion": "7", "managedFields": [
            entry("todo", "Apply", &json!({"f:spec": {"f:replicas": {}}}))]},
        "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let status = refusal(
        "spec.strategy.rollingUpdate",
        "Forbidden: may not be specified when strategy `type` is 'Recreate'",
    );
    let found = leftovers(&written, &there, &status);
    assert_eq!(fields(&found), ["spec.strategy.rollingUpdate "]);
    let patch = claim(&there, None, &found).unwrap();
    assert_eq!(
        patch[0]["value"][0]["fieldsV1"],
        json!({"f:spec": {"f:replicas": {}, "f:strategy": {"f:rollingUpdate": {}}}})
    );
}

#[test]
fn nothing_is_in_the_way_where_the_manifest_says_it_all_or_only_we_have_set_it() {
    let both =
        json!({"containers": [{"name": "web", "env": [{"name": "A", "value": "1", "valueFrom": {}}]}]});
    let status = refusal(
        &format!("{POD}.containers[0].env[0].valueFrom"),
        "may not be specified when `value` is not empty",
    );
    let old = live(
        json!({"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]}),
        &[(
            "todo",
            "Apply",
            json!({"f:containers": {"k:{\"name\":\"web\"}": {"f:env": {"k:{\"name\":\"A\"}": {"f:value": {}}}}}}),
        )],
    );
    assert_eq!(leftovers(&body(both), &old, &status), []);
    let from = json!({"containers": [{"name": "web", "env": [{"name": "A", "valueFrom": {}}]}]});
    assert_eq!(leftovers(&body(from), &old, &status), [], "what is ours goes by itself");
    assert_eq!(leftovers(&body(json!({})), &old, &refusal("metadata.name", "no")), []);
    assert_eq!(leftovers(&json!({}), &json!({}), &refusal("spec.x[0].y", "no")), []);
}
