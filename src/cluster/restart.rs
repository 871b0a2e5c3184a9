//! New pods without a change: what `kubectl rollout restart` does, by the same annotation, for a project's workloads.
//!
//! Not an apply: the annotation is added to what the manifests declare (as an update, not server-side), so the next
//! `up` finds nothing to change and does not revert it.

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::finalize::read_inventory;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::lock;
use crate::cluster::logs::pick::fits;
use crate::cluster::request::unreadable;
use crate::cluster::target::Target;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Place;
use crate::event::Step;
use crate::fault;
use crate::manifest::Object;
use crate::manifest::shared::Shared;
use crate::pointer;
use crate::run::Run;
use health::live;
use nearest::nearest;
use serde_json::Value;
use serde_json::json;

/// kubectl's own (`kubectl: pkg/polymorphichelpers/objectrestarter.go`).
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Restarts the pods of the workloads called `names`, `web` or `deployment/web`; of all, if there are none. The
/// returned objects are to be waited for.
pub async fn restart(run: &Run, target: &Target, names: &[String]) -> fault::Result<Applied> {
    let inventory = read_inventory(run, target).await?.filter(Inventory::is_deployed);
    let entries = inventory.map(|inventory| inventory.entries).unwrap_or_default();
    let chosen = chosen(&entries, names)?;
    let work = async {
        lock::hold(run, target).await?;
        let (mut applied, wire) = (Applied::default(), target.wire());
        let now = target.clock.now().to_string();
        for entry in chosen {
            applied.objects.extend(one(run, &wire, entry, &now, "restarted".to_owned()).await?);
        }
        Ok(applied)
    };
    lock::scope(run, target, work).await
}

/// Jobs and bare pods run once; no controller recreates their pods.
fn restarts(entry: &InventoryEntry) -> bool {
    let id = &entry.id;
    id.group == "apps"
        && matches!(id.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
        && !entry.kept
}

fn chosen<'a>(entries: &'a [InventoryEntry], names: &[String]) -> fault::Result<Vec<&'a InventoryEntry>> {
    let all: Vec<&InventoryEntry> = entries.iter().filter(|entry| restarts(entry)).collect();
    if all.is_empty() {
        return Err(Code::NothingDeployed
            .fault(fault::FaultKind::Usage, "nothing of the project is deployed")
            .hint("deploy it with `todo up`"));
    }
    let is_called = |entry: &InventoryEntry, name: &String| fits(name, &entry.id.kind, &entry.id.name);
    if let Some(name) = names.iter().find(|name| !all.iter().any(|entry| is_called(entry, name))) {
        let known = || all.iter().map(|entry| entry.id.name.as_str());
        let fault = Code::WorkloadNotFound.fault(
            fault::FaultKind::Usage,
            format!("the project has no workload `{name}` that can be restarted"),
        );
        return Err(match nearest(name, known()) {
            Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
            None => fault.hint(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
        });
    }
    let meant = |entry: &&InventoryEntry| names.is_empty() || names.iter().any(|name| is_called(entry, name));
    Ok(all.into_iter().filter(meant).collect())
}

/// Restarts one workload; `detail` is shown with its item. `None` if it does not exist.
pub(crate) async fn one(
    run: &Run,
    wire: &Wire,
    entry: &InventoryEntry,
    now: &str,
    detail: String,
) -> fault::Result<Option<AppliedObject>> {
    let (id, kind, home) = (&entry.id, entry.kind(), entry.id.namespace.as_deref());
    let item = run.sink.item(Step::Apply, id.to_string());
    let cannot = |failure| unreadable(failure, "cannot restart a workload");
    let Some(before) = wire.get(&kind, home, &id.name).await.map_err(cannot)? else {
        item.finish(Outcome::Skipped, Some("it is not there any more".to_owned()));
        return Ok(None);
    };
    let after = wire.json_patch(&kind, home, &id.name, &patch(&before, now)).await.map_err(cannot)?;
    item.finish(Outcome::Changed, Some(detail));
    Ok(Some(AppliedObject {
        id: id.clone(),
        resource: kind.resource,
        uid: live::uid(&after).to_owned(),
        generation: live::number(&after, "/metadata/generation"),
        outcome: Outcome::Changed,
        object: Object::made(after.clone(), Place::file("the cluster")),
        before: Some(before.into()),
        after: after.into(),
        body: Shared::default(),
        recorded: true,
    }))
}

/// A JSON Patch can add a member only to an existing object.
fn patch(live: &Value, now: &str) -> Value {
    let annotations = "/spec/template/metadata/annotations";
    if live.pointer(annotations).is_some_and(Value::is_object) {
        let member = pointer::below(annotations, RESTARTED_AT);
        return json!([{"op": "add", "path": member, "value": now}]);
    }
    json!([{"op": "add", "path": annotations, "value": {RESTARTED_AT: now}}])
}

#[cfg(test)]
mod tests {
    use super::InventoryEntry;
    use super::chosen;
    use super::patch;
    use crate::cluster::kind;
    use crate::manifest::ObjectId;
    use serde_json::json;

    #[test]
    fn an_annotation_joins_those_that_are_there() {
        let bare = json!({"spec": {"template": {"metadata": {"labels": {}}}}});
        let path = "/spec/template/metadata/annotations";
        assert_eq!(
            patch(&bare, "now"),
            json!([{"op": "add", "path": path, "value": {"kubectl.kubernetes.io/restartedAt": "now"}}])
        );
        let annotated = json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}});
        let path = format!("{path}/kubectl.kubernetes.io~1restartedAt");
        assert_eq!(patch(&annotated, "now"), json!([{"op": "add", "path": path, "value": "now"}]));
    }

    #[test]
    fn what_runs_once_is_not_restarted_and_a_name_that_nothing_has_is_told() {
        let entry = |group: &str, kind: &str, name: &str| {
            let id = ObjectId {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: Some("shop".to_owned()),
                name: name.to_owned(),
            };
            InventoryEntry::new(id, &kind::made(group, "v1", kind, "x", true))
        };
        let entries = [
            entry("apps", "Deployment", "web"),
            entry("apps", "StatefulSet", "database"),
            entry("batch", "Job", "migrate"),
            entry("", "Service", "web"),
        ];
        for (names, expected) in [
            (vec![], Ok("web database")),
            (vec!["database"], Ok("database")),
            (vec!["deployment/web"], Ok("web")),
            (vec!["migrate"], Err("there are web, database")),
            (vec!["databse"], Err("did you mean `database`?")),
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let found = chosen(&entries, &names)
                .map(|found| found.iter().map(|entry| entry.id.name.as_str()).collect::<Vec<_>>().join(" "))
                .map_err(|fault| fault.hints.join(" "));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{names:?}");
        }
        assert!(chosen(&entries[2..], &[]).is_err(), "there is nothing to restart");
    }
}
