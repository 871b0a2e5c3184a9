//! What others allow in the namespace: quotas, limits and webhooks.

use crate::real::trials::deployed::NAMESPACE;
use crate::real::trials::deployed::Shelf;
use crate::real::trials::endpoint::Judges;
use crate::real::trials::endpoint::webhook;
use crate::real::trials::table::play;
use crate::real::trials::table::sample;
use crate::real::trials::table::trial;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const QUOTA: &str = "others-quota";
const LIMITS: &str = "others-limits";
const HOOK: &str = "hook.trial.example";
const NO: &str = "no shelf is changed on a Sunday";

#[test]
#[ignore = "needs minikube"]
fn what_others_forbid_is_named_and_what_they_change_is_left() {
    play(vec![
        sample("policy/quota-pods", quota_pods),
        trial("policy/quota-objects", quota_objects),
        trial("policy/quota-revisions", |shelf| quota_records(shelf, "count/secrets")),
        trial("policy/quota-lock", |shelf| quota_records(shelf, "count/leases.coordination.k8s.io")),
        trial("policy/limits-added", limits_added),
        trial("policy/limits-refuse", limits_refuse),
        trial("policy/limits-claim", limits_claim),
        trial("policy/slow-webhook", |shelf| slow(shelf, 12, 30, true)),
        trial("policy/very-slow-webhook", |shelf| slow(shelf, 28, 30, true)),
        trial("policy/too-slow-webhook", |shelf| slow(shelf, 25, 10, false)),
        trial("policy/absent-webhook", absent),
        trial("policy/absent-webhook-of-all", absent_of_all),
        sample("policy/denying-webhook", |shelf| denying(shelf, &["configmaps", "deployments"], 40)),
        trial("policy/denying-webhook-of-pods", |shelf| denying(shelf, &["pods"], 50)),
        trial("policy/denying-webhook-of-locks", |shelf| denying(shelf, &["leases"], 40)),
        trial("policy/denying-webhook-of-records", |shelf| denying(shelf, &["secrets"], 40)),
        trial("policy/down-denied", |shelf| down_denied(shelf, &["down"])),
        trial("policy/purge-denied", |shelf| down_denied(shelf, &["down", "--purge"])),
    ]);
}

fn quota(shelf: &Shelf, hard: &str) {
    shelf.applies(&json!({"apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": QUOTA, "namespace": NAMESPACE}, "spec": {"hard": {hard: "0"}}}));
    Shelf::until("the quota counts", || {
        shelf
            .harness
            .objects_in(NAMESPACE, "resourcequotas")
            .iter()
            .any(|quota| !quota["status"]["used"].is_null())
    });
}

fn without_quota(shelf: &Shelf) {
    shelf.harness.kubectl(&["delete", "resourcequota", QUOTA, "-n", NAMESPACE]);
    shelf.recovers();
}

fn quota_pods(shelf: &Shelf) {
    quota(shelf, "pods");
    shelf.edit();
    shelf.ended(&["up"]).failed_with(50, &["Deployment/shelf", QUOTA]);
    without_quota(shelf);
}

fn quota_objects(shelf: &Shelf) {
    shelf.harness.kubectl(&["delete", "configmap", "labels-of-shelves", "-n", NAMESPACE]);
    quota(shelf, "count/configmaps");
    shelf.ended(&["up"]).failed_with(40, &["ConfigMap/labels-of-shelves", QUOTA]);
    without_quota(shelf);
}

/// The program's own objects are refused, which no manifest is to blame for.
fn quota_records(shelf: &Shelf, hard: &str) {
    quota(shelf, hard);
    shelf.edit();
    shelf.ended(&["up"]).failed_with(40, &[QUOTA]);
    without_quota(shelf);
}

fn limits(shelf: &Shelf, limit: &Value) {
    shelf.applies(&json!({"apiVersion": "v1", "kind": "LimitRange",
        "metadata": {"name": LIMITS, "namespace": NAMESPACE}, "spec": {"limits": [limit]}}));
}

fn without_limits(shelf: &Shelf) {
    shelf.harness.kubectl(&["delete", "limitrange", LIMITS, "-n", NAMESPACE]);
    shelf.recovers();
}

