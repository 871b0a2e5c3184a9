//! Broken pods of a StatefulSet that was rolled back: its controller waits for them for ever, so they are deleted.
//!
//! Kubernetes calls this a forced rollback (`concepts/workloads/controllers/statefulset`): the template is right
//! again, but the pod that cannot become ready was created from the wrong one. Its claims stay.

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::kind;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::run::Run;
use health::live;
use serde_json::Value;
use std::time::Duration;

/// Time limit for the controller to observe the new generation; after that the tracker reports what is missing.
const SEEN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

/// Deletes the pods that block the rollout of a StatefulSet that was just written.
pub async fn forced_rollback(run: &Run, target: &Target, applied: &Applied) -> Result<()> {
    let sets = applied.objects.iter().filter(|object| {
        object.id.kind == "StatefulSet" && object.id.group == "apps" && object.outcome != Outcome::Unchanged
    });
    let wire = target.wire();
    for set in sets {
        free(run, &wire, set).await?;
    }
    Ok(())
}

async fn free(run: &Run, wire: &Wire, set: &AppliedObject) -> Result<()> {
    let Some(live) = seen(run, wire, set).await? else { return Ok(()) };
    let (pod, home) = (kind::core("Pod"), set.id.namespace.as_deref());
    let pods = retry(report_waiting(run, Step::Apply, "pods"), || wire.list(&pod, home, ""))
        .await
        .map_err(|failure| unreadable(failure, "cannot read the pods that hold a StatefulSet up"))?;
    for stuck in pods.iter().filter(|pod| is_stuck(pod, &live)) {
        let item = run.sink.item(Step::Apply, live::id(stuck).to_string());
        retry(report_waiting(run, Step::Apply, live::name(stuck)), || {
            wire.delete(&pod, home, live::name(stuck), live::uid(stuck), Propagation::Background)
        })
        .await
        .map_err(|failure| unreadable(failure, "cannot delete a pod that holds its StatefulSet up"))?;
        item.finish(Outcome::Removed, Some(format!("{} waits for it for ever", set.id)));
    }
    Ok(())
}

/// The StatefulSet, once its controller has observed the new generation.
async fn seen(run: &Run, wire: &Wire, set: &AppliedObject) -> Result<Option<Value>> {
    let kind = ApiKind { resource: set.resource.clone(), namespaced: true };
    let until = tokio::time::Instant::now() + SEEN;
    loop {
        let live = retry(report_waiting(run, Step::Apply, &set.id.name), || {
            wire.get(&kind, set.id.namespace.as_deref(), &set.id.name)
        })
        .await
        .map_err(|failure| unreadable(failure, "cannot read a StatefulSet"))?;
        let Some(live) = live else { return Ok(None) };
        if live::number(&live, "/status/observedGeneration") >= set.generation {
            return Ok(Some(live));
        }
        if tokio::time::Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the pod is of another revision than the desired one, and not ready.
fn is_stuck(pod: &Value, set: &Value) -> bool {
    let desired = live::text(set, "/status/updateRevision");
    live::controller_uid(pod) == live::uid(set)
        && !desired.is_empty()
        && live::label(pod, "controller-revision-hash") != desired
        && !live::is_terminating(pod)
        && !live::holds(pod, "Ready")
}

#[cfg(test)]
mod tests {
    use super::is_stuck;
    use serde_json::json;

    #[test]
    fn only_pods_of_another_revision_that_are_not_ready_go() {
        let set = json!({"metadata": {"uid": "db"}, "status": {"updateRevision": "db-1"}});
        let pod = |owner: &str, revision: &str, ready: &str, deleted: Option<&str>| {
            json!({"metadata": {"labels": {"controller-revision-hash": revision}, "deletionTimestamp": deleted,
                                "ownerReferences": [{"controller": true, "uid": owner}]},
                   "status": {"conditions": [{"type": "Ready", "status": ready}]}})
        };
        assert!(is_stuck(&pod("db", "db-2", "False", None), &set));
        for (other, why) in [
            (pod("db", "db-1", "False", None), "it is of the wanted revision"),
            (pod("db", "db-2", "True", None), "it is ready"),
            (pod("web", "db-2", "False", None), "it is not of the set"),
            (pod("db", "db-2", "False", Some("2026-01-01T00:00:00Z")), "it goes already"),
        ] {
            assert!(!is_stuck(&other, &set), "{why}");
        }
    }
}
