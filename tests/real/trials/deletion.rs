//! A namespace that is being deleted when `up` begins, and finalizers that no controller removes.

use crate::real::trials::deployed::NAMESPACE;
use crate::real::trials::deployed::Shelf;
use crate::real::trials::disturbed::disturbed;
use crate::real::trials::disturbed::says;
use crate::real::trials::table::play;
use crate::real::trials::table::sample;
use crate::real::trials::table::trial;
use serde_json::json;

/// A finalizer whose controller does not exist.
const NEVER: &str = "trial.example/never";

/// A ConfigMap of the project.
const OURS: &str = "labels-of-shelves";

/// A ConfigMap that only some of the trials have.
const HELD: &str = "held";

#[test]
#[ignore = "needs minikube"]
fn what_is_being_deleted_is_waited_for_and_named() {
    play(vec![
        sample("deletion/namespace", namespace),
        trial("deletion/namespace-held", namespace_held),
        sample("deletion/pruned-and-freed", pruned_and_freed),
        trial("deletion/pruned-held", pruned_held),
        trial("deletion/wanted-held", wanted_held),
        trial("deletion/down-held", |shelf| down_held(shelf, &["down"])),
        trial("deletion/purge-held", |shelf| down_held(shelf, &["down", "--purge"])),
    ]);
}

fn namespace(shelf: &Shelf) {
    shelf.harness.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    shelf.recovers();
}

fn namespace_held(shelf: &Shelf) {
    shelf.applies(&json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"of": "others"},
        "metadata": {"name": HELD, "namespace": NAMESPACE, "finalizers": [NEVER]}}));
    shelf.harness.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    shelf.ended(&["up"]).failed_with(40, &[NAMESPACE, NEVER]);
    shelf.ended(&["down"]).failed_with(40, &[NAMESPACE, NEVER]);
    free(shelf, HELD);
    shelf.recovers();
}

/// A manifest with a finalizer is deployed and taken out of the project.
fn pruned(shelf: &Shelf) {
    let manifest = shelf.harness.path("manifests/held.yaml");
    let text =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {HELD}\n  finalizers: [{NEVER}]\n");
    std::fs::write(&manifest, text).unwrap();
    shelf.harness.up();
    std::fs::remove_file(manifest).unwrap();
}

fn pruned_and_freed(shelf: &Shelf) {
    pruned(shelf);
    let ended = disturbed(&shelf.harness, &["up"], &says(NEVER), |_| free(shelf, HELD));
    assert_eq!(ended.code, Some(0), "what holds it is named while it is waited for, and it goes");
    assert!(ended.after.is_some(), "{NEVER} is not named:\n{}", ended.text());
    shelf.recovers();
}

fn pruned_held(shelf: &Shelf) {
    pruned(shelf);
    for _ in 0..2 {
        shelf.ended(&["up"]).failed_with(40, &[HELD, NEVER]);
    }
    free(shelf, HELD);
    shelf.recovers();
}

fn wanted_held(shelf: &Shelf) {
    hold(shelf, OURS);
    shelf.harness.kubectl(&["delete", "configmap", OURS, "-n", NAMESPACE, "--wait=false"]);
    shelf.ended(&["up"]).failed_with(40, &[OURS, NEVER]);
    free(shelf, OURS);
    shelf.recovers();
}

fn down_held(shelf: &Shelf, arguments: &[&str]) {
    hold(shelf, OURS);
    for _ in 0..2 {
        shelf.ended(arguments).failed_with(40, &[OURS, NEVER]);
    }
    free(shelf, OURS);
    shelf.goes(arguments);
    shelf.recovers();
}

fn hold(shelf: &Shelf, name: &str) {
    let patch = json!({"metadata": {"finalizers": [NEVER]}}).to_string();
    shelf.harness.kubectl(&["patch", "configmap", name, "-n", NAMESPACE, "--type=merge", "-p", &patch]);
}

fn free(shelf: &Shelf, name: &str) {
    let patch = json!({"metadata": {"finalizers": null}}).to_string();
    shelf.harness.kubectl(&["patch", "configmap", name, "-n", NAMESPACE, "--type=merge", "-p", &patch]);
}
