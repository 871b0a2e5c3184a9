//! Deletes objects: in reverse phases, only those meant, and waits until they are gone.
//!
//! Every deletion names the UID, so an object that another client has recreated under the same name is not touched.
//! Finalizers are explained, never removed.

use crate::cluster::gone::GONE;
use crate::cluster::gone::gone;
use crate::cluster::gone::stuck;
use crate::cluster::order::Order;
use crate::cluster::order::Turn;
use crate::cluster::phase::owns_pods;
use crate::cluster::refusal::annotation;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::uid_of;
use crate::cluster::retry::retry;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use std::collections::BTreeMap;

/// Deletes `terminal` and waits until all of it is gone, one phase after the other.
pub(crate) async fn delete(
    run: &Run,
    wire: &Wire,
    step: Step,
    terminal: BTreeMap<ObjectId, OwnedObject>,
) -> fault::Result<Vec<ObjectId>> {
    let order = Order::from_objects(terminal.iter().map(|(id, member)| (id, &*member.object)));
    let mut turns: BTreeMap<(Turn, bool), Vec<(ObjectId, OwnedObject)>> = BTreeMap::new();
    for (id, member) in terminal {
        // A namespace is deleted after the CRDs: their objects may be in it.
        turns.entry((order.turn(&id), id.kind != "Namespace")).or_default().push((id, member));
    }
    let mut deleted = Vec::new();
    for (_, these) in turns.into_iter().rev() {
        let results: Vec<Result<ObjectId, Finding>> = stream::iter(these)
            .map(|(id, member)| async move { one(run, wire, step, &id, &member).await.map(|()| id) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut findings = Vec::new();
        for result in results {
            match result {
                Ok(id) => deleted.push(id),
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            let message = match findings.len() {
                1 => "an object could not be removed".to_owned(),
                count => format!("{count} objects could not be removed"),
            };
            return Err(Code::DeletionStuck
                .fault(fault::FaultKind::Apply, message)
                .findings(findings)
                .hint("what is left is still listed; do it again when the cause is gone"));
        }
    }
    Ok(deleted)
}

async fn one(run: &Run, wire: &Wire, step: Step, id: &ObjectId, member: &OwnedObject) -> Result<(), Finding> {
    let item = run.sink.item(step, id.to_string());
    let propagation =
        if owns_pods(&id.group, &id.kind) { Propagation::Foreground } else { Propagation::Background };
    let (namespace, uid) = (id.namespace.as_deref(), uid_of(&member.object));
    let refused = |failure: Failure| {
        Code::DeletionFailed.error(failure.to_string()).about(id.to_string()).help(format!(
            "try it by hand: `kubectl {}delete {}/{}`",
            flag(namespace),
            id.kind.to_lowercase(),
            id.name
        ))
    };
    // An object that is already being deleted keeps the propagation policy of the client that deleted it.
    let stays = !member.object["metadata"]["deletionTimestamp"].is_null()
        || retry(
            |why| item.waiting(why),
            || wire.delete(&member.kind, namespace, &id.name, uid, propagation),
        )
        .await
        .map_err(refused)?;
    if stays {
        item.waiting("until it is gone");
        let left = retry(
            |why| item.waiting(why),
            || gone(wire, &member.kind, id, uid, GONE, |held| item.waiting(held)),
        );
        if let Some(seen) = left.await.map_err(refused)? {
            return Err(stuck(id, &seen));
        }
    }
    item.finish(Outcome::Removed, None);
    Ok(())
}

fn flag(namespace: Option<&str>) -> String {
    namespace.map_or(String::new(), |namespace| format!("-n {namespace} "))
}

/// The annotation by which an object is to be kept when it is no longer in the manifests, as any common tool spells
/// it.
pub(crate) fn keep_annotation(object: &Value) -> Option<&'static str> {
    let has = |name: &str, value: &str| {
        annotation(object, name).is_some_and(|found| found.split(',').any(|part| part.trim() == value))
    };
    [
        ("todo.dev/keep", "true"),
        ("helm.sh/resource-policy", "keep"),
        ("cli-utils.sigs.k8s.io/on-remove", "keep"),
        ("client.lifecycle.config.k8s.io/deletion", "detach"),
        ("kapp.k14s.io/delete-strategy", "orphan"),
        ("argocd.argoproj.io/sync-options", "Prune=false"),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ]
    .into_iter()
    .find(|(name, value)| has(name, value))
    .map(|(name, _)| name)
}

/// Whether a controller, not a person, decides about an object.
pub(crate) fn is_controlled(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    let owners = object["metadata"]["ownerReferences"].as_array();
    // EndpointSlices carry the labels of their Service.
    matches!(kind, "Endpoints" | "EndpointSlice")
        || owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
}

#[cfg(test)]
mod tests {
    use super::is_controlled;
    use super::keep_annotation;
    use serde_json::json;

    #[test]
    fn the_keep_marks_of_every_tool_are_honoured() {
        for (name, value) in [
            ("todo.dev/keep", "true"),
            ("helm.sh/resource-policy", "keep"),
            ("argocd.argoproj.io/sync-options", "Validate=false,Prune=false"),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
        ] {
            assert_eq!(keep_annotation(&json!({"metadata": {"annotations": {name: value}}})), Some(name));
        }
        assert_eq!(keep_annotation(&json!({"metadata": {"annotations": {"todo.dev/keep": "false"}}})), None);
        assert_eq!(keep_annotation(&json!({"metadata": {}})), None);
    }

    #[test]
    fn what_a_controller_made_is_not_ours_to_delete() {
        assert!(is_controlled(&json!({"kind": "EndpointSlice", "metadata": {}})));
        assert!(is_controlled(
            &json!({"kind": "Pod", "metadata": {"ownerReferences": [{"controller": true}]}})
        ));
        assert!(!is_controlled(&json!({"kind": "Pod", "metadata": {"ownerReferences": [{"uid": "1"}]}})));
    }
}
