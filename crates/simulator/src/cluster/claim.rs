//! PersistentVolumeClaims: a volume of their class, made at once, as minikube's provisioner does.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_dying;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const SOURCE: &str = "persistentvolume-controller";
const PROVISIONER: &str = "k8s.io/minikube-hostpath";
const ASKED: &str = "volume.kubernetes.io/storage-provisioner";
/// As it was called before Kubernetes 1.23, and is still written.
const ASKED_ONCE: &str = "volume.beta.kubernetes.io/storage-provisioner";
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Time between two attempts where there is no class.
const RETRY: Duration = Duration::from_secs(15);
/// How long the provisioner takes.
const MAKING: Duration = Duration::from_millis(150);

/// Looks at one claim.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(claim) = ctx.get(kinds::CLAIM, namespace, name) else { return };
    if is_dying(&claim) {
        let uses = |pod: &Value| {
            !has_ended(pod)
                && pod["spec"]["volumes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|volume| volume["persistentVolumeClaim"]["claimName"] == name)
        };
        if ctx.find(kinds::POD, Some(namespace), uses).is_empty() {
            release(ctx, claim);
        }
        return;
    }
    if claim["status"]["phase"] == "Bound" {
        return;
    }
    let desired = text(&claim["spec"]["volumeName"]);
    if !desired.is_empty() {
        if let Some(volume) = ctx.get(kinds::VOLUME, "", &desired)
            && volume["spec"]["claimRef"].get("uid").is_none_or(|uid| *uid == claim["metadata"]["uid"])
        {
            bind(ctx, claim, volume);
        }
        return;
    }
    let class = text(&claim["spec"]["storageClassName"]);
    if let Some(volume) = free(ctx, &claim, &class) {
        bind(ctx, claim, volume);
        return;
    }
    if class.is_empty() {
        const WHY: &str = "no persistent volumes available for this claim and no storage class is set";
        ctx.event(&claim, "", SOURCE, "Normal", "FailedBinding", WHY);
        ctx.again(RETRY, Task::for_object(Controller::Claim, &claim));
        return;
    }
    let Some(class) = ctx.get(kinds::CLASS, "", &class) else {
        let why = format!("storageclass.storage.k8s.io \"{class}\" not found");
        ctx.warn(&claim, SOURCE, "ProvisioningFailed", &why);
        ctx.again(RETRY, Task::for_object(Controller::Claim, &claim));
        return;
    };
    if class["provisioner"] != PROVISIONER {
        return;
    }
    if claim["metadata"]["annotations"][ASKED].is_null() {
        let mut claim = claim;
        claim["metadata"]["annotations"][ASKED] = json!(PROVISIONER);
        claim["metadata"]["annotations"][ASKED_ONCE] = json!(PROVISIONER);
        let why = format!(
            "Waiting for a volume to be created either by the external provisioner '{PROVISIONER}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        );
        ctx.emit_event(&claim, SOURCE, "ExternalProvisioning", &why);
        ctx.again(MAKING, Task::for_object(Controller::Claim, &claim));
        ctx.keep(claim);
        return;
    }
    // It answers on its own time, not at the change that was made for it.
    if !ctx.due {
        return;
    }
    let asked = format!("External provisioner is provisioning volume for claim \"{namespace}/{name}\"");
    ctx.emit_event(&claim, "k8s.io/minikube-hostpath", "Provisioning", &asked);
    let volume = make(ctx, &claim, &class);
    let made = format!("Successfully provisioned volume {}", text(&volume["metadata"]["name"]));
    ctx.emit_event(&claim, "k8s.io/minikube-hostpath", "ProvisioningSucceeded", &made);
    bind(ctx, claim, volume);
}

/// An existing volume that satisfies the claim.
fn free(ctx: &ControllerContext<'_>, claim: &Value, class: &str) -> Option<Value> {
    let fits = |volume: &Value| {
        text(&volume["spec"]["storageClassName"]) == class
            && (volume["spec"]["claimRef"].is_null()
                || volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
                || (volume["spec"]["claimRef"]["uid"].is_null()
                    && volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"]
                    && volume["spec"]["claimRef"]["namespace"] == claim["metadata"]["namespace"]))
            && !is_dying(volume)
    };
    ctx.find(kinds::VOLUME, None, fits).into_iter().next()
}

fn make(ctx: &mut ControllerContext<'_>, claim: &Value, class: &Value) -> Value {
    let name = format!("pvc-{}", text(&claim["metadata"]["uid"]));
    let (namespace, of) = (text(&claim["metadata"]["namespace"]), text(&claim["metadata"]["name"]));
    ctx.put(json!({"apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {
            "hostPathProvisionerIdentity": "rehearsal", "pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "hostPath": {"path": format!("/tmp/hostpath-provisioner/{namespace}/{of}"), "type": ""},
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "storageClassName": class["metadata"]["name"], "volumeMode": "Filesystem"},
        "status": {"phase": "Pending"}}))
}

fn bind(ctx: &mut ControllerContext<'_>, mut claim: Value, mut volume: Value) {
    let metadata = &claim["metadata"];
    volume["spec"]["claimRef"] = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]});
    volume["status"] = json!({"phase": "Bound"});
    volume["metadata"]["finalizers"] = json!(["kubernetes.io/pv-protection"]);
    claim["spec"]["volumeName"] = volume["metadata"]["name"].clone();
    for annotation in ["bind-completed", "bound-by-controller"] {
        claim["metadata"]["annotations"][format!("pv.kubernetes.io/{annotation}")] = json!("yes");
    }
    claim["status"] = json!({"phase": "Bound", "accessModes": volume["spec"]["accessModes"],
        "capacity": volume["spec"]["capacity"]});
    ctx.keep(volume);
    ctx.keep(claim);
}

/// The claim is no longer used: it is deleted, and its volume according to the reclaim policy.
fn release(ctx: &mut ControllerContext<'_>, mut claim: Value) {
    let all = claim["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let left: Vec<Value> = all.into_iter().filter(|item| item != PROTECTION).collect();
    if !left.is_empty() {
        claim["metadata"]["finalizers"] = json!(left);
        ctx.keep(claim);
        return;
    }
    ctx.forget(&claim);
    if let Some(mut volume) = ctx.get(kinds::VOLUME, "", &text(&claim["spec"]["volumeName"])) {
        if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
            ctx.forget(&volume);
        } else {
            volume["status"]["phase"] = json!("Released");
            ctx.keep(volume);
        }
    }
}