/// Pods get limits that no manifest names; nothing of that is a difference.
fn limits_added(shelf: &Shelf) {
    limits(
        shelf,
        &json!({"type": "Container", "default": {"cpu": "300m"}, "defaultRequest": {"cpu": "15m"}}),
    );
    shelf.edit();
    shelf.recovers();
    without_limits(shelf);
}

fn limits_refuse(shelf: &Shelf) {
    limits(shelf, &json!({"type": "Container", "max": {"memory": "24Mi"}}));
    shelf.edit();
    shelf.ended(&["up"]).failed_with(50, &["Deployment/shelf", "24Mi"]);
    without_limits(shelf);
}

fn limits_claim(shelf: &Shelf) {
    limits(shelf, &json!({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}}));
    let manifest = shelf.harness.path("manifests/more.yaml");
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "more"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Mi"}}}});
    std::fs::write(&manifest, claim.to_string()).unwrap();
    shelf.ended(&["up"]).failed_with(40, &["PersistentVolumeClaim/more", "1Gi"]);
    std::fs::remove_file(manifest).unwrap();
    without_limits(shelf);
}

/// A webhook for these resources of the namespace.
fn hook(shelf: &Shelf, resources: &[&str], operations: &[&str], seconds: u64, client: &Value) {
    shelf.applies(
        &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": HOOK, "labels": {"trial": "disturbance"}},
        "webhooks": [{"name": HOOK, "clientConfig": client, "failurePolicy": "Fail", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": seconds,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": operations,
                "resources": resources, "scope": "Namespaced"}]}]}),
    );
}

fn without_hook(shelf: &Shelf) {
    shelf.harness.kubectl(&["delete", "validatingwebhookconfiguration", HOOK]);
    shelf.recovers();
}

/// A webhook of this process.
fn judging(shelf: &Shelf, judges: Judges) -> Value {
    let address = shelf.harness.gateway();
    let (port, trusted) = webhook(&address, judges);
    json!({"url": format!("https://{address}:{port}/judge"), "caBundle": trusted})
}

/// The Service of a webhook that was taken away with its configuration left behind.
fn nowhere() -> Value {
    json!({"service": {"name": "gone", "namespace": "nowhere", "path": "/judge"}})
}

fn slow(shelf: &Shelf, after: u64, limit: u64, ends_well: bool) {
    let client = judging(shelf, Judges { after: Duration::from_secs(after), denies: None });
    hook(shelf, &["configmaps", "deployments", "statefulsets"], &["CREATE", "UPDATE"], limit, &client);
    shelf.edit();
    let ended = shelf.ended(&["up"]);
    if ends_well {
        assert_eq!(ended.code, Some(0), "{ended:?}");
    } else {
        ended.failed_with(40, &[HOOK]);
    }
    without_hook(shelf);
}

fn absent(shelf: &Shelf) {
    hook(shelf, &["deployments"], &["CREATE", "UPDATE"], 5, &nowhere());
    shelf.edit();
    shelf.ended(&["up"]).failed_with(40, &["Deployment/shelf", HOOK]);
    without_hook(shelf);
}

fn absent_of_all(shelf: &Shelf) {
    hook(shelf, &["*"], &["*"], 5, &nowhere());
    shelf.edit();
    shelf.ended(&["up"]).failed_with(40, &[HOOK]);
    shelf.ended(&["down"]).failed_with(40, &[HOOK]);
    without_hook(shelf);
}

fn denying(shelf: &Shelf, resources: &[&str], code: i32) {
    let client = judging(shelf, Judges { after: Duration::ZERO, denies: Some(NO) });
    hook(shelf, resources, &["CREATE", "UPDATE"], 10, &client);
    shelf.edit();
    shelf.ended(&["up"]).failed_with(code, &[NO]);
    without_hook(shelf);
}

fn down_denied(shelf: &Shelf, arguments: &[&str]) {
    let client = judging(shelf, Judges { after: Duration::ZERO, denies: Some(NO) });
    hook(shelf, &["configmaps"], &["DELETE"], 10, &client);
    shelf.ended(arguments).failed_with(40, &["ConfigMap/", NO]);
    shelf.harness.kubectl(&["delete", "validatingwebhookconfiguration", HOOK]);
    shelf.goes(arguments);
    shelf.recovers();
}
