//! The codes of what keeps a claim from being bound, and the evidence shown with a cause.

use crate::cluster::blame::tell;
use crate::cluster::blame::tell::CauseContext;
use crate::event::Code;
use health::cause::claim::symptom;
use health::cause::pod;
use health::snapshot::Snapshot;
use serde_json::Value;
use serde_json::json;

fn event(reason: &str, kind: &str, message: &str) -> Value {
    json!({"kind": "Event", "metadata": {"name": reason}, "type": kind, "reason": reason, "message": message,
           "involvedObject": {"uid": "claim"}})
}

/// The diagnosis of a claim of that class, in a cluster that has the class `standard`.
fn code(class: &str, events: &[Value]) -> Option<Code> {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop", "uid": "claim"},
        "spec": {"storageClassName": class}, "status": {"phase": "Pending"}});
    let standard = json!({"kind": "StorageClass", "metadata": {"name": "standard"}});
    let snapshot = Snapshot::from_objects(&[&[claim.clone(), standard], events].concat());
    let symptom = symptom(&claim, &snapshot)?;
    let inputs = CauseContext {
        subject: &claim,
        applied: None,
        pod: None,
        snapshot: &snapshot,
        tail: None,
        profile: None,
    };
    Some(tell::finding(&symptom, &inputs).code)
}

#[test]
fn a_claim_lacks_its_class_or_its_volume_or_only_time() {
    let waits = || {
        let waiting = "Waiting for a volume to be created either by the external provisioner 'a.example/disk' or manually";
        event("ExternalProvisioning", "Normal", waiting)
    };
    for (class, events, expected) in [
        ("fast", vec![], Some(Code::StorageClassMissing)),
        ("standard", vec![], None),
        ("standard", vec![waits()], Some(Code::VolumeProvisioningFailed)),
        // The provisioner has answered, and is at work.
        (
            "standard",
            vec![waits(), event("Provisioning", "Normal", "External provisioner is provisioning volume")],
            None,
        ),
        (
            "standard",
            vec![waits(), event("ProvisioningFailed", "Warning", "failed to provision volume: quota")],
            Some(Code::VolumeProvisioningFailed),
        ),
    ] {
        assert_eq!(code(class, &events), expected, "{class} {events:?}");
    }
}

#[test]
fn the_pod_that_makes_minikubes_volumes_is_told_as_it_is() {
    let pod = |name: &str, ready: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "kube-system"},
               "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    };
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop", "uid": "claim"},
        "spec": {"storageClassName": "standard"}, "status": {"phase": "Pending"}});
    let waiting = "Waiting for a volume to be created either by the external provisioner 'k8s.io/minikube-hostpath' or manually";
    let message = |pods: &[Value]| {
        let waits = event("ExternalProvisioning", "Normal", waiting);
        let snapshot = Snapshot::from_objects(&[&[claim.clone(), waits], pods].concat());
        let inputs = CauseContext {
            subject: &claim,
            applied: None,
            pod: None,
            snapshot: &snapshot,
            tail: None,
            profile: None,
        };
        tell::finding(&symptom(&claim, &snapshot).unwrap(), &inputs).message
    };
    let other = || pod("coredns", "True");
    let cases = [
        message(&[other(), pod("storage-provisioner", "True")]),
        message(&[other(), pod("storage-provisioner", "False")]),
        message(&[other()]),
        message(&[]),
    ];
    let ends =
        ["is ready and does not answer", "is not ready", "is not there", "is not there or does not answer"];
    for (text, end) in cases.iter().zip(ends) {
        assert!(text.ends_with(&format!("storage-provisioner {end}")), "{text}");
    }
}

#[test]
fn a_volume_that_was_mounted_in_the_end_is_shown_beside_no_other_cause() {
    let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "web:1 is not there"}});
    let message = "MountVolume.SetUp failed for volume \"a\" : failed to sync configmap cache: timed out";
    // the container's state, and whether the event is shown
    for (state, shown) in [
        (waiting("ErrImageNeverPull"), false),
        (waiting("CrashLoopBackOff"), false),
        (json!({"terminated": {"exitCode": 1, "reason": "Error"}}), false),
        (waiting("ContainerCreating"), true),
    ] {
        let web = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "uid": "claim"},
            "spec": {"nodeName": "mini", "containers": [{"name": "web"}]},
            "status": {"containerStatuses": [{"name": "web", "restartCount": 3, "state": state,
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}});
        let snapshot = Snapshot::from_objects(&[web.clone(), event("FailedMount", "Warning", message)]);
        let symptom = pod::symptoms(&web, &snapshot).remove(0);
        let pod = Some(&web);
        let inputs = CauseContext {
            subject: &web,
            applied: None,
            pod,
            snapshot: &snapshot,
            tail: None,
            profile: None,
        };
        let evidence = tell::finding(&symptom, &inputs).evidence;
        assert_eq!(
            evidence.iter().any(|line| line.contains("failed to sync")),
            shown,
            "{state} {evidence:?}"
        );
    }
}
